"""One probe's schedule, told as stories on a made-up clock."""

from collections.abc import Iterator

import pytest

from trimaran.health.schedule import Schedule
from trimaran.health.verdict import UNKNOWN, Verdict
from trimaran.model.check import CheckTiming
from trimaran.model.duration import MILLISECOND, SECOND

OK = Verdict(True, "connected")
REFUSED = Verdict(False, "connection refused")
NOT_MADE = Verdict(None, "no descriptors left")
START = 1000 * SECOND

TIMING = CheckTiming(delay_loop=5 * SECOND, retry=1, delay_before_retry=1 * SECOND)


def story(schedule: Schedule, results: str, took: int = 2 * MILLISECOND) -> list[str]:
    """Play attempts that end in + (success), - (refused) or ? (not made); tell what happened."""
    return list(_told(schedule, results, took))


def _told(schedule: Schedule, results: str, took: int) -> Iterator[str]:
    for result in results:
        start = schedule.deadline()
        assert start is not None
        schedule.started()
        assert schedule.deadline() is None, "no second attempt while one is under way"
        verdict = {"+": OK, "-": REFUSED, "?": NOT_MADE}[result]
        changed = schedule.finished(verdict, start + took)
        state = {True: "up", False: "down", None: "unknown"}[schedule.verdict.up]
        why = f" {state}: {schedule.verdict.reason}" if changed else ""
        yield f"{(start - START) / SECOND:.3f} {result}{why}"


def test_the_first_check_is_at_once_and_its_success_counts() -> None:
    schedule = Schedule(TIMING, START)
    assert schedule.verdict == UNKNOWN
    assert schedule.deadline() == START
    assert story(schedule, "+++") == ["0.000 + up: connected", "5.000 +", "10.000 +"]


def test_the_very_first_failure_counts_at_once_too() -> None:
    schedule = Schedule(TIMING, START)
    assert story(schedule, "--") == ["0.000 - down: connection refused", "5.000 -"]


def test_a_later_failure_must_repeat_before_the_server_is_down() -> None:
    assert story(Schedule(TIMING, START), "+---+") == [
        "0.000 + up: connected",
        "5.000 -",
        "6.002 - down: connection refused (2 attempts)",
        "10.000 -",
        "15.000 + up: connected",
    ]


def test_a_success_among_the_retries_forgives() -> None:
    assert story(Schedule(TIMING, START), "+-+-+") == [
        "0.000 + up: connected",
        "5.000 -",
        "6.002 +",
        "10.000 -",
        "11.002 +",
    ]


@pytest.mark.parametrize("retry", [0, 1, 2, 5])
def test_down_after_as_many_repeats_as_asked(retry: int) -> None:
    timing = CheckTiming(delay_loop=60 * SECOND, retry=retry, delay_before_retry=SECOND)
    told = story(Schedule(timing, START), "+" + "-" * (retry + 1))
    assert all("down" not in line for line in told[:-1])
    assert "down" in told[-1]


def test_what_attempts_take_never_shifts_the_grid() -> None:
    told = story(Schedule(TIMING, START), "++++", took=700 * MILLISECOND)
    assert [line.split()[0] for line in told] == ["0.000", "5.000", "10.000", "15.000"]


def test_points_of_the_grid_that_were_missed_are_not_made_up() -> None:
    told = story(Schedule(TIMING, START), "+++", took=12 * SECOND)
    assert [line.split()[0] for line in told] == ["0.000", "15.000", "30.000"]


def test_an_attempt_that_ends_on_the_grid_is_followed_at_once() -> None:
    told = story(Schedule(TIMING, START), "++", took=5 * SECOND)
    assert [line.split()[0] for line in told] == ["0.000", "5.000"]


def test_retries_that_outlast_the_interval_go_on_to_the_next_point() -> None:
    timing = CheckTiming(delay_loop=2 * SECOND, retry=3, delay_before_retry=SECOND)
    assert story(Schedule(timing, START), "+-----") == [
        "0.000 + up: connected",
        "2.000 -",
        "3.002 -",
        "4.004 -",
        "5.006 - down: connection refused (4 attempts)",
        "6.000 -",
    ]


def test_an_attempt_that_could_not_be_made_says_nothing_about_the_server() -> None:
    assert story(Schedule(TIMING, START), "?+??-?-") == [
        "0.000 ?",
        "5.000 + up: connected",
        "10.000 ?",
        "15.000 ?",
        "20.000 -",
        "21.002 ?",
        "25.000 - down: connection refused (2 attempts)",
    ]


def test_warmup_delays_the_first_check_by_its_share() -> None:
    timing = CheckTiming(delay_loop=5 * SECOND, warmup=10 * SECOND)
    told = story(Schedule(timing, START, warmup_share=0.25), "++")
    assert [line.split()[0] for line in told] == ["2.500", "7.500"]


def test_phases_bring_the_second_check_forward_and_keep_the_interval() -> None:
    told = story(Schedule(TIMING, START, phase=0.4), "+++")
    assert [line.split()[0] for line in told] == ["0.000", "3.000", "8.000"]
