"""The addresses that this director holds, as the program looks them up (bpf/parse.h)."""

from collections.abc import Iterable
from ipaddress import IPv4Address

from trimaran.dataplane.base import DataplaneError
from trimaran.dataplane.xdp.layout import HELD_SLOTS
from trimaran.dataplane.xdp.tables import Tables, native


def set_held(tables: Tables, addresses: Iterable[IPv4Address]) -> None:
    """Makes the set so. Each address appears or disappears by one store."""
    wanted: dict[int, list[int]] = {}
    for address in sorted(addresses):
        number = native(address)
        wanted.setdefault((number * 0x9E3779B1 & 0xFFFFFFFF) >> 22, []).append(number)
    held = tables.live["held"]
    for bucket in {*wanted, *held[:, 0].nonzero()[0].tolist()}:
        _make_so(held[bucket], set(wanted.get(bucket, ())))


def _make_so(row: "list[int]", wanted: set[int]) -> None:
    """Edits one row, which ends at its first 0, so that what stays is found at every moment."""
    present = [int(number) for number in row if number]
    if len(present) + len(wanted - set(present)) > HELD_SLOTS:
        raise DataplaneError("too many virtual addresses for the XDP dataplane")
    for number in wanted - set(present):
        row[len(present)] = number
        present.append(number)
    for place in reversed(range(len(present))):
        if present[place] in wanted:
            continue
        last = present.pop()
        if place < len(present):
            row[place] = present[place] = last
        row[len(present)] = 0
