"""The least worst peak for given VIPs: bounds, then greedy, then search, then the exact step."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

from trimaran.plan import bounds, exact, greedy, perfect
from trimaran.plan.instance import Instance, Order
from trimaran.plan.search import Search, searchable
from trimaran.plan.states import peak_of

_EQUAL_TRIES = ((3.0, True), (1.5, True), (8.0, True))  # greedy's base, and whether by level
_UNEQUAL_TRIES = ((3.0, True), (30.0, False), (300.0, False))
_MOST_SPARES = 5
_MOST_QUESTIONS = 6
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
    """Lists with the lowest peak found, at once when one is `enough`; if not thorough, by greedy.

    What the bounds say of `instance` must not be that nothing is possible at any peak.
    """
    if _perfect(instance):
        return Outcome(perfect.lists(instance), instance.fluid, instance.fluid)
    bound = bounds.bound(instance)
    wanted = bound if enough is None else max(bound, enough)
    outcome: Outcome | None = None
    for lists in _greedy(instance, Random(seed), thorough=thorough):
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


def _perfect(instance: Instance) -> bool:
    """Whether the closed form has the answer, which is then even in every state."""
    return (
        instance.equal
        and instance.primaries is None
        and perfect.obstacle(instance.family, instance.speeds, len(instance.units)) is None
    )


def _greedy(instance: Instance, random: Random, *, thorough: bool) -> Iterator[tuple[Order, ...]]:
    tries = _EQUAL_TRIES if instance.equal else _UNEQUAL_TRIES
    for base, by_level in tries if thorough else tries[:1]:
        yield greedy.lists(instance, base, random, by_level=by_level)
    vips = len(instance.units)
    may_idle = max(instance.low) == 0 and min(instance.high) == vips
    if not (thorough and may_idle and instance.primaries is None):
        return
    # Spares that hold nothing until a loss can lower the peak.
    slowest = sorted(range(len(instance.speeds)), key=instance.speeds.__getitem__)
    for spares in range(1, min(_MOST_SPARES, len(slowest) - 1) + 1):
        high = tuple(0 if host in slowest[:spares] else vips for host in range(len(slowest)))
        base, by_level = tries[0]
        yield greedy.lists(replace(instance, high=high), base, random, by_level=by_level)


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
    """Ask the solver for the peak wanted; if that is the bound and too low, go on from there."""
    lists, peak, bound = outcome.lists, outcome.peak, outcome.bound
    for_the_least = wanted == bound
    target = wanted
    for _ in range(_MOST_QUESTIONS):
        answer = exact.solve(instance, target, _EXACT_EFFORT, seed)
        if answer is exact.Verdict.UNKNOWN:
            break
        if isinstance(answer, exact.Verdict):
            if instance.primaries is not None:
                break  # impossible with these holders, that is: other ones may do
            bound = instance.above(target)
        else:
            lists, peak = answer, peak_of(instance, answer)
        if not for_the_least or bound >= peak:
            break
        # Peaks of equal VIPs lie far apart; of unequal ones, one by one would take forever.
        target = bound if instance.equal else instance.above((bound + peak) / 2)
        if target >= peak:
            target = bound
    return Outcome(lists, peak, bound)
