"""A new plan from an old one, when hosts join or leave: the fewest VIPs change hands.

Backups move nothing, so only the holders matter. A VIP whose holder leaves is held by the next
of its list, as the old plan says: that is where it stays if it can, and only what moves beyond
that counts as a move.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from trimaran.plan import bounds, perfect
from trimaran.plan.holders import dealt, levelled
from trimaran.plan.instance import instance
from trimaran.plan.planner import plan, solved
from trimaran.plan.problem import Demand, Infeasible, Move, Normal, Objective, Plan


def rebalance(old: Plan, demand: Demand, seed: int = 0) -> Plan:
    """A plan for `demand` with the VIPs of `old`, and its `moves`.

    Where the normal state is not asked to be even, hosts that join get no more VIPs than they
    must. Raises Infeasible, and ValueError if `demand` has other VIPs than `old`.
    """
    demand = replace(demand, vips=_vips(old, demand))
    names = {host.name for host in demand.hosts}
    current = [next((host for host in order if host in names), None) for order in old.lists]
    found = None
    if demand.objective is not Objective.BALANCED:
        found = _keeping(old.weights, demand, current, seed)
    if found is None:
        found = plan(demand, seed)
        found = replace(found, lists=_matched(found, current))
    moves = tuple(
        Move(vip, holder or old.lists[vip][0], order[0])
        for vip, (holder, order) in enumerate(zip(current, found.lists, strict=True))
        if holder != order[0]
    )
    return replace(found, moves=moves)


def _vips(old: Plan, demand: Demand) -> int | tuple[Fraction, ...]:
    """The VIPs of the old plan, in the form in which `demand` would have them."""
    equal = len(set(old.weights)) == 1
    if demand.vips is not None:
        same = len(old.weights) if isinstance(demand.vips, int) and equal else old.weights
        if demand.vips != same:
            number = demand.vips if isinstance(demand.vips, int) else len(demand.vips)
            raise ValueError(
                f"the old plan has {len(old.weights)} VIPs of its own weights, the demand has "
                f"{number} others: leave them out, or make a plan afresh"
            )
        return demand.vips
    return len(old.weights) if equal and old.weights[0] == 1 else old.weights


def _keeping(
    weights: Sequence[Fraction], demand: Demand, current: Sequence[str | None], seed: int
) -> Plan | None:
    """The best plan with the fewest moves; None if that is not within the limits."""
    free = instance(demand, tuple(weights))
    if free.equal and perfect.obstacle(free.family, free.speeds, len(weights)) is None:
        return None  # the planner has perfect lists, and all that fit have the same holders
    index = {host.name: at for at, host in enumerate(demand.hosts)}
    held = [None if host is None else index[host] for host in current]
    if len(held) < sum(free.low):
        return None  # the planner has the words for it
    if free.equal:
        primaries = dealt(held, free.low, free.high, free.speeds)
    else:
        even, active = demand.discipline is Normal.EVEN, sum(free.low) > 0
        primaries = levelled(held, free.units, free.speeds, even=even, active=active)
    counts = Counter(primaries)
    each = tuple(counts[host] for host in range(len(free.speeds)))
    settled = replace(free, primaries=tuple(primaries), low=each, high=each)
    try:
        found = solved(demand, settled, seed)
    except Infeasible:
        return None
    bound = bounds.bound(free)  # what is known without settling who holds what
    return replace(found, bound=bound, proven=found.evaluation.peak == bound)


def _matched(found: Plan, current: Sequence[str | None]) -> tuple[tuple[str, ...], ...]:
    """The lists, given to VIPs of the same weight so that most keep their holders."""
    lists: list[tuple[str, ...] | None] = [None] * len(current)
    for weight in set(found.weights):
        vips = [vip for vip, other in enumerate(found.weights) if other == weight]
        waiting = [found.lists[vip] for vip in vips]
        for vip in vips:
            keeping = next((order for order in waiting if order[0] == current[vip]), None)
            if keeping is not None:
                lists[vip] = keeping
                waiting.remove(keeping)
        for vip in vips:
            if lists[vip] is None:
                lists[vip] = waiting.pop()
    return tuple(order for order in lists if order is not None)
