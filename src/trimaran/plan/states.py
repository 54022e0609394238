"""The deciding states of an instance as arrays: who holds a VIP in each, and the worst load."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from trimaran.plan.instance import Instance, Order

Losses = npt.NDArray[np.bool_]
"""A row for each state, a column for each host: whether it is lost."""


def as_array(masks: Sequence[int], count: int) -> Losses:
    """These losses of `count` hosts."""
    return np.array([[mask >> host & 1 for host in range(count)] for mask in masks], bool)


def holder(lost: Losses, order: Order) -> npt.NDArray[np.intp]:
    """Who holds a VIP with this list, in each state; the list must reach beyond every one."""
    rows = np.arange(len(lost))
    held = np.full(len(lost), order[0])
    for host in order[1:]:
        held[lost[rows, held]] = host
    return held


def peak_of(instance: Instance, lists: Sequence[Order]) -> Fraction:
    """The worst peak of lists."""
    lost = as_array(instance.family.deciding, instance.family.count)
    rows = np.arange(len(lost))
    loads = np.zeros(lost.shape, np.int64)
    for units, order in zip(instance.units, lists, strict=True):
        loads[rows, holder(lost, order)] += units
    worst = loads.max(axis=0).tolist()
    return max(instance.peak(host, units) for host, units in enumerate(worst))
