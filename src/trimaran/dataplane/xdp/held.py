"""The addresses that this director holds, as the program looks them up (bpf/parse.h)."""

from collections.abc import Iterable
from ipaddress import IPv4Address

from trimaran.dataplane.base import DataplaneError, TcpState
from trimaran.dataplane.xdp.layout import HELD_SLOTS
from trimaran.dataplane.xdp.tables import Tables, native


def set_held(tables: Tables, addresses: Iterable[IPv4Address]) -> None:
    """Makes the set so. Each address appears or disappears by one store.

    For as long as an idle connection lives after an address has come, the hash schedulers take
    connections over that another director opened.
    """
    addresses = set(addresses)
    held = tables.live["held"]
    if {native(address) for address in addresses}.difference(held[held != 0].tolist()):
        lifetime = int(tables.live["lifetime"][TcpState.ESTABLISHED])
        tables.live["takeover"] = (int(tables.tick()) + lifetime) & 0xFFFFFFFF or 1
    wanted: dict[int, list[int]] = {}
    for address in sorted(addresses):
        number = native(address)
        wanted.setdefault((number * 0x9E3779B1 & 0xFFFFFFFF) >> 22, []).append(number)
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
