"""Existing lists against the best ones for the same VIPs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from ipaddress import IPv4Interface

from trimaran.model.ip import IPAddress
from trimaran.plan.evaluate import evaluate
from trimaran.plan.existing import Existing
from trimaran.plan.planner import plan
from trimaran.plan.problem import Demand, Objective, Plan

_MOST_COMPARED = 64
"""Above as many VIPs it is not asked how many with good lists would do."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What existing configurations do, and what would be better."""

    existing: Existing
    plan: Plan
    """Their lists as a plan; its bound is that of the best lists for these VIPs."""
    best: Plan
    """The best lists for these VIPs, whether a host is above its limit or not."""
    as_good: int | None
    """The fewest equal VIPs, every host active, whose best lists have no higher peak; None if
    that takes as many."""

    @property
    def within_limit(self) -> bool:
        """No host passes `max_load` in any loss."""
        load = self.plan.evaluation.peak_load
        return load is None or load <= self.plan.demand.max_load

    @property
    def well(self) -> bool:
        """Every VIP has a holder, that of its list, and no host carries too much."""
        unheld = self.plan.evaluation.unheld
        return not self.existing.findings and unheld is None and self.within_limit


def judge(found: Existing, demand: Demand, addresses: Sequence[IPv4Interface]) -> Judgement:
    """Evaluate the lists under `demand`, whose VIPs are those at `addresses`, or equal ones.

    Raises ValueError if the addresses are not those of the configurations.
    """
    weights = _weights(found, demand, addresses)
    equal = len(set(weights)) == 1
    vips = len(weights) if equal else weights
    asked = replace(demand, objective=Objective.PEAK, vips=vips)
    evaluation = evaluate(asked, weights, found.lists)
    best = plan(asked)
    as_good = None
    if equal and len(weights) <= _MOST_COMPARED:
        worst = evaluation.peak / sum(weights)
        fewer = range(len(demand.hosts), len(weights))
        as_good = next((v for v in fewer if _worst(asked, v) <= worst), None)
    proven = evaluation.peak == best.bound
    return Judgement(
        found, Plan(asked, weights, found.lists, best.bound, proven, evaluation), best, as_good
    )


def _weights(
    found: Existing, demand: Demand, addresses: Sequence[IPv4Interface]
) -> tuple[Fraction, ...]:
    """The weight of each VIP: that of its addresses together, where weights are given."""
    if demand.vips is None:
        return (Fraction(1),) * len(found.lists)
    if not addresses:
        raise ValueError("say the VIPs' weights by address: --vip 10.0.0.1=0.3")
    each = demand.vips if isinstance(demand.vips, tuple) else (Fraction(1),) * demand.vips
    said: dict[IPAddress, Fraction] = {
        address.ip: weight for address, weight in zip(addresses, each, strict=True)
    }
    for members in found.addresses:
        for address in members:
            if address not in said:
                raise ValueError(f"{address} is in the files, but has no weight")
    known = {address for members in found.addresses for address in members}
    for address in said:
        if address not in known:
            raise ValueError(f"{address} has a weight, but is in no file")
    return tuple(sum((said[a] for a in members), Fraction(0)) for members in found.addresses)


def _worst(demand: Demand, vips: int) -> Fraction:
    """The least worst peak of so many equal VIPs, as a share of all traffic."""
    return plan(replace(demand, vips=vips)).evaluation.peak / vips
