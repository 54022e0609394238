"""The addresses that this director holds, as the program looks them up (bpf/parse.h).

In rows of a fixed length, by hash: of twenty thousand random addresses there is room for all in all
but one of ten thousand cases, of thirty thousand in all but one of a hundred.
"""

from collections.abc import Callable, Iterable
from ipaddress import IPv6Address

import numpy as np

from trimaran.dataplane.base import DataplaneError, TcpState
from trimaran.dataplane.xdp.addresses import native, number_after
from trimaran.dataplane.xdp.layout import HELD_BITS
from trimaran.dataplane.xdp.tables import Records, Tables
from trimaran.model.ip import IPAddress


def set_held(tables: Tables, addresses: Iterable[IPAddress]) -> None:
    """Makes the set so. Each address appears or disappears by one store.

    For as long as an idle connection lives after an address has come, the hash schedulers take
    connections over that another director opened. `DataplaneError` names the addresses that there
    is no room for; all others are held.
    """
    seed = int(tables.live["hash_seed"])
    wanted: dict[int, IPAddress] = {}
    wanted6: dict[int, IPAddress] = {}
    for address in addresses:
        if isinstance(address, IPv6Address):
            wanted6[number_after(seed, address) | 1] = address
        else:
            wanted[native(address)] = address
    held, held6 = tables.live["held"], tables.live["held6"]
    present, present6 = _numbers(held), _numbers(held6)
    if wanted.keys() - present or wanted6.keys() - present6:
        lifetime = int(tables.live["lifetime"][TcpState.ESTABLISHED])
        tables.live["takeover"] = (int(tables.tick()) + lifetime) & 0xFFFFFFFF or 1
    left_out = [wanted[n] for n in _change(held, present, set(wanted), _row)]
    left_out += [wanted6[n] for n in _change(held6, present6, set(wanted6), _row6)]
    if left_out:
        raise DataplaneError(
            f"{', '.join(map(str, left_out))}: not served: too many virtual addresses for the XDP "
            "dataplane"
        )


def _row(number: int) -> int:
    return (number * 0x9E3779B1 & 0xFFFFFFFF) >> 32 - HELD_BITS


def _row6(number: int) -> int:
    return number >> 64 - HELD_BITS


def _numbers(held: Records) -> set[int]:
    return set(held[held != 0].tolist())


def _change(
    held: Records, present: set[int], wanted: set[int], row_of: Callable[[int], int]
) -> list[int]:
    """What there is no room for."""
    changes: dict[int, tuple[list[int], set[int]]] = {}
    for number in sorted(wanted - present):
        changes.setdefault(row_of(number), ([], set()))[0].append(number)
    for number in present - wanted:
        changes.setdefault(row_of(number), ([], set()))[1].add(number)
    return [n for row, change in changes.items() for n in _change_row(held[row], *change)]


def _change_row(row: Records, coming: list[int], going: set[int]) -> list[int]:
    """Edits one row, which ends at its first 0, so that what stays is found at every moment."""
    coming = _append(row, coming)
    _remove(row, going)
    return _append(row, coming)


def _append(row: Records, coming: list[int]) -> list[int]:
    """Those that the row has no room for."""
    free = np.flatnonzero(row == 0).tolist()
    for place, number in zip(free, coming, strict=False):
        row[place] = number
    return coming[len(free) :]


def _remove(row: Records, going: set[int]) -> None:
    present = [number for number in row.tolist() if number]
    for place in reversed(range(len(present))):
        if present[place] not in going:
            continue
        last = present.pop()
        if place < len(present):
            row[place] = present[place] = last
        row[len(present)] = 0
