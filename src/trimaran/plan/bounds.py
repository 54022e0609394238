"""Lower bounds on the peak, without a solver: what no lists can better.

Each is a test of whether a peak p may be possible, given the units c_h that each host then may
hold. All are monotone in p, so that the least peak not refused is found by bisection.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

import numpy as np

from trimaran.plan.family import members
from trimaran.plan.instance import Instance


def bound(instance: Instance) -> Fraction:
    """The least peak that no bound refuses."""
    return instance.least(lambda peak: possible(instance, peak), instance.fluid)


def possible(instance: Instance, peak: Fraction) -> bool:
    """Whether no bound refuses `peak`; False is a proof that no lists have it."""
    limits = instance.limits(peak)
    return (
        _survivors_suffice(instance, limits)
        and (instance.equal or _largest_fit(instance, limits))
        and (not instance.equal or _second_choices_fit(instance, limits))
    )


def _survivors_suffice(instance: Instance, limits: Sequence[int]) -> bool:
    """B1: in every state the survivors together must have room for all VIPs."""
    lost = instance.family.worst(limits)
    return sum(limits) - sum(limits[host] for host in members(lost)) >= instance.total


def _largest_fit(instance: Instance, limits: Sequence[int]) -> bool:
    """B2: so must they for the j largest VIPs, which cannot be cut.

    A host holds no more of the j largest than of the smallest among them fit into it.
    """
    descending = sorted(instance.units, reverse=True)
    sums = np.array([0, *accumulate(descending)])
    room = np.array(limits)
    for count in range(1, len(descending) + 1):
        smallest_first = sums[count] - sums[count::-1]  # [k]: the k smallest of the j largest
        held = np.searchsorted(smallest_first, room, side="right") - 1
        lost = instance.family.worst(held.tolist())
        if held.sum() - held[list(members(lost))].sum() < count:
            return False
    return True


def _second_choices_fit(instance: Instance, limits: Sequence[int]) -> bool:
    """B3: second choices must fit beside the primaries, and these keep to their numbers.

    With F >= 2, any F of the numbers b_xh of VIPs that list x, then h, must fit together into
    d = c_h - a_h beside the a_h primaries of h (all F hosts x lost). So the sum of b_xh over x is
    at most (N-1) floor(d/F) + d mod F. These sums make up all V second choices.
    """
    vips, survive = instance.total, instance.family.survive
    others = instance.family.count - 1
    nothing = -(10**9)
    best = np.full(vips + 1, nothing)  # [a]: the most second choices with `a` primaries dealt
    best[0] = 0
    for limit, low, high in zip(limits, instance.low, instance.high, strict=True):
        following = np.full(vips + 1, nothing)
        for primaries in range(low, min(limit, high, vips) + 1):
            room = limit - primaries
            seconds = vips
            if survive >= 2:
                seconds = others * (room // survive) + room % survive
            reached = best[: vips + 1 - primaries] + min(seconds, vips)
            np.maximum(following[primaries:], reached, out=following[primaries:])
        best = following
    return bool(best[vips] >= vips)
