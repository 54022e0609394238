"""Network interfaces: what they are, whether they are up, and which addresses they have."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, AF_UNSPEC
from typing import Any

from pyroute2 import AsyncIPRoute

from trimaran.model.ip import IPAddress
from trimaran.net.events import ADDRESSES, BUFFER, LINKS, follow, unhurried

_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_IFA_F_SECONDARY = 0x01
_IFA_F_UNUSABLE = 0x08 | 0x40
"""Duplicate address detection has failed, or has not ended yet. IPv6 only."""


Prefix = tuple[IPAddress, int]
"""Address and prefix length: by these the kernel tells an interface's addresses apart."""


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """An address of an interface. Secondary ones (IPv4) share the subnet of an earlier one."""

    address: IPAddress
    prefix_length: int
    secondary: bool = False
    usable: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """An interface. `up`: set up, with carrier. `mac` is empty if it has none of 6 bytes.

    `by_prefix`: its addresses as they are now, not as they were when the rest was so; there may
    be thousands, so there is one record of them for all states of an interface.
    """

    name: str
    index: int
    mac: bytes
    mtu: int
    up: bool
    by_prefix: dict[Prefix, InterfaceAddress] = field(default_factory=dict, compare=False)

    @property
    def addresses(self) -> Collection[InterfaceAddress]:
        """The kernel's order: the first IPv4 one is the interface's own."""
        return self.by_prefix.values()

    def primary(
        self, virtual: Collection[IPAddress] = (), *, ipv6: bool = False
    ) -> IPAddress | None:
        """The address to send advertisements from: the first that is not one of `virtual`.

        For IPv6 a link-local one (RFC 9568, 5.1.2.1). Virtual addresses come and go, except those
        that an address owner (priority 255) has of its own: for it, nothing is to be left out.
        """
        second: IPAddress | None = None
        for each in self.addresses:
            fit = each.address.is_link_local and each.usable if ipv6 else True
            if (each.address.version == 6) == ipv6 and fit and each.address not in virtual:
                if not each.secondary:
                    return each.address
                second = second or each.address
        return second


@dataclass(frozen=True, slots=True)
class Change:
    """An interface appeared (`before` is None), changed, or went (`after` is None).

    If both are the same its addresses have changed; `gone`: those that it has no more.
    """

    before: Link | None
    after: Link | None
    gone: tuple[InterfaceAddress, ...] = ()


async def links(ipr: AsyncIPRoute) -> dict[int, Link]:
    """All interfaces by index."""
    table = LinkTable()
    async for message in unhurried(await ipr.link("dump")):
        table.apply([message])
    for family in (AF_INET, AF_INET6):
        async for message in unhurried(await ipr.addr("dump", family=family)):
            table.apply([message])
    return table.links


async def with_xdp(ipr: AsyncIPRoute) -> list[str]:
    """The interfaces that have an XDP program, whosever it is."""
    found = []
    async for message in unhurried(await ipr.link("dump")):
        xdp = message.get_attr("IFLA_XDP")
        if xdp is not None and xdp.get_attr("IFLA_XDP_ATTACHED"):
            found.append(message.get_attr("IFLA_IFNAME"))
    return found


async def watch(ipr: AsyncIPRoute, buffer: int = BUFFER) -> AsyncIterator[Change]:
    """Every interface there is, then every change of interfaces and their addresses, for ever.

    Events that cancel each other out within a batch are not seen. `buffer`: the socket's, bytes.
    """
    table = LinkTable()
    async for messages in follow(LINKS | ADDRESSES, buffer):
        changes = table.replace(await links(ipr)) if messages is None else table.apply(messages)
        for change in changes:
            yield change


class LinkTable:
    """Interfaces by index, kept as the kernel tells; each change costs what it is large."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}

    def replace(self, fresh: dict[int, Link]) -> list[Change]:
        """All is so now, as a dump says."""
        before, self.links = self.links, fresh
        changes = []
        for index in before.keys() | fresh.keys():
            old, new = before.get(index), fresh.get(index)
            if old and old == new and old.by_prefix == new.by_prefix:
                self.links[index] = old  # which others have
            else:
                changes.append(Change(old, new, _gone(old.by_prefix, new) if old and new else ()))
        return _in_order(changes)

    def apply(self, messages: Iterable[Any]) -> list[Change]:
        """This has happened."""
        before: dict[int, Link | None] = {}
        moved: defaultdict[int, dict[Prefix, InterfaceAddress | None]] = defaultdict(dict)
        for message in messages:
            index, family = message["index"], message["family"]
            match message["event"]:
                # Bridges report their ports under AF_BRIDGE: a port that leaves is no interface
                # gone.
                case "RTM_NEWLINK" | "RTM_DELLINK" if family == AF_UNSPEC:
                    before.setdefault(index, self.links.get(index))
                    self._apply_link(message)
                case "RTM_NEWADDR" | "RTM_DELADDR" if family in (AF_INET, AF_INET6):
                    if (link := self.links.get(index)) is not None:
                        before.setdefault(index, link)
                        prefix, was = _apply_address(link.by_prefix, message)
                        moved[index].setdefault(prefix, was)
        return _in_order(
            Change(old, new, _gone(moved[index], new) if new else ())
            for index, old in before.items()
            if old != (new := self.links.get(index))
            or (new and any(new.by_prefix.get(p) != was for p, was in moved[index].items()))
        )

    def _apply_link(self, message: Any) -> None:
        index = message["index"]
        if message["event"] == "RTM_DELLINK":
            self.links.pop(index, None)
            return
        name, mtu, mac = (message.get_attr(f"IFLA_{a}") for a in ("IFNAME", "MTU", "ADDRESS"))
        if name is None or mtu is None:
            return
        mac_bytes = bytes.fromhex((mac or "").replace(":", ""))
        self.links[index] = Link(
            name=name,
            index=index,
            mac=mac_bytes if len(mac_bytes) == 6 else b"",
            mtu=mtu,
            up=message["flags"] & (_IFF_UP | _IFF_RUNNING) == _IFF_UP | _IFF_RUNNING,
            by_prefix=self.links[index].by_prefix if index in self.links else {},
        )


def _in_order(changes: Iterable[Change]) -> list[Change]:
    """Those that are gone first: an interface may have been replaced by a namesake."""
    return sorted(changes, key=lambda change: change.after is not None)


def _gone(
    before: Mapping[Prefix, InterfaceAddress | None], now: Link
) -> tuple[InterfaceAddress, ...]:
    return tuple(was for prefix, was in before.items() if was and prefix not in now.by_prefix)


def _apply_address(
    addresses: dict[Prefix, InterfaceAddress], message: Any
) -> tuple[Prefix, InterfaceAddress | None]:
    """Which one it is about, and what was known of that until now."""
    subject = _address(message)
    prefix = subject.address, subject.prefix_length
    # One that is told of again is the last from then on: it may have become secondary.
    was = addresses.pop(prefix, None)
    if message["event"] == "RTM_NEWADDR":
        addresses[prefix] = subject
    return prefix, was


def _address(message: Any) -> InterfaceAddress:
    ipv4, flags = message["family"] == AF_INET, message["flags"]
    return InterfaceAddress(
        # With a peer, IFA_ADDRESS is that one's.
        ip_address(message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")),
        message["prefixlen"],
        secondary=ipv4 and bool(flags & _IFA_F_SECONDARY),
        usable=ipv4 or not flags & _IFA_F_UNUSABLE,
    )
