"""Perfect balance: loads proportional to the hosts' speeds in every state, in closed form.

Let p(T, h) be the number of VIPs whose lists begin with the hosts T, in any order, and go on
with h. These numbers are a flow on the lattice of sets (what enters T leaves T), the load of h
after the loss of S is the sum of p(T, h) over T inside S, and every whole non-negative flow
splits into paths, which are lists.

Theorem. Loads V w_h / w(H-S) for every S of a family that holds the parts of its losses are
possible exactly when all of these are whole numbers: V is a multiple of the lcm over S of
w(H-S) / gcd(w_h : h outside S). For N equal hosts and any F lost: of lcm(N, N-1, ..., N-F).
Proof. Moebius inversion of the loads gives p(T, h) = sum over S inside T of (-1)^|T-S| times the
load of h after S: whole if the loads are. It is the law of an exponential race with rates w,
times V, and so a non-negative flow.
"""

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from math import gcd, lcm

from trimaran.plan.family import Family, members
from trimaran.plan.instance import Instance, Order

Flow = Mapping[tuple[int, int], int]
"""(mask of hosts listed so far, next host) -> number of VIPs."""

_HOPELESS = 10**6  # a number of VIPs beyond which nobody asks for the exact one


def number(family: Family, speeds: tuple[Fraction, ...]) -> int | None:
    """The fewest VIPs with perfect balance; None: more than a million."""
    whole = _whole(speeds)
    found = 1
    for lost in family.states():
        left = [speed for host, speed in enumerate(whole) if not lost >> host & 1]
        found = lcm(found, sum(left) // gcd(*left))
        if found > _HOPELESS:
            return None
    return found


def obstacle(family: Family, speeds: tuple[Fraction, ...], vips: int) -> int | None:
    """The smallest loss after which `vips` VIPs cannot be shared out exactly, if there is one."""
    whole = _whole(speeds)
    for lost in family.states():
        left = [speed for host, speed in enumerate(whole) if not lost >> host & 1]
        if vips % (sum(left) // gcd(*left)):
            return lost
    return None


def lists(instance: Instance) -> tuple[Order, ...]:
    """Lists with perfect balance. The number of VIPs must be a multiple of `number`."""
    family, speeds = instance.family, instance.speeds
    everything = (1 << family.count) - 1
    vips = len(instance.units)

    @cache
    def load(lost: int, host: int) -> Fraction:
        left = sum(speeds[other] for other in members(everything & ~lost))
        return vips * speeds[host] / left

    flow: dict[tuple[int, int], int] = {}
    for lost in family.states():
        for host in members(everything & ~lost):
            amount = sum(
                (-1) ** (lost & ~part).bit_count() * load(part, host) for part in _parts(lost)
            )
            assert amount.denominator == 1
            flow[lost, host] = int(amount)
    return paths(family, flow, vips)


def paths(family: Family, flow: Flow, count: int) -> tuple[Order, ...]:
    """Split a whole flow of `count` VIPs into lists; each ends where it leaves the family.

    The largest remaining number goes first, so that neighbours in the result differ.
    """
    left = dict(flow)
    found = []
    for _ in range(count):
        order: list[int] = []
        reached = 0
        while reached in family and len(order) < family.count:
            options = (host for host in range(family.count) if left.get((reached, host), 0) > 0)
            host = max(options, key=lambda option: left[reached, option])
            left[reached, host] -= 1
            order.append(host)
            reached |= 1 << host
        found.append(tuple(order))
    return tuple(found)


def _whole(speeds: tuple[Fraction, ...]) -> list[int]:
    scale = lcm(*(speed.denominator for speed in speeds))
    return [int(speed * scale) for speed in speeds]


def _parts(mask: int) -> list[int]:
    """All subsets of `mask`, itself and the empty one among them."""
    found = [mask]
    part = mask
    while part:
        part = (part - 1) & mask
        found.append(part)
    return found
