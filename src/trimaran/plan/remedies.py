"""When the directors cannot carry the demand, however it is spread: what would help, in numbers."""

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import lcm

from trimaran.plan.family import Family, members
from trimaran.plan.problem import Demand, Infeasible
from trimaran.plan.wording import after, enough, listed, percent, plural

_MOST_ADDED = 255


def fluid_load(demand: Demand) -> tuple[Fraction, tuple[str, ...]]:
    """The load of every survivor of the worst loss if traffic could be cut at will; that loss.

    As a share of their limits. No plan does better, nor does ECMP.
    """
    capacities = [demand.capacity(host)[0] for host in demand.hosts]
    family = Family.of(demand)
    scale = lcm(*(capacity.denominator for capacity in capacities))
    lost = family.worst([int(capacity * scale) for capacity in capacities])
    left = sum(
        (capacity for host, capacity in enumerate(capacities) if not lost >> host & 1), Fraction(0)
    )
    return 1 / left, tuple(demand.hosts[host].name for host in members(lost))


def require_capacity(demand: Demand) -> None:
    """Raise Infeasible if the survivors of some loss cannot carry the demand together."""
    if not demand.has_totals:
        return
    load, lost = fluid_load(demand)
    if load <= demand.max_load:
        return
    left = [host for host in demand.hosts if host.name not in lost]
    names = tuple(host.name for host in left)
    kinds = tuple(dict.fromkeys(demand.capacity(host)[1] for host in left))
    carry = "each carry" if len(names) > 1 else "carries"
    their = "their limits" if len(names) > 1 else "its limit"
    raise Infeasible(
        f"{after(lost)}, {listed(names)} {carry} {percent(load)} of {their} ({listed(kinds)}), "
        f"however the VIPs are spread: at most {percent(demand.max_load)} is asked for",
        host=names[0],
        lost=lost,
        load=load,
        remedies=tuple(_remedies(demand, load)),
    )


def _remedies(demand: Demand, load: Fraction) -> Iterator[str]:
    pattern = demand.hosts[0]
    hosts = demand.hosts
    for added in range(1, _MOST_ADDED + 1):
        hosts = (*hosts, replace(pattern, name=f"{pattern.name}+{added}", domain=None))
        if fluid_load(replace(demand, hosts=hosts))[0] <= demand.max_load:
            yield f"{plural(added, 'more host')} like {pattern.name}"
            break
    factor = load / demand.max_load
    yield f"limits {math.ceil(factor * 1000) / 1000:g} times as high on every host"
    yield f"{math.floor(10_000 / factor) / 100:g} % of the demand"
    if load <= 1:
        yield f"a max_load of {enough(load)}"
    for survive in range(demand.survive - 1, -1, -1):
        if fluid_load(replace(demand, survive=survive))[0] <= demand.max_load:
            yield f"to survive the loss of {plural(survive, 'host')} only"
            break
    for domains in range(demand.survive_domains - 1, -1, -1):
        if fluid_load(replace(demand, survive_domains=domains))[0] <= demand.max_load:
            yield f"to survive the loss of {plural(domains, 'failure domain')} only"
            break
