"""What `trimaran lab demo active-active` tries: which directors, which lists, which deaths."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations

from trimaran.plan import planner
from trimaran.plan.evaluate import loads
from trimaran.plan.problem import Demand, Host, Objective

UNIT = 20_000_000
"""The speed of a director's link in bit/s: scaled so that two processors can make the traffic."""

TRAFFIC = Fraction(3, 2)
"""The load in links: what two directors carry at 75 %, and one cannot."""

Loss = tuple[str, ...]
"""The directors that die at once; none: all are up."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Lists to try. `lists[i]` is the order of directors for VIP i; losses are tried in turn."""

    name: str
    lists: tuple[tuple[str, ...], ...]
    losses: tuple[Loss, ...]
    planned: bool = False
    """No loss may cost more than its failover."""

    def expected(self, lost: Loss) -> dict[str, Fraction]:
        """The load of each live director, in links, as the planner counts it."""
        weights = [TRAFFIC / len(self.lists)] * len(self.lists)
        every = loads(weights, self.lists, lost)
        return {host: every[host] for host in sorted(every)}


@dataclass(frozen=True, slots=True)
class Trial:
    """Variants to try on the same directors, one after another."""

    title: str
    directors: tuple[str, ...]
    variants: tuple[Variant, ...]


def one_death() -> Trial:
    """The exercise: three directors, any one may die."""
    demand = _demand(3)
    names = _names(demand)
    losses = tuple((name,) for name in names)
    planned = planner.plan(demand).lists
    two = replace(demand, vips=2, objective=Objective.ANY)
    return Trial(
        "three directors, any one may die",
        names,
        (
            Variant("1 VIP", (names,), ()),
            Variant("2 VIPs, backup: the next director", _next(names, 2), losses),
            Variant("2 VIPs, backup: the idle director", planner.plan(two).lists, losses[:1]),
            Variant("3 VIPs, backup: the next director", _next(names, 3), losses),
            Variant("6 VIPs, backup: the next director", _next(names, 6), losses),
            Variant(f"{len(planned)} VIPs as planned", planned, losses, planned=True),
        ),
    )


def two_deaths() -> Trial:
    """Four directors, any two may die at once."""
    demand = replace(_demand(4), survive=2)
    losses = tuple(combinations(_names(demand), 2))
    return _against_next("four directors, any two may die at once", demand, losses)


def rack_death() -> Trial:
    """Four directors in two racks: a rack may die, or any one director."""
    demand = _demand(4)
    racks = ("a", "a", "b", "b")
    hosts = tuple(replace(h, domain=rack) for h, rack in zip(demand.hosts, racks, strict=True))
    demand = replace(demand, hosts=hosts, survive_domains=1)
    names = _names(demand)
    losses = (names[:2], names[2:], *((name,) for name in names))
    return _against_next("four directors in two racks, a rack may die", demand, losses)


def _against_next(title: str, demand: Demand, losses: tuple[Loss, ...]) -> Trial:
    names, planned = _names(demand), planner.plan(demand).lists
    count = len(planned)
    return Trial(
        title,
        names,
        (
            Variant("1 VIP", (names,), ()),
            Variant(f"{count} VIPs, backup: the next director", _next(names, count), losses),
            Variant(f"{count} VIPs as planned", planned, losses, planned=True),
        ),
    )


def _demand(directors: int) -> Demand:
    hosts = tuple(Host(f"lb{number}", Fraction(UNIT)) for number in range(1, directors + 1))
    return Demand(hosts, traffic=TRAFFIC * UNIT)


def _names(demand: Demand) -> tuple[str, ...]:
    return tuple(host.name for host in demand.hosts)


def _next(names: Sequence[str], vips: int) -> tuple[tuple[str, ...], ...]:
    """The careless lists: VIPs dealt out in turn, and behind each director the next."""
    turned = [(*names[first:], *names[:first]) for first in range(len(names))]
    return tuple(turned[vip % len(names)] for vip in range(vips))
