"""The losses to survive: sets of hosts, as bit masks (bit i is host i)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from trimaran.plan.problem import Demand


def mask_of(hosts: Sequence[int]) -> int:
    """The mask of these hosts."""
    return sum(1 << host for host in hosts)


def members(mask: int) -> tuple[int, ...]:
    """The hosts in `mask`, in ascending order."""
    return tuple(host for host in range(mask.bit_length()) if mask >> host & 1)


@dataclass(frozen=True)
class Family:
    """Any `survive` of `count` hosts, or any `racks_lost` of `racks`, or a part of these.

    A part of a loss is a loss too. For hosts that goes without saying: a host that is alive in
    a small loss is alive in a larger one, and holds no less there. But a host of a rack that
    is only partly lost is alive in no loss of the whole rack.
    """

    count: int
    survive: int
    racks: tuple[int, ...] = ()
    racks_lost: int = 0

    @classmethod
    def of(cls, demand: Demand) -> "Family":
        """The losses that `demand` must survive."""
        racks: dict[str, int] = {}
        for index, host in enumerate(demand.hosts):
            if host.domain is not None:
                racks[host.domain] = racks.get(host.domain, 0) | 1 << index
        return cls(len(demand.hosts), demand.survive, tuple(racks.values()), demand.survive_domains)

    def __contains__(self, lost: int) -> bool:
        return lost.bit_count() <= self.survive or any(not lost & ~union for union in self.unions)

    @cached_property
    def unions(self) -> tuple[int, ...]:
        """The largest losses by racks."""
        if not self.racks_lost:
            return ()
        return tuple(sum(chosen) for chosen in combinations(self.racks, self.racks_lost))

    @cached_property
    def deciding(self) -> tuple[int, ...]:
        """The losses that decide the peak: each host's load is highest in one of these.

        Loads are monotone: with S inside S' and h outside both, h holds no less in S' than in S.
        So for each host only the largest losses that spare it matter.
        """
        found = [mask_of(hosts) for hosts in combinations(range(self.count), self.survive)]
        for union in self.unions:
            parts = (union & ~(1 << host) for host in members(union))
            found += [part for part in (union, *parts) if part.bit_count() > self.survive]
        return tuple(dict.fromkeys(found))

    def states(self) -> Iterator[int]:
        """Every loss, the empty one first, by size. Lazy: large racks have very many parts."""
        largest = max((self.survive, *(union.bit_count() for union in self.unions)))
        everything = (1 << self.count) - 1
        for size in range(largest + 1):
            wholes = (everything,) if size <= self.survive else self.unions
            seen: set[int] = set()
            for whole in wholes:
                for hosts in combinations(members(whole), size):
                    lost = mask_of(hosts)
                    if lost not in seen:
                        seen.add(lost)
                        yield lost

    def worst(self, values: Sequence[int]) -> int:
        """The loss that takes most of `values`, which are non-negative, one for each host."""

        def taken(lost: int) -> int:
            return sum(values[host] for host in members(lost))

        by_value: Callable[[int], int] = values.__getitem__
        largest = sorted(range(self.count), key=by_value, reverse=True)[: self.survive]
        return max((mask_of(largest), *self.unions), key=taken)
