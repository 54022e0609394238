"""How trackers are judged: runs of a program, processes that there are."""

import pytest

from trimaran.health.tracking import Process, Quorum, Streak, is_meant
from trimaran.model.duration import SECOND
from trimaran.model.script import Script
from trimaran.model.tracking import ParameterMatch, TrackProcess, TrackScript


@pytest.mark.parametrize(
    ("rise", "fall", "init_fail", "runs", "states"),
    [
        (1, 1, False, "+-+", "+-+"),
        (3, 3, False, "+", "+"),
        (3, 3, False, "-", "-"),
        (1, 3, False, "+--+---", "++++++-"),
        (3, 1, False, "+-++-+++", "+------+"),
        (2, 1, True, "-++", "--+"),
        (1, 1, True, "+", "+"),
    ],
)
def test_runs_of_a_program(rise: int, fall: int, init_fail: bool, runs: str, states: str) -> None:
    streak = Streak(TrackScript("x", Script(("x",)), rise=rise, fall=fall, init_fail=init_fail))
    assert streak.well is (False if init_fail else None)
    seen = ""
    for run in runs:
        before = streak.well
        assert streak.take(run == "+") is (streak.well is not before)
        seen += "+" if streak.well else "-"
    assert seen == states


def test_a_changed_program_decides_with_its_first_run() -> None:
    streak = Streak(TrackScript("x", Script(("x",)), rise=5, fall=5))
    streak.resume(True)
    assert streak.well is True
    assert streak.take(False)
    assert [streak.take(True) for _ in range(5)] == [False] * 4 + [True]


HAPROXY = Process("haproxy", ("/usr/sbin/haproxy", "-f", "/etc/haproxy.cfg", "-D"))


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        (TrackProcess("x", "haproxy"), True),
        (TrackProcess("x", "/usr/sbin/haproxy"), True),
        (TrackProcess("x", "haprox"), False),
        (TrackProcess("x", "/usr/sbin/haproxy", full_command=True), True),
        (TrackProcess("x", "haproxy", full_command=True), False),
        (TrackProcess("x", "haproxy", ("-f", "/etc/haproxy.cfg", "-D")), True),
        (TrackProcess("x", "haproxy", ("-f",)), False),
        (TrackProcess("x", "haproxy", ("-f",), ParameterMatch.PARTIAL), True),
        (TrackProcess("x", "haproxy", ("-D",), ParameterMatch.PARTIAL), False),
        (TrackProcess("x", "haproxy", ("-f", "/etc/hap"), ParameterMatch.INITIAL), True),
        (TrackProcess("x", "haproxy", ("-f", "/etc/x"), ParameterMatch.INITIAL), False),
        (TrackProcess("x", "haproxy", ("-f", "/etc/haproxy.cfg", "-D", "x"),
                      ParameterMatch.INITIAL), False),
        (TrackProcess("x", "haproxy", (), ParameterMatch.PARTIAL), False),
    ],
)  # fmt: skip
def test_which_processes_are_meant(wanted: TrackProcess, meant: bool) -> None:
    assert is_meant(wanted, HAPROXY) is meant


def test_a_long_name_is_compared_as_far_as_the_kernel_keeps_it() -> None:
    wanted = TrackProcess("x", "a-name-of-twenty-one")
    assert is_meant(wanted, Process("a-name-of-twent"))


@pytest.mark.parametrize(
    ("quorum", "most", "count", "well"),
    [(1, None, 0, False), (1, None, 3, True), (2, None, 1, False), (1, 2, 3, False),
     (1, 0, 0, True), (1, 0, 1, False)],
)  # fmt: skip
def test_quorum(quorum: int, most: int | None, count: int, well: bool) -> None:
    judged = Quorum(TrackProcess("x", "haproxy", quorum=quorum, quorum_max=most))
    assert judged.take([HAPROXY] * count, 0)
    assert judged.well is well


def test_delays() -> None:
    judged = Quorum(TrackProcess("x", "haproxy", fork_delay=SECOND, terminate_delay=2 * SECOND))
    story = [(0, 1, True), (1, 0, True), (2, 0, True), (3, 0, False), (4, 1, False), (5, 1, True)]
    story += [(6, 0, True), (7, 1, True), (8, 0, True), (9, 0, True), (10, 0, False)]
    for second, count, well in story:
        judged.take([HAPROXY] * count, second * SECOND)
        assert judged.well is well, f"after {second} s"
