"""mh's table: which place in the service's list of destinations each hash value leads to.

Maglev's (Eisenbud et al., NSDI 2016, section 3.4) as IPVS builds it (ipvs-semantics 2.14), slot for
slot. The program hashes (bpf/hashing.h); only what it looks up in is made here. Pure.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trimaran.dataplane.siphash import siphash13

MAGLEV_SLOTS: Final = 4093
"""Of mh in Debian's kernel."""

_OFFSET_KEY: Final = 2654435761
_SKIP_KEY: Final = 2654446892
_SHARE_BITS: Final = 6
_TABLES_KEPT: Final = 1024
"""8 KiB each: services often have the same servers."""
_HASHES_KEPT: Final = 1 << 16

Table = NDArray[np.uint16]


def maglev_table(servers: Sequence[tuple[int, int]], shares: Sequence[int]) -> Table:
    """The table, not to be written to.

    `servers`: address (a number; IPv6: its four words XORed) and port of each destination, in list
    order, newest first. `shares`: its last weight that was not 0; one without gets no slot. Empty
    if none has one, or if there are more destinations than slots.
    """
    turns = _turns(shares)
    if not any(turns) or len(servers) > MAGLEV_SLOTS:
        return np.empty(0, dtype=np.uint16)
    return _table(tuple(servers), tuple(turns))


@lru_cache(_TABLES_KEPT)
def _table(servers: tuple[tuple[int, int], ...], turns: tuple[int, ...]) -> Table:
    # Each destination goes through all slots in an order of its own, and takes those still free.
    orders = [iter(_steps(address, port)) for address, port in servers]
    round_of_turns = [
        (place, orders[place]) for place, picks in enumerate(turns) for _ in range(picks)
    ]
    table = [-1] * MAGLEV_SLOTS
    while True:
        for place, order in round_of_turns:
            for step in order:
                slot = step % MAGLEV_SLOTS
                if table[slot] < 0:
                    table[slot] = place
                    break
            else:  # it has been everywhere: none is free
                made = np.array(table, dtype=np.uint16)
                made.flags.writeable = False
                return made


def _steps(address: int, port: int) -> range:
    """The order of a destination: each slot once, modulo their number."""
    skip = _hash(address, port, _SKIP_KEY) % (MAGLEV_SLOTS - 1) + 1
    offset = _hash(address, port, _OFFSET_KEY) % MAGLEV_SLOTS
    return range(offset, offset + skip * MAGLEV_SLOTS, skip)


@lru_cache(_HASHES_KEPT)
def _hash(address: int, port: int, key: int) -> int:
    message = (address + port & 0xFFFFFFFF).to_bytes(4, "little")
    return siphash13(key, key, message) & 0xFFFFFFFF


def _turns(shares: Sequence[int]) -> list[int]:
    """How many slots each destination picks at its turn, 0 to 63."""
    divisor = math.gcd(*shares)
    if not divisor:
        return [0] * len(shares)
    shift = max(0, (max(shares) // divisor).bit_length() - _SHARE_BITS)
    return [max(1, share // divisor >> shift) if share else 0 for share in shares]
