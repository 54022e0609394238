"""What to weigh a plan against: one with head-room, and ECMP, where VRRP is the wrong tool."""

from dataclasses import dataclass, replace
from fractions import Fraction

from trimaran.plan.instance import instance
from trimaran.plan.planner import plan as planned
from trimaran.plan.problem import MAX_VIPS, Infeasible, Plan
from trimaran.plan.remedies import fluid_load
from trimaran.plan.wording import percent, plural

MANY_HOSTS = 8
"""Beyond so many hosts, perfect balance under two losses takes more than 168 VIPs."""
ANSWER_ADDRESSES = 29
"""A records that a DNS answer of 512 octets holds (RFC 1035 section 2.3.4)."""
HEAD_ROOM = Fraction(1, 1000)
"""The least head-room that is worth a name: links are not filled to the last bit."""


def roomier(plan: Plan) -> Plan | None:
    """Where the number of VIPs was free and a host comes to stand exactly at what is allowed:

    the fewest that leave the least head-room. None if there is head-room, or none to be had.
    """
    demand = plan.demand
    if demand.vips is not None or plan.evaluation.peak_load != demand.max_load:
        return None
    try:
        return planned(replace(demand, max_load=demand.max_load * (1 - HEAD_ROOM)))
    except Infeasible:
        return None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The plan against ECMP with consistent hashing, which cuts traffic into single flows."""

    ecmp_peak: Fraction
    """The worst peak of ECMP, on the scale of the plan's: T/(N-F) for equal hosts."""
    ecmp_load: Fraction | None
    """The same as a share of the limit that binds; None without totals."""
    excess: Fraction
    """How much higher the plan's worst peak is, as a share of ECMP's: 0 is no worse."""
    vrids_left: int
    """VRIDs that the segment has left, for each address family."""
    advice: tuple[str, ...]
    """Why VRRP may be the wrong tool here, a line each; none if nothing speaks against it."""


def compare(plan: Plan) -> Comparison:
    """The figures for `plan`."""
    demand = plan.demand
    peak = instance(demand, plan.weights).fluid
    return Comparison(
        ecmp_peak=peak,
        ecmp_load=fluid_load(demand)[0] if demand.has_totals else None,
        excess=plan.evaluation.peak / peak - 1,
        vrids_left=MAX_VIPS - len(plan.lists),
        advice=tuple(_advice(plan, peak)),
    )


def _advice(plan: Plan, ecmp_peak: Fraction) -> list[str]:
    hosts, vips = len(plan.demand.hosts), len(plan.lists)
    advice = []
    if hosts > MANY_HOSTS:
        advice.append(
            f"{hosts} hosts on one segment: beyond about {MANY_HOSTS}, ECMP spreads more evenly "
            "with one address, and without a VRID for each share"
        )
    if vips > ANSWER_ADDRESSES:
        advice.append(
            f"{plural(vips, 'VIP')}: a DNS answer of 512 octets holds about {ANSWER_ADDRESSES} "
            "addresses; use several names, or ECMP if DNS cannot spread the clients"
        )
    excess = plan.evaluation.peak / ecmp_peak - 1
    if excess > 0:
        advice.append(
            f"whole VIPs cost {percent(excess)} more on the worst host than ECMP's single flows"
        )
    racks = {host.domain for host in plan.demand.hosts} - {None}
    if len(racks) > 1:
        advice.append(
            "VRRP needs one layer-2 segment across all failure domains; "
            "racks on segments of their own take ECMP"
        )
    return advice
