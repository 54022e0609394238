"""What lists do, found by counting in every state: the judge of every plan.

Nothing here knows how a plan was made. Lists may leave hosts out (an existing configuration
may): in a state that leaves none of its hosts, such a VIP is held by nobody.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice
from math import lcm
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from trimaran.plan.family import Family, members
from trimaran.plan.problem import Demand, Evaluation

_BATCH = 2048  # states counted at a time: bounds the memory


def loads(
    weights: Sequence[Fraction], lists: Sequence[Sequence[str]], lost: Iterable[str] = ()
) -> dict[str, Fraction]:
    """The VIP weight on each host that the lists name and that is not lost."""
    gone = set(lost)
    found = {host: Fraction(0) for host in chain(*lists) if host not in gone}
    for weight, order in zip(weights, lists, strict=True):
        holder = next((host for host in order if host not in gone), None)
        if holder is not None:
            found[holder] += weight
    return found


def evaluate(
    demand: Demand, weights: Sequence[Fraction], lists: Sequence[Sequence[str]]
) -> Evaluation:
    """Count the loads in every state that `demand` names; `demand.vips` plays no part."""
    count = _Count(demand, weights, lists)
    names = [host.name for host in demand.hosts]
    worst = [(-1, 0)] * len(names)  # for each host: units, loss
    unheld: int | None = None
    for masks, table in count.tables(count.family.deciding):
        if unheld is None:
            unheld = next((mask for mask, row in zip(masks, table, strict=True) if row[-1]), None)
        rows = table.argmax(axis=0)
        for host, row in enumerate(rows[:-1]):
            worst[host] = max(worst[host], (int(table[row, host]), masks[row]), key=itemgetter(0))

    def named(mask: int) -> tuple[str, ...]:
        return tuple(names[host] for host in members(mask))

    def peak(host: int) -> Fraction:
        return worst[host][0] * count.unit / demand.speeds[host]

    top = max(range(len(names)), key=peak)
    least = [(units, _least_loss(count, host, lost)) for host, (units, lost) in enumerate(worst)]
    load = None
    if demand.has_totals:
        slowest = min(demand.capacity(host)[0] for host in demand.hosts)
        load = peak(top) / sum(weights) / slowest
    normal = loads(weights, lists)
    return Evaluation(
        peak=peak(top),
        peak_load=load,
        peak_host=names[top],
        peak_lost=named(least[top][1]),
        normal={name: normal.get(name, Fraction(0)) for name in names},
        worst={
            name: (units * count.unit, named(lost))
            for name, (units, lost) in zip(names, least, strict=True)
        },
        balanced=count.balanced(),
        states=len(count.family.deciding),
        unheld=None if unheld is None else named(unheld),
    )


class _Count:
    """The lists as arrays, and the loads they give."""

    def __init__(
        self, demand: Demand, weights: Sequence[Fraction], lists: Sequence[Sequence[str]]
    ) -> None:
        self.family = Family.of(demand)
        self.speeds = demand.speeds
        scale = lcm(*(weight.denominator for weight in weights))
        self.unit = Fraction(1, scale)
        self._units = np.array([int(weight * scale) for weight in weights], dtype=np.int64)
        index = {host.name: at for at, host in enumerate(demand.hosts)}
        nobody = len(index)  # the column after the hosts: it is never lost
        self._ranks = np.full((len(index) + 1, len(lists)), nobody)
        for vip, order in enumerate(lists):
            if unknown := [name for name in order if name not in index]:
                raise ValueError(f"VIP {vip + 1} lists host {unknown[0]}, which is not planned for")
            self._ranks[: len(order), vip] = [index[name] for name in order]

    def tables(self, masks: Iterable[int]) -> Iterator[tuple[list[int], npt.NDArray[np.int64]]]:
        """Losses and, for each, the units on each host; in the last column those on nobody."""
        rest = iter(masks)
        width = self.family.count + 1
        while batch := list(islice(rest, _BATCH)):
            lost = np.array([[mask >> host & 1 for host in range(width)] for mask in batch], bool)
            holders = np.broadcast_to(self._ranks[0], (len(batch), self._ranks.shape[1])).copy()
            for following in self._ranks[1:]:
                gone = np.take_along_axis(lost, holders, axis=1)
                if not gone.any():
                    break
                holders = np.where(gone, following, holders)
            cells = holders + width * np.arange(len(batch))[:, None]
            counted = np.bincount(
                cells.ravel(), np.tile(self._units, len(batch)), width * len(batch)
            )  # in float64: exact, as Demand allows totals below 2**53 only
            yield batch, counted.astype(np.int64).reshape(len(batch), width)

    def balanced(self) -> bool:
        """Whether every state is exactly proportional; stops at the first that is not."""
        scale = lcm(*(speed.denominator for speed in self.speeds))
        shares = np.array([int(speed * scale) for speed in self.speeds] + [0], dtype=object)
        for masks, table in self.tables(self.family.states()):
            alive = [[not mask >> host & 1 for host in range(len(shares))] for mask in masks]
            left = np.where(alive, shares, 0)
            total = int(self._units.sum())
            if (table * left.sum(axis=1)[:, None] != total * left).any():
                return False
        return True


def _least_loss(count: _Count, host: int, lost: int) -> int:
    """A part of `lost` that already puts as much on `host`, and no part of which does."""
    target = _on(count, host, lost)
    for other in members(lost):
        smaller = lost & ~(1 << other)
        if _on(count, host, smaller) == target:
            lost = smaller
    return lost


def _on(count: _Count, host: int, lost: int) -> int:
    _, table = next(count.tables([lost]))
    return int(table[0, host])
