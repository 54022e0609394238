"""The tables that the hash schedulers look servers up in: sh, dh and mh.

A table gives for each hash value a place in the service's list of destinations, whose order
(newest first) it depends on. The program hashes (bpf/hashing.h); only what it looks up in is
made here. Pure.
"""

import math
from collections.abc import Sequence
from typing import Final

from trimaran.dataplane.siphash import siphash13

BUCKETS: Final = 256
"""Of sh and dh (kernel: IP_VS_SH_TAB_SIZE, IP_VS_DH_TAB_SIZE)."""

MAGLEV_SLOTS: Final = 4093
"""Of mh in Debian's kernel."""

_OFFSET_KEY: Final = 2654435761
_SKIP_KEY: Final = 2654446892
_SHARE_BITS: Final = 6


def source_hash_table(weights: Sequence[int]) -> list[int]:
    """sh: each destination gets as many buckets in a row as it weighs, at least one, in turn
    until all are given (ipvs-semantics 2.10). Empty without destinations."""
    cycle = [place for place, weight in enumerate(weights) for _ in range(min(max(1, weight), 256))]
    return [cycle[bucket % len(cycle)] for bucket in range(BUCKETS)] if cycle else []


def destination_hash_table(count: int) -> list[int]:
    """dh: one bucket each, in turn (ipvs-semantics 2.11)."""
    return [bucket % count for bucket in range(BUCKETS)] if count else []


def maglev_hash(address: int, port: int, key: int) -> int:
    """Hash of an address (a number; IPv6: its four words XORed) and a port, 32 bits."""
    message = (address + port & 0xFFFFFFFF).to_bytes(4, "little")
    return siphash13(key, key, message) & 0xFFFFFFFF


def maglev_table(servers: Sequence[tuple[int, int]], shares: Sequence[int]) -> list[int]:
    """mh: Maglev's table (ipvs-semantics 2.14; Eisenbud et al., NSDI 2016, section 3.4).

    `servers`: address (as for `maglev_hash`) and port of each destination, in list order.
    `shares`: its last weight that was not 0; one without gets no slot. Empty if none has one,
    or if there are more destinations than slots.
    """
    turns = _turns(shares)
    if not any(turns) or len(servers) > MAGLEV_SLOTS:
        return []
    positions = [
        maglev_hash(address, port, _OFFSET_KEY) % MAGLEV_SLOTS for address, port in servers
    ]
    skips = [
        maglev_hash(address, port, _SKIP_KEY) % (MAGLEV_SLOTS - 1) + 1 for address, port in servers
    ]
    table = [-1] * MAGLEV_SLOTS
    left = MAGLEV_SLOTS
    while True:
        for place, picks in enumerate(turns):
            position, skip = positions[place], skips[place]
            for _ in range(picks):
                while table[position] >= 0:
                    position = (position + skip) % MAGLEV_SLOTS
                table[position] = place
                left -= 1
                if not left:
                    return table
            positions[place] = position


def _turns(shares: Sequence[int]) -> list[int]:
    """How many slots each destination picks at its turn, 0 to 63."""
    divisor = math.gcd(*shares)
    if not divisor:
        return [0] * len(shares)
    shift = max(0, (max(shares) // divisor).bit_length() - _SHARE_BITS)
    return [max(1, share // divisor >> shift) if share else 0 for share in shares]
