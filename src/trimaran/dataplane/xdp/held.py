"""The addresses that this director holds, as the program looks them up (bpf/parse.h)."""

from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv6Address

from trimaran.dataplane.base import DataplaneError, TcpState
from trimaran.dataplane.xdp.addresses import native, number_after
from trimaran.dataplane.xdp.tables import Records, Tables
from trimaran.model.ip import IPAddress


def set_held(tables: Tables, addresses: Iterable[IPAddress]) -> None:
    """Makes the set so. Each address appears or disappears by one store.

    For as long as an idle connection lives after an address has come, the hash schedulers take
    connections over that another director opened.
    """
    seed = int(tables.live["hash_seed"])
    wanted: dict[int, int] = {}
    wanted6: dict[int, int] = {}
    for address in addresses:
        if isinstance(address, IPv6Address):
            number = number_after(seed, address)
            wanted6[number | 1] = number >> 54
        else:
            number = native(address)
            wanted[number] = (number * 0x9E3779B1 & 0xFFFFFFFF) >> 22
    held, held6 = tables.live["held"], tables.live["held6"]
    if _come(held, wanted) or _come(held6, wanted6):
        lifetime = int(tables.live["lifetime"][TcpState.ESTABLISHED])
        tables.live["takeover"] = (int(tables.tick()) + lifetime) & 0xFFFFFFFF or 1
    _write(held, wanted)
    _write(held6, wanted6)


def _come(held: Records, wanted: Collection[int]) -> bool:
    return not set(wanted).issubset(held[held != 0].tolist())


def _write(held: Records, wanted: Mapping[int, int]) -> None:
    """`wanted`: the bucket of each number."""
    rows: dict[int, set[int]] = {}
    for number, bucket in sorted(wanted.items()):
        rows.setdefault(bucket, set()).add(number)
    for bucket in {*rows, *held[:, 0].nonzero()[0].tolist()}:
        _make_so(held[bucket], rows.get(bucket, set()))


def _make_so(row: Records, wanted: Collection[int]) -> None:
    """Edits one row, which ends at its first 0, so that what stays is found at every moment."""
    present = [int(number) for number in row if number]
    coming = sorted(set(wanted).difference(present))
    if len(present) + len(coming) > len(row):
        raise DataplaneError("too many virtual addresses for the XDP dataplane")
    for number in coming:
        row[len(present)] = number
        present.append(number)
    for place in reversed(range(len(present))):
        if present[place] in wanted:
            continue
        last = present.pop()
        if place < len(present):
            row[place] = present[place] = last
        row[len(present)] = 0
