"""The least worst peak for given VIPs: bounds, then greedy, then search, then the exact step."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

from trimaran.plan import bounds, exact, greedy
from trimaran.plan.instance import Instance, Order
from trimaran.plan.search import Search, searchable
from trimaran.plan.states import peak_of

_EQUAL_TRIES = ((3.0, True), (1.5, True), (8.0, True))  # greedy's base, and whether by level
_UNEQUAL_TRIES = ((3.0, True), (30.0, False), (300.0, False))
_MOST_SPARES = 5
_EXACT_EFFORT = 5.0  # deterministic seconds for one question
_HALVINGS = 4  # targets between the bound and what greedy found


@dataclass(frozen=True, slots=True)
class Outcome:
    """The best lists found and what is known of better ones."""

    lists: tuple[Order, ...]
    peak: Fraction
    bound: Fraction


def least_peak(
    instance: Instance, seed: int, *, enough: Fraction | None = None, thorough: bool = True
) -> Outcome:
    """Lists with the lowest peak found, at once when one is `enough`; greedy alone if not thorough.

    What the bounds say of `instance` must not be that nothing is possible at any peak.
    """
    bound = bounds.bound(instance)
    wanted = bound if enough is None else max(bound, enough)
    outcome: Outcome | None = None
    for lists in _greedy(instance, Random(seed)):
        peak = peak_of(instance, lists)
        if outcome is None or peak < outcome.peak:
            outcome = Outcome(lists, peak, bound)
        if peak <= wanted:
            break
    assert outcome is not None
    if thorough and outcome.peak > wanted:
        outcome = _searched(instance, outcome, wanted, seed)
    if thorough and outcome.peak > wanted:
        outcome = _settled(instance, outcome, wanted, seed)
    return outcome


def _greedy(instance: Instance, random: Random) -> Iterator[tuple[Order, ...]]:
    for base, by_level in _EQUAL_TRIES if instance.equal else _UNEQUAL_TRIES:
        yield greedy.lists(instance, base, random, by_level=by_level)
    if (
        instance.primaries is not None
        or max(instance.low)
        or min(instance.high) < len(instance.units)
    ):
        return
    # Where hosts may idle, spares that only wait for losses can lower the peak.
    slowest = sorted(range(len(instance.speeds)), key=instance.speeds.__getitem__)
    for spares in range(1, min(_MOST_SPARES, len(slowest) - 1) + 1):
        idle = slowest[:spares]
        high = tuple(0 if host in idle else most for host, most in enumerate(instance.high))
        yield greedy.lists(
            replace(instance, high=high), _EQUAL_TRIES[0][0], random, by_level=instance.equal
        )


def _searched(instance: Instance, outcome: Outcome, wanted: Fraction, seed: int) -> Outcome:
    if not searchable(instance):
        return outcome
    search = Search(instance, outcome.lists, seed)
    target, missed = wanted, wanted
    for _ in range(_HALVINGS):
        lists = search.reach(target)
        if lists is None:
            missed = target
        else:
            outcome = Outcome(lists, peak_of(instance, lists), outcome.bound)
        if outcome.peak <= wanted:
            break
        target = instance.above((missed + outcome.peak) / 2)
        if not missed < target < outcome.peak:
            break
    return outcome


def _settled(instance: Instance, outcome: Outcome, wanted: Fraction, seed: int) -> Outcome:
    """Ask the solver for the lowest peak wanted; if that is the bound, go on upward from there."""
    lists, peak, bound = outcome.lists, outcome.peak, outcome.bound
    down_to_bound = wanted == bound
    target = wanted
    while target < peak:
        answer = exact.solve(instance, target, _EXACT_EFFORT, seed)
        if answer is exact.Verdict.UNKNOWN:
            break
        if answer is exact.Verdict.IMPOSSIBLE and instance.primaries is not None:
            break  # with these holders, that is: other ones may be possible
        if isinstance(answer, exact.Verdict):
            bound = target = instance.above(target)
            if not down_to_bound:
                break
        else:
            lists, peak = answer, peak_of(instance, answer)
    return Outcome(lists, peak, bound)
