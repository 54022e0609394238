"""Network interfaces: what they are, whether they are up, and which addresses they have."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, AF_UNSPEC
from typing import Any

from pyroute2 import AsyncIPRoute

from trimaran.model.ip import IPAddress
from trimaran.net.events import ADDRESSES, LINKS, follow, unhurried

_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_IFA_F_SECONDARY = 0x01
_IFA_F_UNUSABLE = 0x08 | 0x40
"""Duplicate address detection has failed, or has not ended yet. IPv6 only."""


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """An address of an interface. Secondary ones (IPv4) share the subnet of an earlier one."""

    address: IPAddress
    prefix_length: int
    secondary: bool = False
    usable: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """An interface. `up`: set up, with carrier. `mac` is empty if it has none of 6 bytes."""

    name: str
    index: int
    mac: bytes
    mtu: int
    up: bool
    addresses: tuple[InterfaceAddress, ...] = ()

    def primary(
        self, virtual: Collection[IPAddress] = (), *, ipv6: bool = False
    ) -> IPAddress | None:
        """The address to send advertisements from: the first that is not one of `virtual`.

        For IPv6 a link-local one (RFC 9568, 5.1.2.1). Virtual addresses come and go, except those
        that an address owner (priority 255) has of its own: for it, nothing is to be left out.
        """
        candidates = [
            a
            for a in self.addresses
            if a.address not in virtual
            and (a.address.version == 6) == ipv6
            and (not ipv6 or (a.address.is_link_local and a.usable))
        ]
        first = min(candidates, key=lambda a: a.secondary, default=None)
        return first.address if first is not None else None


@dataclass(frozen=True, slots=True)
class Change:
    """An interface appeared (`before` is None), changed, or went (`after` is None)."""

    before: Link | None
    after: Link | None


async def links(ipr: AsyncIPRoute) -> dict[int, Link]:
    """All interfaces by index."""
    table: dict[int, Link] = {}
    async for message in unhurried(await ipr.link("dump")):
        _apply(table, message)
    addresses: defaultdict[int, list[InterfaceAddress]] = defaultdict(list)
    for family in (AF_INET, AF_INET6):
        async for message in unhurried(await ipr.addr("dump", family=family)):
            addresses[message["index"]].append(_address(message))
    return {
        index: replace(link, addresses=tuple(addresses[index])) for index, link in table.items()
    }


async def with_xdp(ipr: AsyncIPRoute) -> list[str]:
    """The interfaces that have an XDP program, whosever it is."""
    found = []
    async for message in unhurried(await ipr.link("dump")):
        xdp = message.get_attr("IFLA_XDP")
        if xdp is not None and xdp.get_attr("IFLA_XDP_ATTACHED"):
            found.append(message.get_attr("IFLA_IFNAME"))
    return found


async def watch(ipr: AsyncIPRoute) -> AsyncIterator[Change]:
    """Every interface there is, then every change of interfaces and their addresses, for ever."""
    async for before, after in follow(LINKS | ADDRESSES, lambda: links(ipr), _apply):
        yield Change(before, after)


def _apply(table: dict[int, Link], message: Any) -> None:
    match message["event"]:
        case "RTM_NEWLINK" | "RTM_DELLINK":
            # Bridges report their ports under AF_BRIDGE: a port that leaves is no interface gone.
            if message["family"] == AF_UNSPEC:
                _apply_link(table, message)
        case "RTM_NEWADDR" | "RTM_DELADDR":
            if message["family"] in (AF_INET, AF_INET6) and message["index"] in table:
                _apply_address(table, message)


def _apply_link(table: dict[int, Link], message: Any) -> None:
    index = message["index"]
    if message["event"] == "RTM_DELLINK":
        table.pop(index, None)
        return
    name, mtu, mac = (message.get_attr(f"IFLA_{a}") for a in ("IFNAME", "MTU", "ADDRESS"))
    if name is None or mtu is None:
        return
    mac_bytes = bytes.fromhex((mac or "").replace(":", ""))
    table[index] = Link(
        name=name,
        index=index,
        mac=mac_bytes if len(mac_bytes) == 6 else b"",
        mtu=mtu,
        up=message["flags"] & (_IFF_UP | _IFF_RUNNING) == _IFF_UP | _IFF_RUNNING,
        addresses=table[index].addresses if index in table else (),
    )


def _apply_address(table: dict[int, Link], message: Any) -> None:
    link, subject = table[message["index"]], _address(message)
    addresses = tuple(
        a
        for a in link.addresses
        if (a.address, a.prefix_length) != (subject.address, subject.prefix_length)
    )
    if message["event"] == "RTM_NEWADDR":
        addresses += (subject,)
    table[link.index] = replace(link, addresses=addresses)


def _address(message: Any) -> InterfaceAddress:
    ipv4, flags = message["family"] == AF_INET, message["flags"]
    return InterfaceAddress(
        # With a peer, IFA_ADDRESS is that one's.
        ip_address(message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")),
        message["prefixlen"],
        secondary=ipv4 and bool(flags & _IFA_F_SECONDARY),
        usable=ipv4 or not flags & _IFA_F_UNUSABLE,
    )
