"""Trackers of a virtual router: what it waits for, what is a FAULT, what moves its priority."""

from dataclasses import replace

import pytest
from vrrp_transcript import ROUTER, play

from trimaran.model.tracking import Reading, Track, Tracker, TrackerKind
from trimaran.vrrp.tracking import standing

CHECK = Tracker(TrackerKind.SCRIPT, "chk")
LOAD = Tracker(TrackerKind.FILE, "load")
LB = replace(ROUTER, priority=50)


@pytest.mark.parametrize(
    ("tracker", "weight", "reverse", "reading", "priority", "fault"),
    [
        (CHECK, 20, False, True, 120, None),
        (CHECK, 20, False, False, 100, None),
        (CHECK, -20, False, True, 100, None),
        (CHECK, -20, False, False, 80, None),
        (CHECK, 20, True, True, 80, None),
        (CHECK, 20, True, False, 100, None),
        (CHECK, -20, True, False, 120, None),
        (CHECK, 20, False, None, 100, None),
        (CHECK, 0, False, True, 100, None),
        (CHECK, 0, False, False, 100, "tracked script chk failed"),
        (CHECK, 0, True, True, 100, "tracked script chk succeeded"),
        (CHECK, 0, True, False, 100, None),
        (CHECK, -253, False, False, 1, None),
        (CHECK, 253, False, True, 254, None),
        (LOAD, 1, False, -30, 70, None),
        (LOAD, 2, False, 10, 120, None),
        (LOAD, 2, True, 10, 80, None),
        (LOAD, 1, False, 1000, 254, None),
        (LOAD, 1, False, -253, 1, None),
        (LOAD, 1, False, -254, 100, "tracked file load holds -254"),
        (LOAD, 0, False, 0, 100, None),
        (LOAD, 0, False, 7, 100, "tracked file load holds 7"),
        (LOAD, 0, True, 0, 100, "tracked file load holds 0"),
    ],
)
def test_what_a_tracker_means(
    tracker: Tracker,
    weight: int,
    reverse: bool,
    reading: Reading,
    priority: int,
    fault: str | None,
) -> None:
    router = replace(ROUTER, priority=100, tracked=(Track(tracker, weight, reverse),))
    found = standing(router, {} if reading is None else {tracker: reading})
    assert (found.priority, found.fault) == (priority, fault)
    owner = standing(replace(router, priority=255), {tracker: reading})
    assert (owner.priority, owner.fault) == (255, None if weight else fault)


def test_weights_add_up() -> None:
    tracked = (Track(CHECK, 20), Track(LOAD, 1))
    found = standing(replace(LB, tracked=tracked), {CHECK: True, LOAD: -5})
    assert found.priority == 65
    assert found.reason == "configured 50, script chk succeeded: +20, file load holds -5: -5"


def test_an_instance_waits_for_the_first_result_of_a_script() -> None:
    play(
        replace(LB, tracked=(Track(CHECK),)),
        """
0        up 192.168.1.102
0        start
1        heard 100 from 192.168.1.101
2        found script chk yes
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
5.8046875 timer
         -> advertise 50 as 192.168.1.102
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.805 s
6        found script chk no
         -> advertise 0 as 192.168.1.102
         -> remove 192.168.1.10
         -> MASTER to FAULT: tracked script chk failed
7        found
8        found script chk yes
         -> FAULT to BACKUP: fault is over
""",
    )


def test_an_instance_whose_script_fails_at_once_does_not_stand() -> None:
    play(
        replace(LB, tracked=(Track(CHECK),)),
        """
0        up 192.168.1.102
0        start
1        found script chk no
         -> remove 192.168.1.10
         -> INIT to FAULT: tracked script chk failed
""",
    )


def test_weights_are_not_waited_for() -> None:
    play(
        replace(LB, tracked=(Track(CHECK, 20),)),
        """
0        up 192.168.1.102
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
1        found script chk yes
         -> priority 50 to 70: configured 50, script chk succeeded: +20
""",
    )


def test_what_is_not_known_any_more_changes_nothing_for_one_that_is_in_play() -> None:
    play(
        replace(LB, tracked=(Track(CHECK),)),
        """
0        up 192.168.1.102
0        found script chk yes
0        start
         -> remove 192.168.1.10
         -> INIT to BACKUP: started
1        found
""",
    )
