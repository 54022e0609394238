"""VIPs as people write them: `192.168.1.10-15/24`, `10.0.0.1=0.3`."""

import re
from collections.abc import Sequence
from fractions import Fraction
from ipaddress import AddressValueError, IPv4Address, IPv4Interface

from trimaran.plan.entries import Entry
from trimaran.plan.priorities import MOST_VRIDS
from trimaran.plan.units import weight

_EXAMPLE = "192.168.1.10-15/24, or addresses one by one"


def looks_like_address(text: str) -> bool:
    """Whether a text means addresses, not a number."""
    return text.count(".") >= 3 or ":" in text or "=" in text


def addresses(entry: Entry) -> tuple[IPv4Interface, ...]:
    """The addresses of an entry: one text, or a list of texts, each an address or a range.

    Without a length a VIP is a /32: its own network, whatever that of the interface is.
    """
    found: list[IPv4Interface] = []
    for item in entry.items():
        for part in item.text(_EXAMPLE).split(","):
            found += _range(item, part.strip())
    return distinct(entry, found)


def weighted_addresses(
    entries: Sequence[Entry],
) -> tuple[tuple[IPv4Interface, ...], tuple[Fraction, ...] | None]:
    """Addresses, and the weight of each, or None if none is said: `10.0.0.1=0.3`."""
    found: list[IPv4Interface] = []
    weights: list[Fraction | None] = []
    for entry in entries:
        text, equals, said = entry.text(_EXAMPLE).partition("=")
        some = addresses(Entry(text, entry.place))
        found += some
        each = Entry(said, entry.place).number(weight, f"{text}=0.3") if equals else None
        weights += [each] * len(some)
    vips = distinct(entries[0], found)
    if not any(weights):
        return vips, None
    return vips, tuple(Fraction(1) if each is None else each for each in weights)


def distinct(entry: Entry, found: Sequence[IPv4Interface]) -> tuple[IPv4Interface, ...]:
    """The addresses, if no two are the same and a segment has VRIDs for all."""
    seen: set[IPv4Address] = set()
    for address in found:
        if address.ip in seen:
            raise entry.refuse(f"{address.ip} is named twice")
        seen.add(address.ip)
    if len(found) > MOST_VRIDS:
        raise entry.refuse(_too_many(len(found)))
    return tuple(found)


def host_address(entry: Entry, text: str) -> IPv4Address:
    """An IPv4 address that one host can have."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise entry.refuse(f"'{text}' is not an IPv4 address such as 192.168.1.10") from None
    if address.is_multicast or address.is_unspecified or address == IPv4Address(2**32 - 1):
        raise entry.refuse(f"{text} is not an address of a host")
    return address


def _range(entry: Entry, text: str) -> list[IPv4Interface]:
    form = re.fullmatch(r"([^-/]+)(?:-([^-/]+))?(?:/([0-9]{1,2}))?", text)
    if form is None:
        raise entry.refuse(f"'{text}' is neither an address nor a range: write {_EXAMPLE}")
    length = int(form[3] or 32)
    if not 1 <= length <= 32:
        raise entry.refuse(f"prefix length {length} is out of range: write a number from 1 to 32")
    first = host_address(entry, form[1])
    last = first
    if form[2]:
        head = form[1].rpartition(".")[0]
        last = host_address(entry, form[2] if "." in form[2] else f"{head}.{form[2]}")
    count = int(last) - int(first) + 1
    if count < 1:
        raise entry.refuse(f"'{text}' ends before it starts")
    if count > MOST_VRIDS:
        raise entry.refuse(_too_many(count))
    found = [IPv4Interface((first + i, length)) for i in range(count)]
    for vip in found:
        if length < 31 and vip.ip in (vip.network.network_address, vip.network.broadcast_address):
            raise entry.refuse(f"{vip} is not an address of a host in its network")
        if vip.network != found[0].network and length < 32:
            raise entry.refuse(f"'{text}' leaves the network {found[0].network}")
    return found


def _too_many(count: int) -> str:
    return (
        f"{count} VIPs: a segment has {MOST_VRIDS} VRIDs for each address family; "
        "take fewer VIPs, or two segments"
    )
