"""A demand in integers, for one number of VIPs: what the bounds and the search work on."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm

from trimaran.plan.family import Family
from trimaran.plan.holders import levelled
from trimaran.plan.problem import Demand, Normal, Objective

Order = tuple[int, ...]
"""A VIP's list: host indices, the holder first."""


@dataclass(frozen=True)
class Instance:
    """Hosts by index, weights in units. A peak is a load in weight over the host's speed."""

    family: Family
    speeds: tuple[Fraction, ...]
    units: tuple[int, ...]
    """Each VIP's weight in whole units, without a common divisor: ones for equal VIPs."""
    unit: Fraction
    low: tuple[int, ...]
    """The least number of VIPs that each host holds with nothing lost."""
    high: tuple[int, ...]
    """The largest such number."""
    primaries: tuple[int, ...] | None = None
    """Who holds each VIP with nothing lost, where that is settled."""

    @cached_property
    def total(self) -> int:
        """The units of all VIPs."""
        return sum(self.units)

    @cached_property
    def equal(self) -> bool:
        """Whether all VIPs weigh the same."""
        return self.total == len(self.units)

    @cached_property
    def symmetric(self) -> bool:
        """Whether hosts may change places: equal ones, in no racks, with nothing settled."""
        alike = len(set(self.speeds)) == len(set(self.low)) == len(set(self.high)) == 1
        return alike and self.primaries is None and not self.family.racks_lost

    @cached_property
    def fluid(self) -> Fraction:
        """The peak if VIPs could be cut at will (and what ECMP has): T over the worst survivors."""
        scale = lcm(*(speed.denominator for speed in self.speeds))
        speeds = [int(speed * scale) for speed in self.speeds]
        lost = self.family.worst(speeds)
        left = sum(speed for host, speed in enumerate(speeds) if not lost >> host & 1)
        return self.total * self.unit * scale / left

    def peak(self, host: int, units: int) -> Fraction:
        """What `units` on `host` are as a peak."""
        return units * self.unit / self.speeds[host]

    def limits(self, peak: Fraction) -> tuple[int, ...]:
        """The units that each host may hold under `peak`."""
        return tuple(int(peak * speed / self.unit) for speed in self.speeds)

    def above(self, peak: Fraction) -> Fraction:
        """The lowest peak above `peak` that some load has."""
        steps = {self.unit / speed for speed in self.speeds}
        return min((peak // step + 1) * step for step in steps)

    def least(self, possible: Callable[[Fraction], bool], start: Fraction) -> Fraction:
        """The lowest peak from `start` on that some load has and that `possible` does not refuse.

        What is possible under a peak must be possible under a higher one.
        """
        best: Fraction | None = None
        for speed in sorted(set(self.speeds), reverse=True):
            step = self.unit / speed
            below = -(-start // step) - 1  # the bisection: `below` is refused, `enough` is not
            if best is None:
                reach = 1
                while not possible((below + reach) * step):
                    below, reach = below + reach, 2 * reach
                enough = below + reach
            else:
                enough = -(-best // step) - 1  # nothing from `best` on is of interest
                if enough <= below or not possible(enough * step):
                    continue
            while enough - below > 1:
                middle = (below + enough) // 2
                if possible(middle * step):
                    enough = middle
                else:
                    below = middle
            best = enough * step
        assert best is not None
        return best


def instance(demand: Demand, vips: int | tuple[Fraction, ...]) -> Instance:
    """`demand` with so many equal VIPs, or with VIPs of these weights."""
    weights = (Fraction(1),) * vips if isinstance(vips, int) else vips
    scale = lcm(*(weight.denominator for weight in weights))
    whole = [int(weight * scale) for weight in weights]
    divisor = gcd(*whole)
    units = tuple(weight // divisor for weight in whole)
    family, speeds = Family.of(demand), demand.speeds
    equal = len(set(units)) == 1
    low, high = _primaries(demand, len(units), equal=equal)
    primaries = None
    enough = len(units) >= sum(low)  # else there is no plan, as the planner says
    if demand.discipline is Normal.EVEN and not equal and len(family.deciding) > 1 and enough:
        # Without losses to survive, an even normal state is the least peak itself.
        unheld = [None] * len(units)
        primaries = tuple(levelled(unheld, units, speeds, even=True, active=sum(low) > 0))
    return Instance(family, speeds, units, Fraction(divisor, scale), low, high, primaries)


def _primaries(
    demand: Demand, vips: int, *, equal: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How many VIPs each host holds with nothing lost: at least, and at most."""
    speeds = demand.speeds
    normal = demand.discipline
    active = normal is Normal.ACTIVE or (
        normal is Normal.EVEN and demand.objective is Objective.FIT
    )
    least = 1 if active else 0
    if normal is not Normal.EVEN or not equal:
        return (least,) * len(speeds), (vips,) * len(speeds)
    quotas = [vips * speed / sum(speeds) for speed in speeds]
    low = tuple(max(least, quota.__floor__()) for quota in quotas)
    if active and sum(low) > vips:
        low = (1,) * len(speeds)  # slow hosts' one VIP comes out of the others' shares
    return low, tuple(max(least, quota.__ceil__()) for quota in quotas)
