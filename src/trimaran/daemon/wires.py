"""The sockets that advertisements go out of and come in by."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from trimaran.model.ip import IPAddress
from trimaran.model.router import VirtualRouter
from trimaran.net.errors import NetError
from trimaran.net.frame_socket import FrameSocket
from trimaran.net.links import Link
from trimaran.net.vrrp_socket import Heard, VrrpSocket, open_socket
from trimaran.vrrp.actions import SendAdvertisement
from trimaran.vrrp.exchange import outgoing
from trimaran.vrrp.frame import frame

log = logging.getLogger("speaker")

_ADVERTISE = "send advertisements"


class Wire(NamedTuple):
    """What a socket is for: which device it is on, and on which interface virtual routers are."""

    device: str
    group: IPAddress
    sealed: bool
    interface: str

    @classmethod
    def of(cls, router: VirtualRouter) -> "Wire":
        """The one that a virtual router needs."""
        return cls(router.interface, router.transport.group, router.sealed, router.interface)


def _needed(router: VirtualRouter) -> Iterator[Wire]:
    """All that a virtual router hears by. While its own device is up, the kernel hands that one
    the frames that another master sends from their common MAC address."""
    wire = Wire.of(router)
    yield wire
    if router.virtual_mac is not None:
        yield wire._replace(device=router.virtual_mac.device)


class Wires:
    """What fails is logged; `readable` is told of the wire that something came in by."""

    def __init__(self, readable: Callable[[Wire], None]) -> None:
        self._readable = readable
        self._open: dict[Wire, tuple[int, VrrpSocket]] = {}
        self._framers: dict[str, tuple[int, FrameSocket]] = {}

    def open(self, routers: Iterable[VirtualRouter], links: Mapping[str, Link]) -> None:
        """Have the sockets that these need, on interfaces that exist, and no others."""
        loop = asyncio.get_running_loop()
        routers = list(routers)
        needed = {wire for router in routers for wire in _needed(router)}
        self._open_framers(routers, links)
        for wire, (index, old) in list(self._open.items()):
            link = links.get(wire.device)
            if wire not in needed or link is None or link.index != index:
                loop.remove_reader(old.fileno())
                old.close()
                del self._open[wire]
        for wire in needed - self._open.keys():
            link = links.get(wire.device)
            if link is None:
                continue
            try:
                new = open_socket(wire.device, link.index, wire.group, sealed=wire.sealed)
            except NetError as error:
                log.error("%s", error)
                continue
            self._open[wire] = (link.index, new)
            loop.add_reader(new.fileno(), self._readable, wire)

    @property
    def wires(self) -> list[Wire]:
        """Where there is a socket."""
        return list(self._open)

    def receive(self, wire: Wire) -> list[Heard]:
        """What has come in."""
        if wire not in self._open:
            return []
        try:
            return self._open[wire][1].receive()
        except NetError as error:
            log.warning("%s", error)
            return []

    def send(self, router: VirtualRouter, action: SendAdvertisement) -> None:
        """Send an advertisement to all that it is for, if there is a socket."""
        wire, own = Wire.of(router), router.virtual_mac
        if wire not in self._open:
            return
        for datagram in outgoing(router, action):
            try:
                if own is None or not own.sends:
                    self._open[wire][1].send(datagram, action.source)
                elif router.interface in self._framers:
                    sent = frame(datagram, action.source, own.mac, sealed=router.sealed)
                    self._framers[router.interface][1].send(sent, _ADVERTISE)
            except NetError as error:
                log.warning("%s: %s", router.name, error)

    def _open_framers(self, routers: Iterable[VirtualRouter], links: Mapping[str, Link]) -> None:
        """Have what sends from virtual MAC addresses on these interfaces, and no others."""
        needed = {r.interface for r in routers if r.virtual_mac and r.virtual_mac.sends}
        for interface, (index, old) in list(self._framers.items()):
            link = links.get(interface)
            if interface not in needed or link is None or link.index != index:
                old.close()
                del self._framers[interface]
        for interface in needed & links.keys() - self._framers.keys():
            index = links[interface].index
            try:
                self._framers[interface] = (index, FrameSocket(interface, index, _ADVERTISE))
            except NetError as error:
                log.error("%s", error)
