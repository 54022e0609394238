"""Plans that are even in every state: the theorem of `perfect`, put as an answer."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from trimaran.plan import bounds, perfect
from trimaran.plan.family import Family, members
from trimaran.plan.finish import finished
from trimaran.plan.instance import Instance, Order, instance
from trimaran.plan.problem import MAX_VIPS, Demand, Infeasible, Plan
from trimaran.plan.solver import least_peak
from trimaran.plan.wording import after, by_number, listed, plural


def balanced(demand: Demand, seed: int) -> Plan:
    """The plan for objective `balanced`. Raises Infeasible."""
    if isinstance(demand.vips, tuple):
        return _of_weights(demand, demand.vips, seed)
    family = Family.of(demand)
    vips = _number(demand, family) if demand.vips is None else demand.vips
    lost = perfect.obstacle(family, demand.speeds, vips)
    if lost is not None:
        raise Infeasible(
            f"{plural(vips, 'VIP')} cannot be balanced: {_uneven(demand, lost)}",
            remedies=_other_numbers(demand, family),
        )
    posed = instance(demand, vips)
    reasons = _reasons(demand, family, vips) if demand.vips is None else ()
    lists = perfect.lists(posed)
    return finished(demand, posed, lists, bound=posed.fluid, proven=True, reasons=reasons)


def _of_weights(demand: Demand, weights: tuple[Fraction, ...], seed: int) -> Plan:
    posed = instance(demand, weights)
    if bounds.bound(posed) > posed.fluid:
        raise Infeasible(
            "VIPs of these weights cannot be balanced: whatever the lists, the worst peak is at "
            f"least {bounds.bound(posed)}, where even loads would give {posed.fluid}",
            remedies=_other_numbers(demand, posed.family),
        )
    found = finished(demand, posed, _lists_of_weights(posed, seed), bound=posed.fluid, proven=True)
    if not found.evaluation.balanced:
        raise Infeasible(
            "no lists were found that balance VIPs of these weights in every state (nor was it "
            f"proven that there are none); worst peak {found.evaluation.peak}",
            remedies=_other_numbers(demand, posed.family),
        )
    return found


def _lists_of_weights(posed: Instance, seed: int) -> Sequence[Order]:
    """Each weight balanced for itself, where its number allows that; else the least peak."""
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for vip, units in enumerate(posed.units):
        alike[units].append(vip)
    lists: list[Order] = [()] * len(posed.units)
    for vips in alike.values():
        if perfect.obstacle(posed.family, posed.speeds, len(vips)) is not None:
            return least_peak(posed, seed).lists
        for vip, order in zip(
            vips, perfect.lists(replace(posed, units=(1,) * len(vips))), strict=True
        ):
            lists[vip] = order
    return lists


def _number(demand: Demand, family: Family) -> int:
    number = perfect.number(family, demand.speeds)
    if number is not None and number <= MAX_VIPS:
        return number
    takes = "more than a million VIPs" if number is None else f"{number} VIPs"
    raise Infeasible(
        f"loads that are even in every state take {takes}: a segment has {MAX_VIPS} VRIDs",
        remedies=_other_numbers(demand, family),
    )


def _other_numbers(demand: Demand, family: Family) -> tuple[str, ...]:
    """What can be balanced, and what to ask for instead."""
    remedies = []
    number = perfect.number(family, demand.speeds)
    if number is not None and number <= MAX_VIPS:
        remedies.append(f"{plural(number, 'VIP')} of equal weight can, and multiples of {number}")
    else:
        for survive in range(demand.survive - 1, -1, -1):
            fewer = Family.of(replace(demand, survive=survive, survive_domains=0))
            number = perfect.number(fewer, demand.speeds)
            if number is not None and number <= MAX_VIPS:
                losses = plural(survive, "host")
                remedies.append(f"to survive the loss of {losses} only, {number} VIPs would do")
                break
    remedies.append("objective fit asks only that no host passes its limit")
    return tuple(remedies)


def _reasons(demand: Demand, family: Family, number: int) -> tuple[str, ...]:
    """Why fewer cannot be balanced."""
    refused = []
    for vips in range(1, number):
        lost = perfect.obstacle(family, demand.speeds, vips)
        assert lost is not None
        refused.append((vips, _uneven(demand, lost)))
    return by_number(refused)


def _uneven(demand: Demand, lost: int) -> str:
    names = tuple(demand.hosts[host].name for host in members(lost))
    left = tuple(host.name for host in demand.hosts if host.name not in names)
    shares = "equal shares" if len(set(demand.speeds)) == 1 else "shares in proportion"
    return f"{after(names)}, {listed(left)} cannot hold {shares} of them"
