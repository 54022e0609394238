"""The exact answer, where OR-Tools is installed: the whole flow on the lattice, by CP-SAT.

The unknowns are numbers of VIPs, p(T, h) for each weight (see `perfect`), not lists: VIPs of
one weight are interchangeable there, and the model does not grow with their number.
"""

from collections import Counter
from enum import Enum
from fractions import Fraction
from functools import cache
from itertools import islice, pairwise
from typing import Any

from trimaran.plan.instance import Instance, Order
from trimaran.plan.perfect import paths

MAX_UNKNOWNS = 20_000
"""Larger models are not tried."""


class Verdict(Enum):
    """Why there are no lists."""

    IMPOSSIBLE = "impossible"
    """No lists have the peak: proven."""
    UNKNOWN = "unknown"
    """Not decided: no solver, too large a model, or out of effort."""


def available() -> bool:
    """Whether the solver is installed (the extra `trimaran[plan]`)."""
    return _cp_model() is not None


def solve(
    instance: Instance, peak: Fraction, effort: float, seed: int = 0
) -> tuple[Order, ...] | Verdict:
    """Lists with this peak or a lower one, or the proof that there are none.

    `effort` is in the solver's deterministic seconds, which are the same on every machine.
    """
    cp_model = _cp_model()
    family = instance.family
    every_arc = (
        (lost, host)
        for lost in family.states()
        for host in range(family.count)
        if not lost >> host & 1
    )
    arcs = list(islice(every_arc, MAX_UNKNOWNS + 1))
    classes = Counter(_classes(instance))
    if cp_model is None or len(arcs) * len(classes) > MAX_UNKNOWNS:
        return Verdict.UNKNOWN

    model = cp_model.CpModel()
    flows = [{arc: model.new_int_var(0, number, "") for arc in arcs} for number in classes.values()]
    for (_, primary), number, flow in zip(classes, classes.values(), flows, strict=True):
        _conserve(model, flow, number)
        if primary is not None:
            model.add(flow[0, primary] == number)
    if instance.symmetric:
        held = [sum(flow[0, host] for flow in flows) for host in range(family.count)]
        for more, fewer in pairwise(held):
            model.add(more >= fewer)
    limits = instance.limits(peak)
    for host in range(family.count):
        primaries = sum(flow[0, host] for flow in flows)
        model.add_linear_constraint(primaries, instance.low[host], instance.high[host])
        for lost in family.deciding:
            if not lost >> host & 1:
                model.add(_load(list(classes), flows, lost, host) <= limits[host])

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = effort
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return Verdict.IMPOSSIBLE
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Verdict.UNKNOWN
    ready = {
        kind: iter(paths(family, {arc: solver.value(flow[arc]) for arc in arcs}, number))
        for (kind, number), flow in zip(classes.items(), flows, strict=True)
    }
    return tuple(next(ready[kind]) for kind in _classes(instance))


Kind = tuple[int, int | None]
"""Units and, where settled, the host that holds it with nothing lost."""


def _classes(instance: Instance) -> list[Kind]:
    primaries = instance.primaries or (None,) * len(instance.units)
    return list(zip(instance.units, primaries, strict=True))


def _conserve(model: Any, flow: dict[tuple[int, int], Any], number: int) -> None:
    """What enters a set of lost hosts leaves it; all enters by the empty set."""
    entering: dict[int, list[Any]] = {0: [number]}
    leaving: dict[int, list[Any]] = {}
    for (lost, host), amount in flow.items():
        leaving.setdefault(lost, []).append(amount)
        entering.setdefault(lost | 1 << host, []).append(amount)
    for lost, amounts in leaving.items():
        model.add(sum(amounts) == sum(entering[lost]))


def _load(kinds: list[Kind], flows: list[dict[tuple[int, int], Any]], lost: int, host: int) -> Any:
    """The units on `host` after `lost`: all that reaches it from within `lost`."""
    found: Any = 0
    part = lost
    while True:
        found += sum(kind[0] * flow[part, host] for kind, flow in zip(kinds, flows, strict=True))
        if not part:
            return found
        part = (part - 1) & lost


@cache
def _cp_model() -> Any:
    """The solver's module; None where it is not installed. Loading it takes a second."""
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        return None
    return cp_model
