"""From lists as far as the losses go to a plan: full orders, names, and the count of all states."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction

from trimaran.plan.evaluate import evaluate
from trimaran.plan.instance import Instance, Order
from trimaran.plan.problem import Demand, Plan


def finished(
    demand: Demand,
    instance: Instance,
    lists: Sequence[Order],
    *,
    bound: Fraction,
    proven: bool,
    reasons: Sequence[str] = (),
) -> Plan:
    """The plan with these lists, which are counted in every state and in full before."""
    if instance.equal and instance.primaries is None:
        lists = _interleaved(lists)
    orders = _completed(instance, lists)
    names = [host.name for host in demand.hosts]
    weights = tuple(units * instance.unit for units in instance.units)
    named = tuple(tuple(names[host] for host in order) for order in orders)
    evaluation = evaluate(demand, weights, named)
    assert all(sorted(order) == sorted(names) for order in named)
    assert evaluation.unheld is None
    assert evaluation.peak >= bound, "the bound is wrong"
    return Plan(demand, weights, named, bound, proven, evaluation, tuple(reasons))


def _interleaved(lists: Sequence[Order]) -> list[Order]:
    """Lists of equal VIPs such that their holders take turns."""
    turns: Counter[int] = Counter()
    placed = []
    for order in sorted(lists):
        placed.append((turns[order[0]], order))
        turns[order[0]] += 1
    return [order for _, order in sorted(placed)]


def _completed(instance: Instance, lists: Sequence[Order]) -> list[Order]:
    """Lists of all hosts: beyond the losses asked for, backups are dealt out evenly too."""
    count = instance.family.count
    orders = [list(order) for order in lists]
    for rank in range(1, count):
        at_rank: Counter[int] = Counter(order[rank] for order in orders if len(order) > rank)
        after: defaultdict[int, Counter[int]] = defaultdict(Counter)
        for order in orders:
            if len(order) > rank:
                continue
            following = after[order[-1]]
            host = min(
                (host for host in range(count) if host not in order),
                key=lambda host: (following[host], at_rank[host], host),
            )
            order.append(host)
            following[host] += 1
            at_rank[host] += 1
    return [tuple(order) for order in orders]
