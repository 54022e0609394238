"""A plan state by state, as its pictures show it: hosts as columns, VIPs as blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from trimaran.plan import wording
from trimaran.plan.problem import Demand, Evaluation
from trimaran.plan.units import quantity_text


@dataclass(frozen=True, slots=True)
class Block:
    """A VIP (numbered from 1) on a host; `moved`: it is there because of the loss."""

    vip: int
    weight: Fraction
    moved: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """One state. `stacks`: what each host holds, its own VIPs first; None for a lost host."""

    title: str
    stacks: dict[str, tuple[Block, ...] | None]


def panels(
    demand: Demand,
    weights: Sequence[Fraction],
    lists: Sequence[Sequence[str]],
    evaluation: Evaluation,
) -> list[Panel]:
    """Nothing lost, each host lost, each domain lost, and the worst loss; each state once."""
    seen: dict[frozenset[str], Panel] = {}
    for title, lost in _losses(demand, evaluation):
        if lost not in seen:
            seen[lost] = _panel(title, lost, demand, weights, lists)
    return list(seen.values())


def _losses(demand: Demand, evaluation: Evaluation) -> Iterator[tuple[str, frozenset[str]]]:
    yield "nothing lost", frozenset()
    for host in demand.hosts if demand.survive else ():
        yield f"{host.name} lost", frozenset([host.name])
    names = {host.domain: None for host in demand.hosts if host.domain is not None}
    for domain in names if demand.survive_domains else ():
        lost = frozenset(host.name for host in demand.hosts if host.domain == domain)
        yield f"{domain} lost", lost
    yield f"{' '.join(evaluation.peak_lost)} lost", frozenset(evaluation.peak_lost)


def _panel(
    title: str,
    lost: frozenset[str],
    demand: Demand,
    weights: Sequence[Fraction],
    lists: Sequence[Sequence[str]],
) -> Panel:
    own: dict[str, list[Block]] = {host.name: [] for host in demand.hosts}
    taken: dict[str, list[Block]] = {host.name: [] for host in demand.hosts}
    for number, (weight, order) in enumerate(zip(weights, lists, strict=True), 1):
        holder = next((host for host in order if host not in lost), None)
        if holder is not None:
            moved = holder != order[0]
            (taken if moved else own)[holder].append(Block(number, weight, moved))
    return Panel(
        title,
        {name: None if name in lost else (*own[name], *taken[name]) for name in own},
    )


def load_text(demand: Demand, total: Fraction | int, weight: Fraction) -> str:
    """What VIPs of this weight carry: bit/s, packets, connections, or just the weight."""
    part = weight / total
    if demand.traffic is not None:
        slowest = min(host.link for host in demand.hosts)
        return quantity_text(demand.traffic * part, "bit/s", slowest)
    if demand.packets is not None:
        return quantity_text(demand.packets * part, "pps", demand.packets)
    if demand.connections is not None:
        everything = Fraction(demand.connections)
        return quantity_text(everything * part, "connections", everything)
    return f"weight {quantity_text(weight)}"


def share(demand: Demand, host: str, total: Fraction | int, weight: Fraction) -> Fraction | None:
    """The same as a share of what limits the host; None where no traffic is named."""
    if not demand.has_totals:
        return None
    found = next(each for each in demand.hosts if each.name == host)
    return weight / total / demand.capacity(found)[0]


def percent(value: Fraction | None) -> str:
    """`75 %`, `87.5 %`; nothing for None."""
    return "" if value is None else wording.percent(value)
