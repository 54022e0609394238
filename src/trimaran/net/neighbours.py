"""Where packets to a host leave, and the MAC address of the next hop.

The kernel does the resolving. Since Linux 5.16 it also keeps an entry fresh by itself
(NTF_EXT_MANAGED, made for load balancers in XDP); before, the request is for one resolution
(NTF_USE) and is to be repeated. Either way changes arrive by `watch`.
"""

import errno
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_address
from socket import AF_INET, AF_INET6
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from trimaran.model.ip import IPAddress
from trimaran.net.errors import NetError, explain
from trimaran.net.events import NEIGHBOURS, follow, unhurried

_RTN_UNICAST, _RTN_LOCAL = 1, 2
_NTF_USE = 0x01
_NTF_EXT_MANAGED = 0x01
_NUD_UNRESOLVED = 0x01 | 0x20  # INCOMPLETE, FAILED
_NUD_FIXED = 0x40 | 0x80  # NOARP, PERMANENT
_FAMILIES = AF_INET, AF_INET6

_Hop = tuple[int, IPAddress]


@dataclass(frozen=True, slots=True)
class Route:
    """How the kernel reaches a host. `next_hop` is the host itself if it is on the link.

    `local`: the host is this one. `mtu` is the route's, else the interface's.
    """

    ifindex: int
    next_hop: IPAddress
    source: IPAddress
    mtu: int
    local: bool


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entry of the neighbour table. `mac` None: not known (yet, or any more)."""

    ifindex: int
    address: IPAddress
    mac: bytes | None


async def route_to(ipr: AsyncIPRoute, destination: IPAddress) -> Route:
    """Ask the kernel's routing tables. Raises NetError, if there is no way in particular."""
    try:
        (message,) = await ipr.route("get", dst=str(destination))
        (link,) = await ipr.link("get", index=message.get_attr("RTA_OIF"))
    except NetlinkError as error:
        raise NetError(f"cannot reach {destination}: {explain(error.code)}") from error
    if message["type"] not in (_RTN_UNICAST, _RTN_LOCAL):
        raise NetError(f"cannot reach {destination}: not the address of one host")
    if message.get_attr("RTA_VIA") is not None:
        raise NetError(f"cannot reach {destination}: its route has an IPv6 next hop")
    metrics = message.get_attr("RTA_METRICS")
    mtu = metrics.get_attr("RTAX_MTU") if metrics is not None else None
    return Route(
        ifindex=message.get_attr("RTA_OIF"),
        next_hop=ip_address(message.get_attr("RTA_GATEWAY") or destination),
        # Of IPv6 there is none for as long as the interface has no address.
        source=ip_address(message.get_attr("RTA_PREFSRC") or "::"),
        mtu=mtu or link.get_attr("IFLA_MTU"),
        local=message["type"] == _RTN_LOCAL,
    )


async def resolve(ipr: AsyncIPRoute, ifindex: int, address: IPAddress) -> None:
    """Have the kernel find out a neighbour's MAC, and keep it fresh. Raises NetError."""
    await _use(ipr, ifindex, address, flags_ext=_NTF_EXT_MANAGED)


async def release(ipr: AsyncIPRoute, ifindex: int, address: IPAddress) -> None:
    """Leave a neighbour to the kernel's usual ageing again. Raises NetError."""
    await _use(ipr, ifindex, address)


async def lookup(ipr: AsyncIPRoute, ifindex: int, address: IPAddress) -> bytes | None:
    """The MAC address of a neighbour as far as the kernel knows it. Raises NetError."""
    try:
        message = await _entry(ipr, ifindex, address)
    except NetlinkError as error:
        raise NetError(f"cannot look {address} up: {explain(error.code)}") from error
    return None if message is None else _mac(message)


async def neighbours(ipr: AsyncIPRoute) -> dict[_Hop, bytes]:
    """The MAC addresses of all neighbours that have one, by interface and address."""
    resolved: dict[_Hop, bytes] = {}
    for family in _FAMILIES:
        async for message in unhurried(await ipr.neigh("dump", family=family)):
            match _found(message):
                case hop, bytes(mac):
                    resolved[hop] = mac
    return resolved


async def watch(ipr: AsyncIPRoute) -> AsyncIterator[Neighbour]:
    """Every resolved neighbour there is, then every change of a MAC address, for ever."""
    known: dict[_Hop, bytes] = {}
    news: dict[_Hop, bytes | None]
    async for messages in follow(NEIGHBOURS):
        if messages is None:
            resolved = await neighbours(ipr)
            news = {**dict.fromkeys(known.keys() - resolved.keys()), **resolved}
        else:
            news = dict(found for message in messages if (found := _found(message)) is not None)
        for hop, mac in news.items():
            if known.get(hop) != mac:
                yield Neighbour(*hop, mac)
            if mac is None:
                known.pop(hop, None)
            else:
                known[hop] = mac


def _found(message: Any) -> tuple[_Hop, bytes | None] | None:
    """Which neighbour it is about, and the MAC address that it has now."""
    if message["family"] not in _FAMILIES:
        return None
    ifindex, address = message["ifindex"], ip_address(message.get_attr("NDA_DST"))
    if address.is_multicast:
        return None  # IPv6 keeps entries for groups, too
    return (ifindex, address), _mac(message) if message["event"] == "RTM_NEWNEIGH" else None


def _mac(message: Any) -> bytes | None:
    text = message.get_attr("NDA_LLADDR")
    if text is None or message["state"] & _NUD_UNRESOLVED:
        return None
    return bytes.fromhex(text.replace(":", ""))


async def _entry(ipr: AsyncIPRoute, ifindex: int, address: IPAddress) -> Any:
    try:
        (message,) = await ipr.neigh("get", ifindex=ifindex, dst=str(address))
    except NetlinkError as error:
        if error.code == errno.ENOENT:
            return None
        raise
    return message


async def _use(ipr: AsyncIPRoute, ifindex: int, address: IPAddress, **extra: int) -> None:
    """Create the entry if need be and probe it; its state and MAC stay as they are.

    One that an operator made for good is left alone: the kernel would forget its MAC.
    """
    try:
        message = await _entry(ipr, ifindex, address)
        if message is not None and message["state"] & _NUD_FIXED:
            return
        await ipr.neigh(
            "replace", ifindex=ifindex, dst=str(address), state=0, flags=_NTF_USE, **extra
        )
    except NetlinkError as error:
        raise NetError(f"cannot resolve {address}: {explain(error.code)}") from error
