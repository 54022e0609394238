"""Plans as JSON for programs. `asked` has the keys of a plan file: `--from` reads it back."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from trimaran.plan.alternatives import compare, roomier
from trimaran.plan.directors import Site
from trimaran.plan.problem import Demand, Infeasible, Plan
from trimaran.views.plan_dns import records
from trimaran.views.plan_panels import share


def plan_json(plan: Plan, site: Site, dns: str | None = None) -> str:
    """A plan; with the records of a zone file if `dns` is a name."""
    document = plan_document(plan)
    document["moves"] = [
        {"vip": move.vip, "from": move.source, "to": move.target} for move in plan.moves
    ]
    beside = compare(plan)
    document["ecmp"] = {"peak": exact(beside.ecmp_peak), "advice": list(beside.advice)}
    if (room := roomier(plan)) is not None:
        document["roomier"] = plan_document(room) | {"max_load": _decimal(room.demand.max_load)}
    document["asked"] = _asked(plan.demand, site)
    if dns is not None:
        document["dns"] = records(dns, site.addresses[: len(plan.lists)])
    return json_text(document)


def plan_document(plan: Plan) -> dict[str, Any]:
    """What lists do. Loads are shares of a host's limit, or VIP weights without traffic."""
    found, total = plan.evaluation, sum(plan.weights)

    def load(host: str, weight: Fraction) -> int | float:
        part = share(plan.demand, host, total, weight)
        return _number(weight if part is None else part)

    return {
        "vips": len(plan.lists),
        "objective": plan.demand.objective.value,
        "feasible": True,
        "proven": plan.proven,
        "bound": exact(plan.bound),
        "peak": exact(found.peak),
        "peak_load": load(found.peak_host, found.worst[found.peak_host][0]),
        "peak_host": found.peak_host,
        "peak_lost": list(found.peak_lost),
        "balanced": found.balanced,
        "normal": {host: load(host, weight) for host, weight in found.normal.items()},
        "worst": {host: load(host, weight) for host, (weight, _) in found.worst.items()},
        "lists": [list(order) for order in plan.lists],
        "weights": [exact(weight) for weight in plan.weights],
        "reasons": list(plan.reasons),
    }


def infeasible_json(demand: Demand, why: Infeasible) -> str:
    """Why there is no plan."""
    return json_text(
        {
            "vips": _vips(demand),
            "objective": demand.objective.value,
            "feasible": False,
            "reason": why.reason,
            "host": why.host,
            "lost": list(why.lost),
            "load": None if why.load is None else _number(why.load),
            "remedies": list(why.remedies),
            "asked": _asked(demand, None),
        }
    )


def _asked(demand: Demand, site: Site | None) -> dict[str, Any]:
    """The demand and the site in the keys of a plan file."""
    asked: dict[str, Any] = {
        "survive": demand.survive,
        "objective": demand.objective.value,
        "max_load": _decimal(demand.max_load),
        "host": [
            _present(
                name=host.name,
                link=_decimal(host.link),
                domain=host.domain,
                packets=_decimal(host.packets),
                connections=host.connections,
            )
            for host in demand.hosts
        ],
        "domains": {"survive": demand.survive_domains},
        "both_directions": demand.both_directions,
    }
    asked |= _present(
        traffic=_decimal(demand.traffic),
        packets=_decimal(demand.packets),
        connections=demand.connections,
        normal=demand.normal.value if demand.normal else None,
        vips=_vips(demand),
    )
    return asked if site is None else asked | _site(site)


def _site(site: Site) -> dict[str, Any]:
    asked: dict[str, Any] = {"interface": site.interface, "first_vrid": site.first_vrid}
    if site.addresses:
        asked["addresses"] = [str(address) for address in site.addresses]
    if site.services:
        asked["service"] = [
            {
                "port": service.port,
                "protocol": service.protocol.value,
                "real_servers": [str(address) for address in service.real_servers],
            }
            for service in site.services
        ]
    return asked


def _vips(demand: Demand) -> int | list[int | str] | None:
    if demand.vips is None or isinstance(demand.vips, int):
        return demand.vips
    return [exact(weight) for weight in demand.vips]


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def exact(value: Fraction) -> int | str:
    """An integer, or `3/2`."""
    return int(value) if value.denominator == 1 else str(value)


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _decimal(value: Fraction | None) -> int | str | None:
    """An integer, or decimals: what a plan file holds is no other fraction."""
    if value is None or value.denominator == 1:
        return None if value is None else int(value)
    return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"


def json_text(document: dict[str, Any]) -> str:
    """Indented, with a line end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
