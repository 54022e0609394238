"""Better lists by local search: break a violation up, and charge more where it comes back.

A list is a path through the lattice of lost sets, and what it adds to the potential is a sum
over the steps of the path. So the best list for one VIP, all others fixed, is a shortest path.
The search takes a VIP from a host that is above its limit in some state, and one or two others
at random, gives them their best lists in turn, and raises the price of the cells that are
violated, so that it does not stand still. Prices fade: what was mended may be broken again.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from random import Random

import numpy as np
import numpy.typing as npt

from trimaran.plan.greedy import least
from trimaran.plan.instance import Instance, Order
from trimaran.plan.states import as_array, holder

_MAX_NODES = 3000  # larger families are not searched: a step would take too long
_LOG_BASE = math.log(1e4)  # of the potential: load by load, in VIPs
_MOST_VIPS = 3  # lists changed in one step
_DEARER = 0.03  # what a step adds to the log of the price of the most violated cells
_KEPT = 0.98  # what is left of these logs after a step
_WORK = 1e7  # nodes times hosts times steps for one target: a second or two
_MAX_STEPS = 3000
_LARGEST_LOG = 300.0  # where the potential is cut off, so that sums of it stay finite
_LARGEST = math.exp(_LARGEST_LOG)

Floats = npt.NDArray[np.float64]


class _Lattice:
    """The family's losses as nodes, the empty one first; a step adds a host to the lost."""

    def __init__(self, instance: Instance) -> None:
        family = instance.family
        masks = list(family.states())
        index = {mask: node for node, mask in enumerate(masks)}
        self.outside = len(masks)  # stands for what is beyond the family
        self.deciding = np.array([index[mask] for mask in family.deciding])
        self.up = np.array(
            [
                [index.get(mask | 1 << host, self.outside) for host in range(family.count)]
                for mask in masks
            ]
        )
        self.lost = as_array(masks, family.count)
        sizes = np.array([mask.bit_count() for mask in masks])
        self._levels = [np.flatnonzero(sizes == size) for size in range(sizes.max(), -1, -1)]
        self._growing = []
        for host in range(family.count):
            below = np.flatnonzero(~self.lost[:, host] & (self.up[:, host] != self.outside))
            self._growing.append((below, self.up[below, host]))

    def path(self, prices: Floats, first: Sequence[int], random: Random) -> Order:
        """The cheapest list that begins with one of `first`.

        `prices` has a row for each deciding state: what the VIP costs on each host there.
        """
        steps = np.zeros((self.outside, prices.shape[1]))
        steps[self.deciding] = prices
        for below, above in self._growing:  # sums over all deciding states above each node
            steps[below] += steps[above]
        steps[self.lost] = np.inf
        rest = np.zeros(self.outside + 1)
        for level in self._levels:
            steps[level] += rest[self.up[level]]
            rest[level] = steps[level].min(axis=1)
        order = [first[least(steps[0, list(first)], random)]]
        node = int(self.up[0, order[0]])
        while node != self.outside:
            order.append(least(steps[node], random))
            node = int(self.up[node, order[-1]])
        return tuple(order)


def searchable(instance: Instance) -> bool:
    """Whether the family is small enough for a search."""
    return len(list(islice(instance.family.states(), _MAX_NODES + 1))) <= _MAX_NODES


class Search:
    """Lists on their way to lower peaks."""

    def __init__(self, instance: Instance, lists: Sequence[Order], seed: int) -> None:
        self._instance = instance
        self._random = Random(seed)
        self._lattice = _Lattice(instance)
        self._lost = self._lattice.lost[self._lattice.deciding]
        self._steps = min(_MAX_STEPS, int(_WORK / self._lattice.lost.size))
        speeds = np.array([float(speed) for speed in instance.speeds])
        self._per_unit = speeds.mean() / speeds * len(lists) / instance.total * _LOG_BASE
        self._all_cells = np.arange(len(self._lost))
        self._lists = list(lists)
        self._holders = np.empty((len(lists), len(self._lost)), np.intp)
        self._loads = np.zeros(self._lost.shape)
        self._primaries = [0] * len(speeds)
        for vip in range(len(lists)):
            self._count(vip, 1)

    def reach(self, peak: Fraction) -> tuple[Order, ...] | None:
        """Lists with this peak or a lower one, if they are found."""
        limits = np.array(self._instance.limits(peak), dtype=float)
        prices = np.zeros(self._loads.shape)
        for _ in range(self._steps):
            excess = np.where(self._lost, 0.0, self._loads - limits)
            worst = excess.max()
            if worst <= 0:
                return tuple(self._lists)
            prices = _KEPT * prices + _DEARER * np.maximum(excess, 0) / worst
            state, host = self._random.choice(np.argwhere(excess > 0).tolist())
            held = np.flatnonzero(self._holders[:, state] == host).tolist()
            others = self._random.randrange(_MOST_VIPS)
            chosen = {self._random.choice(held)}
            chosen.update(self._random.randrange(len(self._lists)) for _ in range(others))
            self._remake(sorted(chosen), limits, prices)
        return None

    def _remake(self, vips: Sequence[int], limits: Floats, prices: Floats) -> None:
        """Give these VIPs their best lists in turn, unless that is worse in sum."""
        before = self._potential(limits, prices).sum()
        old = [(vip, self._lists[vip]) for vip in vips]
        for vip in vips:
            self._count(vip, -1)
        for vip, order in sorted(old, key=lambda item: -self._instance.units[item[0]]):
            grown = np.expm1(self._instance.units[vip] * self._per_unit)
            costs = self._potential(limits, prices) * np.minimum(grown, _LARGEST)
            self._lists[vip] = self._lattice.path(costs, self._open(order[0]), self._random)
            self._count(vip, 1)
        if self._potential(limits, prices).sum() > before:
            for vip, order in old:
                self._count(vip, -1)
                self._lists[vip] = order
                self._count(vip, 1)

    def _potential(self, limits: Floats, prices: Floats) -> Floats:
        """What each cell weighs: nothing for lost hosts, one at its limit."""
        exponents = np.minimum((self._loads - limits) * self._per_unit + prices, _LARGEST_LOG)
        found: Floats = np.where(self._lost, 0.0, np.exp(exponents))
        return found

    def _open(self, old: int) -> list[int]:
        """The hosts that may hold a VIP with nothing lost, when it leaves `old`."""
        instance = self._instance
        if instance.primaries is not None or self._primaries[old] < instance.low[old]:
            return [old]
        return [host for host, count in enumerate(self._primaries) if count < instance.high[host]]

    def _count(self, vip: int, sign: int) -> None:
        """Add the VIP with its list (1), or take it away as it was added (-1)."""
        order = self._lists[vip]
        self._primaries[order[0]] += sign
        if sign > 0:
            self._holders[vip] = holder(self._lost, order)
        self._loads[self._all_cells, self._holders[vip]] += sign * self._instance.units[vip]
