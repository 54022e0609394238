"""A plan for people: the answer, the lists, what each host carries, a picture, the proof."""

from collections.abc import Sequence
from fractions import Fraction

from trimaran.plan.alternatives import compare, roomier
from trimaran.plan.directors import Site
from trimaran.plan.problem import Demand, Objective, Plan
from trimaran.plan.units import quantity_text
from trimaran.plan.wording import after, plural
from trimaran.views.plan_panels import load_text, panels, percent, share
from trimaran.views.plan_picture import picture
from trimaran.views.table import table

_QUESTIONS = {
    Objective.BALANCED: "every state even, before and after any loss",
    Objective.FIT: "every host active, and no host above its limit after any loss",
    Objective.ANY: "no host above its limit after any loss; hosts may idle until then",
    Objective.PEAK: "the least worst peak for the VIPs given",
}
_LONGEST = 60
"""Characters of a list."""


def plan_text(plan: Plan, site: Site) -> str:
    """The whole answer."""
    addresses = [str(address) for address in site.addresses[: len(plan.lists)]]
    return sections_text(
        _answer(plan), *lists_sections(plan, addresses), _moves(plan), _proof(plan), _beyond(plan)
    )


def lists_sections(plan: Plan, names: Sequence[str]) -> list[list[str]]:
    """The lists, what each host carries, and the picture; `names`: what the VIPs are called."""
    drawn = picture(panels(plan.demand, plan.weights, plan.lists, plan.evaluation))
    return [_lists(plan, names), _hosts(plan), drawn]


def sections_text(*sections: Sequence[str]) -> str:
    """Sections with an empty line between them."""
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def question_text(objective: Objective) -> str:
    """Which question a plan answers: `fit (every host active, ...)`."""
    return f"{objective} ({_QUESTIONS[objective]})"


def survives_text(demand: Demand) -> str:
    """`the loss of any 1 host, or of any 1 failure domain`."""
    parts = []
    if demand.survive:
        parts.append(f"any {plural(demand.survive, 'host')}")
    if demand.survive_domains:
        parts.append(f"any {plural(demand.survive_domains, 'failure domain')}, whole or in part")
    return "the loss of " + " or of ".join(parts) if parts else "no loss"


def _answer(plan: Plan) -> list[str]:
    demand = plan.demand
    given = ", as given" if demand.vips is not None else ""
    even = "every state is even" if plan.evaluation.balanced else "not every state is even"
    return [
        f"{plural(len(plan.lists), 'VIP')} on {plural(len(demand.hosts), 'host')}{given}",
        "",
        *table(
            [
                ("Question", question_text(demand.objective)),
                ("Survives", f"{survives_text(demand)}; {even}"),
                ("Worst peak", peak_text(plan)),
                ("Bound", _bound(plan)),
            ]
        ),
    ]


def peak_text(plan: Plan) -> str:
    """`0.75 Gbit/s = 75 % of its 1 Gbit/s link, on lb1 after the loss of lb2`."""
    found = plan.evaluation
    load = _load_at_peak(plan, found.peak)
    text = load_text(plan.demand, sum(plan.weights), load)
    used = share(plan.demand, found.peak_host, sum(plan.weights), load)
    if used is not None:
        text += f" = {percent(used)} of {_limit(plan.demand, found.peak_host)}"
        if used > plan.demand.max_load:
            text += f" (more than the {percent(plan.demand.max_load)} allowed)"
    return f"{text}, on {found.peak_host} {after(found.peak_lost)}"


def _bound(plan: Plan) -> str:
    gap = plan.evaluation.peak / plan.bound - 1
    vips = f"no lists for {plural(len(plan.lists), 'VIP')} have a worst peak below"
    load = load_text(plan.demand, sum(plan.weights), _load_at_peak(plan, plan.bound))
    return f"{vips} {load}: {f'gap {percent(gap)}' if gap else 'this plan is the best'}"


def _load_at_peak(plan: Plan, peak: Fraction) -> Fraction:
    """A peak is relative to the slowest host: what weight it is on the host where it occurs."""
    names = [host.name for host in plan.demand.hosts]
    return peak * plan.demand.speeds[names.index(plan.evaluation.peak_host)]


def _limit(demand: Demand, name: str) -> str:
    """`its 1 Gbit/s link`."""
    host = next(each for each in demand.hosts if each.name == name)
    _, what = demand.capacity(host)
    if what == "packets" and host.packets is not None:
        return f"its {quantity_text(host.packets, 'pps')}"
    if what == "connections" and host.connections is not None:
        return f"its room for {quantity_text(Fraction(host.connections))} connections"
    both = " (requests and answers)" if demand.both_directions else ""
    return f"its {quantity_text(host.link, 'bit/s')} link{both}"


def _lists(plan: Plan, names: Sequence[str]) -> list[str]:
    equal = len(set(plan.weights)) == 1
    titles = ["VIP", *(["ADDRESS"] if names else []), *([] if equal else ["WEIGHT"])]
    rows = [[*titles, "ORDER OF HOSTS"]]
    width = max(len(host.name) for host in plan.demand.hosts)
    for index, (weight, order) in enumerate(zip(plan.weights, plan.lists, strict=True)):
        row = [str(index + 1)]
        if names:
            row.append(names[index])
        if not equal:
            row.append(quantity_text(weight))
        rows.append([*row, _order(order, width)])
    return table(rows, right=(0,))


def _order(order: Sequence[str], width: int) -> str:
    """Hosts in columns; far ranks, which decide little, are only counted."""
    most = max(1, _LONGEST // (width + 1))
    if len(order) > most:
        order = [*order[: most - 1], f"and {len(order) - most + 1} more"]
    return " ".join(host.ljust(width) for host in order)


def _hosts(plan: Plan) -> list[str]:
    demand, total = plan.demand, sum(plan.weights)
    rows = [["HOST", "LIMIT", "VIPS", "NORMAL", "", "WORST", "", ""]]
    for host in demand.hosts:
        normal = plan.evaluation.normal[host.name]
        worst, lost = plan.evaluation.worst[host.name]
        rows.append(
            [
                host.name,
                _limit(demand, host.name).removeprefix("its ") if demand.has_totals else "",
                str(sum(order[0] == host.name for order in plan.lists)),
                load_text(demand, total, normal),
                percent(share(demand, host.name, total, normal)),
                load_text(demand, total, worst),
                percent(share(demand, host.name, total, worst)),
                after(lost),
            ]
        )
    return table(rows, right=(2, 3, 4, 5, 6))


def _moves(plan: Plan) -> list[str]:
    return [f"VIP {move.vip + 1} moves from {move.source} to {move.target}" for move in plan.moves]


def _proof(plan: Plan) -> list[str]:
    given = plan.demand.vips is not None
    claim = "no lower peak is possible for these VIPs" if given else "no fewer VIPs will do"
    head = f"Proven: {claim}." if plan.proven else f"Not proven that {claim}."
    return [head, *(f"  {reason}" for reason in plan.reasons), *_head_room(plan)]


def _head_room(plan: Plan) -> list[str]:
    found = roomier(plan)
    if found is None:
        return []
    return [
        f"That leaves no head-room. With any at all (--max-load "
        f"{percent(found.demand.max_load).replace(' ', '')}) it takes "
        f"{plural(len(found.lists), 'VIP')}: worst peak {percent(found.evaluation.peak_load)}."
    ]


def _beyond(plan: Plan) -> list[str]:
    """Where VRRP ends: the peak of ECMP, and what speaks against VRRP here."""
    found, demand = compare(plan), plan.demand
    if found.ecmp_load is not None:
        peak = f"{percent(found.ecmp_load)} of a host's limit"
    else:
        peak = load_text(demand, sum(plan.weights), found.ecmp_peak) + " on the slowest host"
    higher = f"{percent(found.excess)} higher" if found.excess else "no higher"
    return [
        f"ECMP, which spreads single flows, has a worst peak of {peak}; this plan's is {higher}.",
        *(f"  {advice}" for advice in found.advice),
    ]
