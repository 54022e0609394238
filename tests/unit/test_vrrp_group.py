"""Sync groups: what members are told, and what a member does about it."""

from dataclasses import replace

import pytest
from vrrp_transcript import ROUTER, play

from trimaran.vrrp.actions import State
from trimaran.vrrp.events import Demoted, Event, GroupFault, Promoted
from trimaran.vrrp.group import Group, Member, group_state

MASTER, BACKUP = Member(State.MASTER), Member(State.BACKUP)
CANDIDATE = Member(State.BACKUP, candidate=True)
FOLLOWER = Member(State.BACKUP, follows=True)
BROKEN = Member(State.FAULT, fault="eth2 is down")
INIT = Member(State.INIT)
LB = replace(ROUTER, priority=50, group="g")

BACKUP_FIRST = """
0        up 192.168.1.102
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
3.8046875 timer
"""


@pytest.mark.parametrize(
    ("members", "orders"),
    [
        ((BACKUP, BACKUP), []),
        ((MASTER, MASTER), []),
        ((CANDIDATE, BACKUP), []),
        ((CANDIDATE, INIT), []),
        ((CANDIDATE, CANDIDATE), [("a", Promoted()), ("b", Promoted())]),
        ((MASTER, CANDIDATE), [("b", Promoted())]),
        ((MASTER, BACKUP), []),  # one that a reload has put in waits its turn
        ((MASTER, FOLLOWER), [("a", Demoted("b of its sync group is backup"))]),
        ((BACKUP, BROKEN), [("a", GroupFault("b of its sync group: eth2 is down"))]),
        ((replace(BACKUP, shared_fault="x"), BACKUP), [("a", GroupFault(None))]),
        ((Member(State.STOP), BROKEN), []),
    ],
)
def test_what_a_group_tells(members: tuple[Member, ...], orders: list[tuple[str, Event]]) -> None:
    assert Group().settle(dict(zip("ab", members, strict=True))) == orders


def test_one_that_loses_its_mastership_takes_the_rest_along() -> None:
    group = Group()
    assert group.settle({"a": MASTER, "b": MASTER}) == []
    assert group.settle({"a": BACKUP, "b": MASTER}) == [
        ("b", Demoted("a of its sync group is backup"))
    ]


@pytest.mark.parametrize(
    ("members", "state"),
    [
        ((MASTER, MASTER), State.MASTER),
        ((MASTER, BACKUP), State.BACKUP),
        ((BROKEN, BACKUP), State.FAULT),
        ((INIT, BACKUP), State.INIT),
        ((Member(State.STOP), Member(State.STOP)), State.STOP),
    ],
)
def test_the_state_of_a_group(members: tuple[Member, ...], state: State) -> None:
    assert group_state(dict(zip("ab", members, strict=True))) is state


def test_a_member_waits_for_its_group() -> None:
    play(
        LB,
        BACKUP_FIRST
        + """\
9        promoted
         -> advertise 50 as 192.168.1.102
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.805 s
10       demoted ip2 of its sync group is backup
         -> advertise 0 as 192.168.1.102
         -> remove 192.168.1.10
         -> MASTER to BACKUP: ip2 of its sync group is backup
13.8046875 timer
""",
    )


def test_a_candidate_that_hears_a_better_one_is_none_any_more() -> None:
    play(
        LB,
        BACKUP_FIRST
        + """\
4        heard 40 from 192.168.1.101
5        heard 60 from 192.168.1.101
6        promoted
8.8046875 timer
""",
    )


def test_the_fault_of_another_member() -> None:
    play(
        LB,
        BACKUP_FIRST
        + """\
4        promoted
         -> advertise 50 as 192.168.1.102
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.805 s
5        fault ip2 of its sync group: eth2 is down
         -> advertise 0 as 192.168.1.102
         -> remove 192.168.1.10
         -> MASTER to FAULT: ip2 of its sync group: eth2 is down
6        down eth1 is down
7        well
8        up 192.168.1.102
         -> FAULT to BACKUP: fault is over
""",
    )


def test_an_owner_waits_for_its_group_too() -> None:
    play(
        replace(LB, priority=255),
        """
0        up 192.168.1.102
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
1        promoted
         -> advertise 255 as 192.168.1.102
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: owner of the addresses (priority 255)
""",
    )


def test_a_candidate_whose_group_is_dissolved_goes_on_alone() -> None:
    play(
        LB,
        BACKUP_FIRST
        + """\
5        fault ip2 of its sync group: eth2 is down
         -> BACKUP to FAULT: ip2 of its sync group: eth2 is down
6        become alone
         -> FAULT to BACKUP: fault is over
9.8046875 timer
         -> advertise 50 as 192.168.1.102
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.805 s
""",
        alone=replace(LB, group=None),
    )
