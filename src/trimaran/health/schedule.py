"""When one probe makes its attempts, and when their results change its verdict.

Checks start on a fixed grid, `delay_loop` apart, laid down once: what an attempt takes never
shifts the next one. A failure is repeated off the grid, up to `retry` times,
`delay_before_retry` after each failure, before the server is down. The very first result counts
at once, and one success always brings the server up.

The first check need not wait for the grid. So a thousand probes that start at once may have
grids evenly offset: each then comes to its second check early, and from there on they take
turns (`phase`).

The caller owes: `started` for each attempt once `deadline` has come, then `finished`.
"""

from trimaran.health.verdict import UNKNOWN, Verdict
from trimaran.model.check import CheckTiming


class Schedule:
    """The schedule and the verdict of one probe. Instants are in nanoseconds of one clock."""

    def __init__(
        self, timing: CheckTiming, now: int, *, warmup_share: float = 0.0, phase: float = 0.0
    ) -> None:
        """Plan the first check after `warmup_share` of the warmup; both shares are in [0, 1).

        `phase` is the share of `delay_loop` by which the second check comes early.
        """
        self.verdict = UNKNOWN
        self._timing = timing
        self._failures = 0
        first = now + int(timing.warmup * warmup_share)
        self._deadline: int | None = first
        self._next_check = first + timing.delay_loop - int(timing.delay_loop * phase)

    def deadline(self) -> int | None:
        """The instant at which the next attempt starts; None while one is under way."""
        return self._deadline

    def started(self) -> None:
        """An attempt is under way."""
        self._deadline = None

    def finished(self, result: Verdict, now: int) -> bool:
        """Take an attempt's result and plan the next one; say whether the verdict changed.

        A result that is not known says nothing about the server: it neither counts as a
        failure nor forgives any.
        """
        if result.up is None:
            self._wait_for_next_check(now)
            return False
        if result.up:
            self._failures = 0
            self._wait_for_next_check(now)
            return self._decide(result)

        self._failures += 1
        if self.verdict.up and self._failures <= self._timing.retry:
            self._deadline = now + self._timing.delay_before_retry
            return False
        attempts, self._failures = self._failures, 0
        self._wait_for_next_check(now)
        reason = result.reason if attempts == 1 else f"{result.reason} ({attempts} attempts)"
        return self._decide(Verdict(False, reason))

    def _decide(self, verdict: Verdict) -> bool:
        before = self.verdict
        if verdict.up == before.up and (verdict.weight, verdict.added) == (
            before.weight,
            before.added,
        ):
            return False
        self.verdict = verdict
        return True

    def _wait_for_next_check(self, now: int) -> None:
        """Go to the next point of the grid that is not past: what was missed is not made up."""
        late = now - self._next_check
        if late > 0:
            interval = self._timing.delay_loop
            self._next_check += -(-late // interval) * interval
        self._deadline = self._next_check
        self._next_check += self._timing.delay_loop
