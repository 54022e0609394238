"""The planner: a demand in, a plan out, or Infeasible with the reason."""

from fractions import Fraction

from trimaran.plan import bounds
from trimaran.plan.balanced import balanced
from trimaran.plan.finish import finished
from trimaran.plan.instance import Instance, instance
from trimaran.plan.problem import MAX_VIPS, Demand, Infeasible, Objective, Plan
from trimaran.plan.remedies import require_capacity
from trimaran.plan.solver import Outcome, least_peak
from trimaran.plan.wording import after, by_number, enough, percent, plural

_MOST_SEARCHES = 5  # numbers of VIPs that are searched before the scan is content with greedy
_MOST_NEAR = 12  # numbers of VIPs that are tried to find one that nearly fits


def plan(demand: Demand, seed: int = 0) -> Plan:
    """Answer `demand`, the same for the same seed. Raises Infeasible."""
    if demand.objective is not Objective.PEAK:
        require_capacity(demand)
    if demand.objective is Objective.BALANCED:
        return balanced(demand, seed)
    if demand.vips is None:
        return _fewest(demand, seed)
    return solved(demand, instance(demand, demand.vips), seed)


def solved(demand: Demand, posed: Instance, seed: int) -> Plan:
    """The plan of least peak for these VIPs, within the limit unless the objective is `peak`."""
    if len(posed.units) < sum(posed.low):
        raise Infeasible(
            f"{plural(len(posed.units), 'VIP')} cannot keep {len(posed.low)} hosts active",
            remedies=(f"at least {sum(posed.low)} VIPs, or normal = any (hosts may idle)",),
        )
    outcome = least_peak(posed, seed)
    found = finished(
        demand,
        posed,
        outcome.lists,
        bound=outcome.bound,
        proven=outcome.peak == outcome.bound,
        reasons=(_on_bound(outcome, posed),),
    )
    limit = _limit(demand, posed)
    if demand.objective is not Objective.PEAK and limit is not None and outcome.peak > limit:
        raise _above_limit(found, proven=outcome.bound > limit)
    return found


def _fewest(demand: Demand, seed: int) -> Plan:
    """Scan the numbers of VIPs upward: the least peak is not monotone in them."""
    refused: list[tuple[int, str]] = []
    loads: list[tuple[Fraction, int]] = []
    proven = True
    searches = _MOST_SEARCHES
    for vips in range(1, MAX_VIPS + 1):
        posed = instance(demand, vips)
        limit = _limit(demand, posed)
        assert limit is not None, "Demand asks for totals where the number is free"
        if vips < sum(posed.low):
            refused.append((vips, f"fewer than the {sum(posed.low)} hosts: one would idle"))
            continue
        if not bounds.possible(posed, limit):
            load, why = bounds.bound(posed), "whatever the lists, some loss puts {} on a host"
        else:
            outcome = least_peak(posed, seed, enough=limit, thorough=searches > 0)
            if outcome.peak <= limit:
                outcome = least_peak(posed, seed)
                lists, bound, reasons = outcome.lists, outcome.bound, by_number(refused)
                return finished(demand, posed, lists, bound=bound, proven=proven, reasons=reasons)
            searches -= 1
            if outcome.bound > limit:
                load, why = outcome.bound, "some loss puts {} on a host (by the exact solver)"
            else:
                load, why = outcome.peak, "the best lists found put {} on a host (not proven)"
                proven = False
        loads.append((_share(demand, posed, load), vips))
        refused.append((vips, why.format(percent(loads[-1][0]))))
    raise _none_fits(demand, loads, seed, proven=proven)


def _limit(demand: Demand, posed: Instance) -> Fraction | None:
    """The peak that `max_load` allows; None without totals."""
    if not demand.has_totals:
        return None
    return demand.max_load / _share(demand, posed, Fraction(1))


def _share(demand: Demand, posed: Instance, peak: Fraction) -> Fraction:
    """`peak` as a share of the limit that binds."""
    slowest = min(demand.capacity(host)[0] for host in demand.hosts)
    return peak / (posed.total * posed.unit) / slowest


def _on_bound(outcome: Outcome, posed: Instance) -> str:
    """What is known of better lists for given VIPs."""
    if outcome.peak > outcome.bound:
        return f"no lists have a worst peak below {outcome.bound}; {outcome.peak} is the best found"
    if outcome.bound > bounds.bound(posed):
        return f"no lists have a worst peak below {outcome.bound} (by the exact solver)"
    return f"no lists have a worst peak below {outcome.bound}"


def _above_limit(found: Plan, *, proven: bool) -> Infeasible:
    evaluation, limit = found.evaluation, found.demand.max_load
    assert evaluation.peak_load is not None
    best = "the best lists" if proven else "the best lists found (better ones are not ruled out)"
    return Infeasible(
        f"{plural(len(found.lists), 'VIP')}: with {best}, {after(evaluation.peak_lost)} "
        f"{evaluation.peak_host} carries {percent(evaluation.peak_load)} of its limit: "
        f"at most {percent(limit)} is asked for",
        host=evaluation.peak_host,
        lost=evaluation.peak_lost,
        load=evaluation.peak_load,
        remedies=(
            f"a max_load of {enough(evaluation.peak_load)}",
            "another number of VIPs: leave it out to have it chosen",
        ),
    )


def _none_fits(
    demand: Demand, loads: list[tuple[Fraction, int]], seed: int, *, proven: bool
) -> Infeasible:
    """No number of VIPs will do, though the survivors could carry the demand if it were fluid.

    `loads`: numbers of VIPs, each with a load that is known not to be undercut.
    """
    best, nearest = _nearest(demand, sorted(loads), seed)
    doubt = "" if proven else " (for some numbers only as far as lists were found)"
    return Infeasible(
        f"no number of VIPs up to {MAX_VIPS} keeps every host within "
        f"{percent(demand.max_load)} of its limit in every loss{doubt}: "
        f"{plural(nearest, 'VIP')} come near, with {percent(best)} on a host",
        remedies=(f"a max_load of {enough(best)}, with {plural(nearest, 'VIP')}",),
    )


def _nearest(demand: Demand, loads: list[tuple[Fraction, int]], seed: int) -> tuple[Fraction, int]:
    """The least load on a host that lists were found for, and their number."""
    best: tuple[Fraction, int] | None = None
    for least, vips in loads[:_MOST_NEAR]:
        if best is not None and least >= best[0]:
            break
        posed = instance(demand, vips)
        found = _share(demand, posed, least_peak(posed, seed, thorough=False).peak)
        best = min(best or (found, vips), (found, vips))
    assert best is not None, "a scan refuses at least one number"
    return best
