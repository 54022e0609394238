"""From lists to VRRP priorities, such that elections follow the lists in every failure set.

The master of a VRID is its live member with the highest priority, whatever happened before, if
the priorities are pairwise distinct, everyone preempts and nobody owns the addresses (RFC 9568,
6.1 and 6.4.2: a backup lets a master of its own priority be).
"""

from collections.abc import Sequence

HIGHEST = 254
"""The highest priority of a router that does not own the addresses (RFC 9568, 5.2.4)."""

LARGEST_SPREAD = 126
"""Priorities stay within 128 to 254. A weight of -127, for a sick director, then puts it below
every healthy one and keeps the order among the sick, without the clamp at 1."""

MOST_VRIDS = 255
"""A VRID is a number from 1 to 255, on one segment and for one address family."""


def step(hosts: int) -> int:
    """The distance between the priorities of neighbours in a list of `hosts` directors.

    As large as `LARGEST_SPREAD` allows, since it divides the takeover times of two candidates:
    by step x advert_int / 256 in VRRP version 3. Raises ValueError above 127 hosts.
    """
    if not 1 <= hosts <= LARGEST_SPREAD + 1:
        raise ValueError(f"{hosts} hosts in a list: there is room for 1 to {LARGEST_SPREAD + 1}")
    return min(50, LARGEST_SPREAD // max(1, hosts - 1))


def priorities(order: Sequence[str]) -> dict[str, int]:
    """Each host's priority in the VRID of a VIP with this list, the first host's the highest."""
    distance = step(len(order))
    return {host: HIGHEST - distance * rank for rank, host in enumerate(order)}
