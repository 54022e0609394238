"""A master that leaves as planned, as stories: it serves on until its successor is there.

This is lb1, 192.168.1.101 (priority 100); lb2 is .102.
"""

from dataclasses import replace

import pytest
from vrrp_transcript import BACKUP, LB1, MASTER, play

from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.vrrp.actions import State

V3 = replace(LB1, version=3)

LEAVING = (
    MASTER
    + """\
4        leave
         -> advertise 0 as 192.168.1.101
"""
)
FAILING_OVER = LEAVING.replace("leave", "failover")


def test_a_leaving_master_keeps_its_addresses_until_it_hears_its_successor() -> None:
    machine = play(
        LB1,
        LEAVING
        + """\
4.805    heard 50 from 192.168.1.102  # lesser, but it is the new master
         -> remove 192.168.1.10
         -> handed over to 192.168.1.102
         -> MASTER to STOP: shut down, handed over to 192.168.1.102
""",
    )
    assert machine.deadline() is None


def test_a_leaving_master_waits_for_a_bounded_time() -> None:
    play(
        LB1,
        LEAVING
        + """\
4.85     timer
         -> remove 192.168.1.10
         -> handed over to nobody
         -> MASTER to STOP: shut down, nobody has taken over
""",
    )


def test_another_one_that_leaves_is_no_successor() -> None:
    machine = play(LB1, LEAVING + "4.1      heard 0 from 192.168.1.102\n")
    assert machine.view().state is State.MASTER


def test_what_no_backup_would_accept_is_no_successor() -> None:
    play(
        LB1,
        LEAVING
        + """\
4.1      heard 50 from 192.168.1.102 interval=2
         -> warn: discarded an advertisement from 192.168.1.102: advertisement interval 2 s, ours is 1 s
""",  # noqa: E501
    )


def test_a_leaving_master_is_silent_and_still_puts_a_stolen_address_back() -> None:
    play(
        LB1,
        LEAVING
        + """\
4.1      missing 192.168.1.10
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> warn: 192.168.1.10 was removed by somebody: put back
4.609375 late timer
""",
    )


def test_a_leaving_master_whose_interface_fails_goes_at_once() -> None:
    play(
        LB1,
        LEAVING
        + """\
4.1      down eth1 is down
         -> remove 192.168.1.10
         -> MASTER to FAULT: eth1 is down
""",
    )


def test_a_second_order_to_leave_may_be_less_patient() -> None:
    play(
        LB1,
        LEAVING
        + """\
4.1      stop
         -> remove 192.168.1.10
         -> MASTER to STOP: shut down
""",
    )


def test_version_3_says_a_short_interval_before_it_leaves() -> None:
    """Backups adopt it (RFC 9568, 6.4.2), and with it a short skew time."""
    play(
        replace(V3, advertisement_interval=10 * SECOND),
        """
0        up 192.168.1.101
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
36.09375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 36.094 s
37       leave
         -> advertise 100 as 192.168.1.101 every 0.5 s
         -> advertise 0 as 192.168.1.101 every 0.5 s
""",
    )


def test_a_short_interval_is_left_alone() -> None:
    play(
        replace(V3, advertisement_interval=100 * MILLISECOND),
        """
0        up 192.168.1.101
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
0.3609375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 0.361 s
0.4      leave
         -> advertise 0 as 192.168.1.101
""",
    )


def test_after_a_failover_the_lesser_one_is_left_alone_as_long_as_it_lives() -> None:
    play(
        LB1,
        FAILING_OVER
        + """\
4.8      heard 50 from 192.168.1.102
         -> remove 192.168.1.10
         -> handed over to 192.168.1.102
         -> MASTER to BACKUP: handed over to 192.168.1.102
5.8      heard 50 from 192.168.1.102
6.8      heard 50 from 192.168.1.102
10.409375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.609 s
""",
    )


def test_once_it_has_been_master_again_it_preempts_as_before() -> None:
    play(
        LB1,
        FAILING_OVER
        + """\
4.8      heard 50 from 192.168.1.102
         -> remove 192.168.1.10
         -> handed over to 192.168.1.102
         -> MASTER to BACKUP: handed over to 192.168.1.102
8.409375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.609 s
8.5      heard 200 from 192.168.1.103
         -> remove 192.168.1.10
         -> MASTER to BACKUP: received priority 200 from 192.168.1.103, ours is 100
9        heard 50 from 192.168.1.102
12.109375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: priority 100, 192.168.1.102 has only 50
""",
    )


def test_a_failover_to_nobody_changes_nothing() -> None:
    play(
        LB1,
        FAILING_OVER
        + """\
4.85     timer
         -> advertise 100 as 192.168.1.101
         -> announce 192.168.1.10 x5
         -> handed over to nobody
5.85     timer
         -> advertise 100 as 192.168.1.101
""",
    )


@pytest.mark.parametrize("order", ["failover", "maintenance off"])
def test_a_backup_has_nothing_to_hand_over(order: str) -> None:
    machine = play(LB1, BACKUP + f"1        {order}\n")
    assert machine.view().state is State.BACKUP


def test_maintenance_is_a_fault_that_ends_when_it_is_taken_back() -> None:
    play(
        LB1,
        MASTER
        + """\
4        maintenance on
         -> advertise 0 as 192.168.1.101
4.8      heard 50 from 192.168.1.102
         -> remove 192.168.1.10
         -> handed over to 192.168.1.102
         -> MASTER to FAULT: maintenance, handed over to 192.168.1.102
5        down eth1 is down
6        up 192.168.1.101
6        maintenance off
         -> FAULT to BACKUP: fault is over
""",
    )


def test_maintenance_with_nobody_to_hand_over_to() -> None:
    play(
        LB1,
        MASTER
        + """\
4        maintenance on
         -> advertise 0 as 192.168.1.101
4.85     timer
         -> remove 192.168.1.10
         -> handed over to nobody
         -> MASTER to FAULT: maintenance, nobody has taken over
""",
    )


def test_maintenance_that_is_taken_back_at_once() -> None:
    play(
        LB1,
        MASTER
        + """\
4        maintenance on
         -> advertise 0 as 192.168.1.101
4.1      maintenance off
         -> advertise 100 as 192.168.1.101
         -> announce 192.168.1.10 x5
5.1      timer
         -> advertise 100 as 192.168.1.101
""",
    )


def test_maintenance_from_the_start() -> None:
    play(
        LB1,
        """
0        up 192.168.1.101
0        maintenance on
0        start
         -> remove 192.168.1.10
         -> INIT to FAULT: maintenance
1        maintenance off
         -> FAULT to BACKUP: fault is over
""",
    )


def test_a_stop_during_another_hand_over_takes_its_place() -> None:
    play(
        LB1,
        FAILING_OVER
        + """\
4.5      leave
4.8      heard 50 from 192.168.1.102
         -> remove 192.168.1.10
         -> handed over to 192.168.1.102
         -> MASTER to STOP: shut down, handed over to 192.168.1.102
""",
    )
