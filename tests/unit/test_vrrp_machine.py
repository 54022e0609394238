"""The VRRP machine, as stories. lb1 is 192.168.1.101 (priority 100), lb2 is .102 (50)."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from vrrp_transcript import ROUTER, VIP, play

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import Announcements, InitialState, VirtualRouter
from trimaran.model.tracking import interface
from trimaran.vrrp.actions import State
from trimaran.vrrp.events import Reconfigured, Started, TrackersChanged
from trimaran.vrrp.machine import Machine
from trimaran.vrrp.packet import Discarded, Reason

LB1 = replace(ROUTER, priority=100, initial_state=InitialState.MASTER)
LB2 = replace(ROUTER, priority=50)
OWNER = replace(ROUTER, priority=255)
TRACKING = (interface("eth2", -30), interface("eth3", 20))

BECOME_BACKUP = """
0        up 192.168.1.102
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
"""
BECOME_MASTER = (
    BECOME_BACKUP
    + """\
3.8046875 timer
         -> advertise 50 as 192.168.1.102
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.805 s
"""
)
ANSWER = """\
         -> advertise 50 as 192.168.1.102
         -> announce 192.168.1.10 x5
"""


def test_rfc9568_6_4_1_startup_of_a_backup_waits_the_master_down_interval() -> None:
    machine = play(LB2, BECOME_BACKUP)
    assert machine.deadline() == 3 * SECOND + (256 - 50) * SECOND // 256


def test_state_master_only_shortens_the_first_wait() -> None:
    play(
        LB1,
        """
0        up 192.168.1.101
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
1.609375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 1.609 s
2        down eth1 is down
         -> remove 192.168.1.10
         -> MASTER to FAULT: eth1 is down
3        up 192.168.1.101
         -> FAULT to BACKUP: fault is over
6.609375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.609 s
""",
    )


def test_rfc9568_6_4_1_startup_of_the_owner_is_master_at_once() -> None:
    play(
        OWNER,
        """
0        up 192.168.1.101
0        start
         -> advertise 255 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> INIT to MASTER: started, owner of the addresses (priority 255)
""",
    )


def test_an_owner_never_moves_the_address_of_its_interface() -> None:
    play(
        OWNER,
        """
0        up 192.168.1.10
0        start
         -> advertise 255 as 192.168.1.10
         -> announce 192.168.1.10 x5
         -> INIT to MASTER: started, owner of the addresses (priority 255)
1        stop
         -> advertise 0 as 192.168.1.10
         -> MASTER to STOP: shut down
""",
    )


def test_rfc9568_6_4_3_master_advertises_every_interval_and_announces_twice() -> None:
    play(
        LB2,
        BECOME_MASTER
        + """\
4.8046875 timer
         -> advertise 50 as 192.168.1.102
5.8046875 timer
         -> advertise 50 as 192.168.1.102
6.8046875 timer
         -> advertise 50 as 192.168.1.102
7.8046875 timer
         -> advertise 50 as 192.168.1.102
8.8046875 timer
         -> advertise 50 as 192.168.1.102
         -> announce 192.168.1.10 x5
9.8046875 timer
         -> advertise 50 as 192.168.1.102
""",
    )


def test_advertisements_keep_to_absolute_deadlines_unless_very_late() -> None:
    play(
        LB2,
        BECOME_MASTER
        + """\
4.9      late timer
         -> advertise 50 as 192.168.1.102
5.8046875 timer
         -> advertise 50 as 192.168.1.102
8        late timer  # by more than an interval: missed ones are not made up for
         -> advertise 50 as 192.168.1.102
8.8046875 timer
         -> announce 192.168.1.10 x5
9        timer
         -> advertise 50 as 192.168.1.102
""",
    )


def test_rfc9568_6_4_2_an_advertisement_of_a_better_one_resets_the_timer() -> None:
    play(
        LB2,
        BECOME_BACKUP
        + """\
3.8      heard 100 from 192.168.1.101
7.6      heard 50 from 192.168.1.101  # equal is good enough for a backup
11.4046875 timer
         -> advertise 50 as 192.168.1.102
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.805 s
""",
    )


def test_rfc9568_6_4_2_preemption_a_lesser_advertisement_is_ignored() -> None:
    play(
        replace(LB1, initial_state=InitialState.BACKUP),
        """
0        up 192.168.1.101
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
1        heard 50 from 192.168.1.102
2        heard 50 from 192.168.1.102
3.609375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: priority 100, 192.168.1.102 has only 50
""",
    )


def test_a_master_that_preempts_announces_again_when_the_lesser_one_has_yielded() -> None:
    """The lesser one may have become master a moment ago, and announce after us."""
    play(
        replace(LB1, initial_state=InitialState.BACKUP),
        """
0        up 192.168.1.101
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
3.6      heard 50 from 192.168.1.102
3.609375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: priority 100, 192.168.1.102 has only 50
4.609375 timer
         -> advertise 100 as 192.168.1.101
         -> announce 192.168.1.10 x5
5.609375 timer
         -> advertise 100 as 192.168.1.101
""",
    )


def test_nopreempt_follows_a_lesser_master() -> None:
    machine = play(
        replace(LB1, initial_state=InitialState.BACKUP, preempt=False),
        """
0        up 192.168.1.101
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
1        heard 50 from 192.168.1.102
4.609375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.609 s
""",
    )
    assert machine.view().master == IPv4Address("192.168.1.101")


def test_rfc9568_6_4_2_priority_zero_waits_only_the_skew_time() -> None:
    play(
        LB2,
        BECOME_BACKUP
        + """\
1        heard 100 from 192.168.1.101
2        heard 0 from 192.168.1.101
2.5      heard 0 from 192.168.1.101  # repeating it does not put the takeover off
2.8046875 timer
         -> advertise 50 as 192.168.1.102
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: 192.168.1.101 has left (priority 0)
""",
    )


def test_rfc9568_6_4_3_master_yields_to_a_higher_priority() -> None:
    machine = play(
        LB2,
        BECOME_MASTER
        + """\
4        heard 100 from 192.168.1.101
         -> remove 192.168.1.10
         -> MASTER to BACKUP: received priority 100 from 192.168.1.101, ours is 50
""",
    )
    assert machine.view().master == IPv4Address("192.168.1.101")
    assert machine.deadline() == 4 * SECOND + 3 * SECOND + 206 * SECOND // 256


@pytest.mark.parametrize("other", ["192.168.1.103", "192.168.2.1"])
def test_rfc9568_6_4_3_of_equal_priorities_the_higher_primary_address_wins(other: str) -> None:
    play(
        LB2,
        BECOME_MASTER
        + f"""\
4        heard 50 from {other}
         -> remove 192.168.1.10
         -> MASTER to BACKUP: received priority 50 from {other}, ours is 50
""",
    )


def test_master_answers_a_lesser_one_at_once_and_announces_again() -> None:
    play(
        LB2,
        BECOME_MASTER
        + """\
4        heard 50 from 192.168.1.99  # equal priority, lower address
         -> advertise 50 as 192.168.1.102
         -> announce 192.168.1.10 x5
         -> lower priority received
4.1      heard 50 from 192.168.1.99  # a flood is answered twice an interval at most
4.5      heard 50 from 192.168.1.99
         -> advertise 50 as 192.168.1.102
         -> announce 192.168.1.10 x5
         -> lower priority received
4.8046875 timer                      # the schedule stays
         -> advertise 50 as 192.168.1.102
5.5      timer                       # by now the other has yielded: an interval after the answer
         -> announce 192.168.1.10 x5
9.5      late timer
         -> advertise 50 as 192.168.1.102
         -> announce 192.168.1.10 x5
""",
    )


def test_rfc9568_6_4_3_master_hearing_priority_zero_advertises_and_resets_its_timer() -> None:
    play(
        LB2,
        BECOME_MASTER
        + """\
4.25     heard 0 from 192.168.1.101
         -> advertise 50 as 192.168.1.102
         -> announce 192.168.1.10 x5
5.25     timer
         -> advertise 50 as 192.168.1.102
""",
    )


def test_of_two_owners_the_lower_address_yields() -> None:
    play(
        OWNER,
        """
0        up 192.168.1.101
0        start
         -> advertise 255 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> INIT to MASTER: started, owner of the addresses (priority 255)
1        heard 255 from 192.168.1.99
         -> advertise 255 as 192.168.1.101
         -> announce 192.168.1.10 x5
         -> warn: 192.168.1.99 has priority 255 as we have: two owners
         -> lower priority received
2        heard 255 from 192.168.1.102
         -> remove 192.168.1.10
         -> MASTER to BACKUP: received priority 255 from 192.168.1.102, ours is 255
""",
    )


def test_rfc3768_7_1_what_does_not_fit_is_counted_and_changes_nothing() -> None:
    machine = play(
        replace(LB2, password=b"secret"),
        BECOME_BACKUP
        + """\
1        heard 100 from 192.168.1.101 version=3
         -> warn: discarded an advertisement from 192.168.1.101: version 3, ours is 2
1        heard 100 from 192.168.1.101 interval=2
         -> warn: discarded an advertisement from 192.168.1.101: advertisement interval 2 s, ours is 1 s
1        heard 100 from 192.168.1.101 password=none
         -> warn: discarded an advertisement from 192.168.1.101: a password expected
1        heard 100 from 192.168.1.101 password=guess
         -> warn: discarded an advertisement from 192.168.1.101: wrong password
1        heard 100 from 192.168.1.102
         -> warn: discarded an advertisement from 192.168.1.102: it comes from our own address: is that used twice?
2        heard 100 from 192.168.1.101 password=guess
""",  # noqa: E501
    )
    machine.handle(Discarded(Reason.TTL, "TTL 64 instead of 255", vrid=1), 3 * SECOND)
    view = machine.view()
    assert view.discarded == {
        "version": 1,
        "interval": 1,
        "authentication type": 1,
        "authentication password": 2,
        "own packet": 1,
        "ttl": 1,
    }
    assert view.adverts_received == 0
    assert machine.deadline() == 3 * SECOND + 206 * SECOND // 256


def test_a_password_is_compared_in_its_eight_bytes_on_the_wire() -> None:
    machine = play(
        replace(LB2, password=b"long-secret"),
        BECOME_BACKUP + "1        heard 100 from 192.168.1.101 password=long-sec\n",
    )
    assert machine.view().adverts_received == 1


def test_another_address_list_is_accepted_and_said_once() -> None:
    machine = play(
        LB2,
        BECOME_BACKUP
        + """\
1        heard 100 from 192.168.1.101 addresses=192.168.1.10,192.168.1.11
         -> warn: 192.168.1.101 advertises other addresses than ours: 192.168.1.10, 192.168.1.11
2        heard 100 from 192.168.1.101 addresses=192.168.1.10,192.168.1.11
""",
    )
    assert machine.view().adverts_received == 2


def test_rfc9568_6_1_version_3_backups_adopt_the_masters_interval() -> None:
    quick = replace(LB2, version=3, advertisement_interval=100 * MILLISECOND)
    machine = play(
        quick,
        """
0        up 192.168.1.102
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
0.1      heard 100 from 192.168.1.101 interval=0.5
""",
    )
    skew = (256 - 50) * 500 * MILLISECOND // 256
    assert machine.deadline() == 100 * MILLISECOND + 3 * 500 * MILLISECOND + skew
    assert machine.view().interval == 500 * MILLISECOND


def test_fault_without_interface_from_the_start_and_back() -> None:
    play(
        LB2,
        """
0        start
         -> remove 192.168.1.10
         -> INIT to FAULT: interface eth1 not found
1        heard 100 from 192.168.1.101
2        down no IPv4 address on eth1
3        up 192.168.1.102
         -> FAULT to BACKUP: fault is over
""",
    )


def test_a_tracked_interface_without_weight_is_a_fault_with_a_farewell() -> None:
    play(
        replace(LB2, tracked=(interface("eth2"),)),
        BECOME_MASTER
        + """\
4        tracked eth2
         -> advertise 0 as 192.168.1.102
         -> remove 192.168.1.10
         -> MASTER to FAULT: tracked interface eth2 down
5        down eth1 is down
6        tracked
7        up 192.168.1.102
         -> FAULT to BACKUP: fault is over
""",
    )


def test_the_device_of_a_virtual_address_is_tracked() -> None:
    elsewhere = VirtualAddress(IPv4Address("10.0.0.1"), 24, "eth7")
    play(
        replace(LB2, addresses=(elsewhere,)),
        """
0        up 192.168.1.102
0        tracked eth7
0        start
         -> remove 10.0.0.1
         -> INIT to FAULT: tracked interface eth7 down
""",
    )


def test_weights_move_the_effective_priority() -> None:
    play(
        replace(LB2, tracked=TRACKING),
        """
0        up 192.168.1.102
0        tracked eth2
         -> priority 70 to 40: configured 50, interface eth2 down: -30, interface eth3 up: +20
0        tracked eth2 eth3
         -> priority 40 to 20: configured 50, interface eth2 down: -30
0        tracked
         -> priority 20 to 70: configured 50, interface eth3 up: +20
""",
    )


@pytest.mark.parametrize(
    ("priority", "weight", "down", "effective"),
    [(100, -254, True, 1), (200, 100, False, 254), (255, -100, True, 255)],
)
def test_the_effective_priority_stays_in_its_range(
    priority: int, weight: int, down: bool, effective: int
) -> None:
    tracked = (interface("eth2", weight),)
    machine = Machine(replace(ROUTER, priority=priority, tracked=tracked))
    machine.handle(TrackersChanged({tracked[0].tracker: not down}), 0)
    assert machine.view().priority == effective


def test_a_master_puts_a_stolen_address_back() -> None:
    play(
        LB2,
        BECOME_MASTER
        + """\
4        missing 192.168.1.10
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> warn: 192.168.1.10 was removed by somebody: put back
4.1      missing 192.168.1.10
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
4.2      missing 192.168.1.77
""",
    )


def test_a_backup_does_not_care_for_missing_addresses() -> None:
    play(LB2, BECOME_BACKUP + "1        missing 192.168.1.10\n")


def test_reload_keeps_the_master_and_moves_only_what_changed() -> None:
    second = VirtualAddress(IPv4Address("192.168.1.11"), 24, "eth1")
    third = VirtualAddress(IPv4Address("192.168.1.12"), 24, "eth1")
    play(
        replace(LB2, addresses=(VIP, second)),
        """
0        up 192.168.1.102
0        start
         -> remove 192.168.1.10, 192.168.1.11
         -> INIT to BACKUP: started
3.8046875 timer
         -> advertise 50 as 192.168.1.102
         -> add 192.168.1.10, 192.168.1.11
         -> announce 192.168.1.10, 192.168.1.11 x5
         -> BACKUP to MASTER: no advertisement for 3.805 s
4        become other
         -> remove 192.168.1.11
         -> add 192.168.1.12
         -> announce 192.168.1.12 x5
         -> priority 50 to 60: configured 60
4        become other
4.8046875 timer
         -> advertise 60 as 192.168.1.102
""",
        other=replace(LB2, priority=60, addresses=(VIP, third)),
    )


def test_reload_with_a_changed_interval() -> None:
    play(
        LB2,
        BECOME_BACKUP
        + """\
1        become slow
7.8046875 timer
         -> advertise 50 as 192.168.1.102
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 6.805 s
8        become quick
9        timer
         -> advertise 50 as 192.168.1.102
""",
        slow=replace(LB2, advertisement_interval=2 * SECOND),
        quick=LB2,
    )


def test_reload_to_another_virtual_router_is_refused() -> None:
    with pytest.raises(ValueError, match="another virtual router"):
        Machine(LB2).handle(Reconfigured(replace(LB2, vrid=2)), 0)


def test_rfc9568_6_4_3_shutdown_of_a_master_advertises_priority_zero() -> None:
    machine = play(
        LB2,
        BECOME_MASTER
        + """\
4        stop
         -> advertise 0 as 192.168.1.102
         -> remove 192.168.1.10
         -> MASTER to STOP: shut down
5        up 192.168.1.102
5        start
5        heard 100 from 192.168.1.101
""",
    )
    assert machine.deadline() is None


def test_rfc9568_6_4_2_shutdown_of_a_backup_is_silent() -> None:
    play(LB2, BECOME_BACKUP + "1        stop\n         -> BACKUP to STOP: shut down\n")


def test_gratuitous_arp_settings() -> None:
    quiet = replace(LB2, announcements=Announcements(repeat=1, delay=0))
    machine = play(quiet, BECOME_MASTER.replace("x5", "x1"))
    assert machine.deadline() == round(4.8046875 * SECOND)


def test_view_counts() -> None:
    machine = play(LB2, BECOME_MASTER + "4        heard 0 from 192.168.1.101\n" + ANSWER)
    view = machine.view()
    assert (view.state, view.transitions) == (State.MASTER, 2)
    assert (view.adverts_sent, view.adverts_received, view.discarded) == (2, 1, {})
    assert view.since == round(3.8046875 * SECOND)


def test_starting_twice_is_starting_once() -> None:
    machine = play(LB2, BECOME_BACKUP)
    assert machine.handle(Started(), SECOND) == []


def test_a_virtual_router_without_addresses_still_elects() -> None:
    bare: VirtualRouter = replace(LB2, addresses=())
    play(
        bare,
        """
0        up 192.168.1.102
0        start
         -> INIT to BACKUP: started
3.8046875 timer
         -> advertise 50 as 192.168.1.102
         -> BACKUP to MASTER: no advertisement for 3.805 s
""",
    )
