"""How many buckets a table of connections has. Pure.

A connection has a place in one of three: a near one, as long as there is room, or one of two far
ones. The near ones are so few that they stay in a CPU's cache, with all connections of a director
that has not many.
"""

from dataclasses import dataclass
from typing import Final

from trimaran.dataplane.xdp.layout import FLOW, FLOW6, SLOTS

NEAR_BYTES: Final = 1 << 21
"""As much as the second-level cache of a CPU holds (from 1 to 2 MiB)."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """The near ones come first; both numbers are powers of two."""

    near: int
    far: int

    @property
    def total(self) -> int:
        """All that the table has."""
        return self.near + self.far


def buckets_for(flows: int, version: int) -> Buckets:
    """For so many connections of a version of IP, which fill half of the far buckets."""
    record = FLOW if version == 4 else FLOW6
    far = 2 * flows // SLOTS
    return Buckets(min(far // 8, NEAR_BYTES // (SLOTS * record.itemsize)), far)


def flows_in(buckets: int) -> int:
    """How many connections a table is for that has so many buckets in all."""
    far = 1 << buckets.bit_length() - 1
    return far * SLOTS // 2
