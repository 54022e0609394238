"""What is told of virtual routers: scripts with keepalived's arguments, lines, mail."""

import pytest

from trimaran.model.notification import Letter, Notify
from trimaran.model.script import Script
from trimaran.vrrp.notices import Happened, News, Subject, notice, of_deletion

OWN = {name: Script((f"/{name}",)) for name in ("master", "backup", "fault", "stop", "deleted")}
ANY = Script(("/any", "first"), "nobody", "nogroup")
ALL = Notify(**OWN, any=ANY, master_rx_lower_pri=Script(("/lower",)))
INSTANCE, GROUP = Subject.INSTANCE, Subject.GROUP


@pytest.mark.parametrize("state", ["MASTER", "BACKUP", "FAULT", "STOP", "DELETED"])
def test_the_script_of_a_state_comes_before_that_of_any(state: str) -> None:
    told = notice(Happened(INSTANCE, "VI 1", News(state), 99), ALL)
    assert told is not None
    assert told.scripts == (
        Script((f"/{state.lower()}",)),
        Script(("/any", "first", "INSTANCE", "VI 1", state, "99"), "nobody", "nogroup"),
    )
    assert told.line == f'INSTANCE "VI 1" {state} 99'


def test_a_group_has_priority_0() -> None:
    told = notice(Happened(GROUP, "G", News.MASTER), Notify(any=Script(("/any",))))
    assert told is not None
    assert told.scripts == (Script(("/any", "GROUP", "G", "MASTER", "0")),)
    assert told.line == 'GROUP "G" MASTER 0'


def test_what_is_no_state_replaces_none_that_waits() -> None:
    state = notice(Happened(INSTANCE, "a", News.MASTER, 9), ALL)
    lower = notice(Happened(INSTANCE, "a", News.MASTER_RX_LOWER_PRI, 9), ALL)
    assert state is not None
    assert lower is not None
    assert lower.scripts == (Script(("/lower",)),)
    assert lower.line == 'INSTANCE "a" MASTER_RX_LOWER_PRI 9'
    assert state.subject == lower.subject
    assert state.kind != lower.kind


def test_priorities_are_told_to_fifos_and_only_if_asked_for() -> None:
    happened = Happened(INSTANCE, "a", News.BACKUP_PRIORITY, 40)
    assert notice(happened, ALL) is None
    told = notice(happened, Notify(any=ANY, priority_changes=True))
    assert told is not None
    assert (told.scripts, told.line) == ((), 'INSTANCE "a" BACKUP_PRIORITY 40')


def test_a_deletion_is_a_fault_unless_asked_for() -> None:
    told = of_deletion("a", ALL)
    assert told is not None
    assert told.line == 'INSTANCE "a" FAULT 0'
    told = of_deletion("a", Notify(deletion=True, any=Script(("/any",))))
    assert told is not None
    assert told.scripts == (Script(("/any", "INSTANCE", "a", "DELETED", "0")),)


@pytest.mark.parametrize(
    ("happened", "letter"),
    [
        (
            Happened(INSTANCE, "A", News.MASTER, 100),
            Letter("VRRP Instance A - Entering MASTER state",
                   "=> VRRP Instance is now owning VRRP VIPs <="),
        ),
        (
            Happened(INSTANCE, "A", News.FAULT, 100, first=True),
            Letter("VRRP Instance A - Entering FAULT state",
                   "=> VRRP Instance is no longer owning VRRP VIPs <="),
        ),
        (
            Happened(GROUP, "G", News.BACKUP),
            Letter("VRRP Group G - Entering BACKUP state",
                   "=> All VRRP group instances are now in BACKUP state <="),
        ),
        (Happened(INSTANCE, "A", News.BACKUP, 100, first=True), None),
        (Happened(INSTANCE, "A", News.STOP, 100), None),
    ],
)  # fmt: skip
def test_mail_is_as_keepalived_writes_it(happened: Happened, letter: Letter | None) -> None:
    told = notice(happened, Notify(mail=True))
    silent = notice(happened, Notify())
    assert told is not None
    assert silent is not None
    assert told.letter == letter
    assert silent.letter is None
