"""Lists made choice by choice: first all holders, then all second choices, and so on.

Each choice goes to the host that least raises an exponential potential, the sum over states and
hosts of base^load: a soft maximum that looks at every loss at once. "Backup = next host", in
contrast, looks at none, and is the one scheme to forbid.
"""

from collections.abc import Sequence
from random import Random

import numpy as np
import numpy.typing as npt

from trimaran.plan.family import mask_of, members
from trimaran.plan.instance import Instance, Order
from trimaran.plan.states import as_array

_LARGEST = 1e280  # where the potential is cut off, so that sums of it stay finite
_DEAREST = 1e300


class Potential:
    """base^load for every deciding state and live host; zero for lost hosts.

    The exponent counts loads in VIPs of mean weight on a host of mean speed.
    """

    def __init__(self, instance: Instance, base: float) -> None:
        speeds = np.array([float(speed) for speed in instance.speeds])
        self._per_unit = speeds.mean() / speeds * len(instance.units) / instance.total
        self._base = base
        self.lost = as_array(instance.family.deciding, instance.family.count)
        self.cells: npt.NDArray[np.float64] = np.where(self.lost, 0.0, 1e-100)
        self._rows: dict[int, npt.NDArray[np.intp]] = {}

    def factors(self, units: int) -> npt.NDArray[np.float64]:
        """By what a VIP of `units` multiplies the potential of a cell, for each host."""
        exponents = np.minimum(units * self._per_unit * np.log(self._base), 300.0)
        grown: npt.NDArray[np.float64] = np.exp(exponents)
        return grown

    def rows(self, prefix: int) -> npt.NDArray[np.intp]:
        """The states in which all of `prefix` is lost: those its VIP's next choice decides."""
        found = self._rows.get(prefix)
        if found is None:
            found = np.flatnonzero(self.lost[:, list(members(prefix))].all(axis=1))
            self._rows[prefix] = found
        return found

    def costs(self, prefix: int, units: int) -> npt.NDArray[np.float64]:
        """What each host as the next choice after `prefix` adds; infinite for those in it."""
        rows = self.rows(prefix)
        with np.errstate(over="ignore"):
            grown = self.cells[rows].sum(axis=0) * (self.factors(units) - 1)
        # However slow a host, it is better than one in the prefix.
        added: npt.NDArray[np.float64] = np.minimum(grown, _DEAREST)
        added[list(members(prefix))] = np.inf
        return added

    def add(self, prefix: int, host: int, units: int) -> None:
        """The VIP's next choice after `prefix` is `host`."""
        rows = self.rows(prefix)
        with np.errstate(over="ignore"):
            grown = self.cells[rows, host] * self.factors(units)[host]
        self.cells[rows, host] = np.minimum(grown, _LARGEST)


def lists(
    instance: Instance, base: float, random: Random, *, by_level: bool = True
) -> tuple[Order, ...]:
    """A list for each VIP, as long as the losses to survive ask for.

    Level by level is best for equal VIPs. Where some weigh much, they take their whole lists
    first, and the lighter ones fill what they leave (not `by_level`).
    """
    potential = Potential(instance, base)
    family, units = instance.family, instance.units
    orders: list[list[int]] = [[] for _ in units]

    def extend(vip: int) -> bool:
        """Give the VIP its next choice; False if its list is long enough."""
        prefix = mask_of(orders[vip])
        if prefix not in family or len(orders[vip]) == family.count:
            return False
        host = least(potential.costs(prefix, units[vip]), random)
        potential.add(prefix, host, units[vip])
        orders[vip].append(host)
        return True

    heaviest_first = list(range(len(units)))
    random.shuffle(heaviest_first)
    heaviest_first.sort(key=lambda vip: -units[vip])
    counts = [0] * family.count
    for dealt, vip in enumerate(heaviest_first):
        if instance.primaries is not None:
            host = instance.primaries[vip]
        else:
            costs = potential.costs(0, units[vip])
            open_to = _open(instance, counts, dealt)
            host = open_to[least(costs[open_to], random)]
        counts[host] += 1
        potential.add(0, host, units[vip])
        orders[vip].append(host)
        while not by_level and extend(vip):
            pass
    unfinished = heaviest_first
    while unfinished:
        unfinished = [vip for vip in unfinished if extend(vip)]
    return tuple(tuple(order) for order in orders)


def _open(instance: Instance, counts: Sequence[int], dealt: int) -> list[int]:
    """The hosts that may hold one more VIP, so that all still get at least their least number."""
    owed = sum(max(0, low - count) for low, count in zip(instance.low, counts, strict=True))
    spare = len(instance.units) - dealt > owed
    return [
        host
        for host, count in enumerate(counts)
        if count < instance.high[host] and (spare or count < instance.low[host])
    ]


def least(costs: npt.NDArray[np.float64], random: Random) -> int:
    """The host of least cost, by lot among equals (sums of floats are never quite equal)."""
    lowest = float(costs.min())
    return random.choice([int(host) for host in np.flatnonzero(costs <= lowest * (1 + 1e-9))])
