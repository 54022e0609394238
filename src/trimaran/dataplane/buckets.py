"""The tables that sh and dh look servers up in.

A table gives for each hash value a place in the service's list of destinations, whose order
(newest first) it depends on. The program hashes (bpf/hashing.h); only what it looks up in is
made here. Pure.
"""

from collections.abc import Sequence
from typing import Final

BUCKETS: Final = 256
"""Of sh and dh (kernel: IP_VS_SH_TAB_SIZE, IP_VS_DH_TAB_SIZE)."""


def source_hash_table(weights: Sequence[int]) -> list[int]:
    """sh: each destination gets as many buckets in a row as it weighs, at least one, in turn
    until all are given (ipvs-semantics 2.10). Empty without destinations."""
    cycle = [place for place, weight in enumerate(weights) for _ in range(min(max(1, weight), 256))]
    return [cycle[bucket % len(cycle)] for bucket in range(BUCKETS)] if cycle else []


def destination_hash_table(count: int) -> list[int]:
    """dh: one bucket each, in turn (ipvs-semantics 2.11)."""
    return [bucket % count for bucket in range(BUCKETS)] if count else []
