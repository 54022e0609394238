"""A plan that was printed as JSON, read back in order to change it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from trimaran.plan.entries import DemandError, Entry, Section, section_of
from trimaran.plan.units import weight


@dataclass(frozen=True, slots=True)
class Previous:
    """What an old plan asked for, in the keys of a plan file, and what it answered."""

    asked: Section
    weights: tuple[Fraction, ...]
    lists: tuple[tuple[str, ...], ...]


def previous(text: str, file: str) -> Previous:
    """Read a plan that `trimaran plan --format json` wrote. Raises DemandError."""
    try:
        document = json.loads(text, parse_float=str)
    except ValueError as error:
        raise DemandError(f"{file}: this is not JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("feasible"), bool):
        raise DemandError(f"{file}: this is no plan: make one with --format json")
    if not document["feasible"]:
        raise DemandError(f"{file}: this plan is infeasible: there is nothing to start from")
    return _read(section_of(document, file, lambda path: f"{file}: {path[0]}"), file)


def _read(plan: Section, file: str) -> Previous:
    for key in ("asked", "lists", "weights"):
        if key not in plan:
            raise DemandError(f"{file}: this is no plan: it has no '{key}'")
    asked = plan["asked"].section("what was asked for")
    hosts = [host.section("a host").get("name") for host in _some(asked, "host", file)]
    names = [name.text("lb1") for name in hosts if name is not None]
    lists = [[host.text("lb1") for host in order.items()] for order in _some(plan, "lists", file)]
    weights = [each.number(weight, "1") for each in _some(plan, "weights", file)]
    _check(plan["lists"], names, lists)
    if len(weights) != len(lists):
        raise plan["weights"].refuse(f"{len(weights)} weights for {len(lists)} lists")
    return Previous(asked, tuple(weights), tuple(map(tuple, lists)))


def _some(section: Section, key: str, file: str) -> list[Entry]:
    if key not in section or not isinstance(section[key].value, list) or not section[key].items():
        raise DemandError(f"{file}: this is no plan: '{key}' is no list of anything")
    return section[key].items()


def _check(at: Entry, names: Sequence[str], lists: Sequence[Sequence[str]]) -> None:
    for number, order in enumerate(lists, 1):
        if sorted(order) != sorted(names):
            raise at.refuse(
                f"the list of VIP {number} is {', '.join(order)}: it must have each of "
                f"{', '.join(names)} once"
            )
