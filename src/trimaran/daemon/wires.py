"""The sockets that advertisements go out of and come in by."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from trimaran.model.ip import IPAddress
from trimaran.model.router import VirtualRouter
from trimaran.net.errors import NetError
from trimaran.net.links import Link
from trimaran.net.vrrp_socket import Heard, VrrpSocket, open_socket
from trimaran.vrrp.actions import SendAdvertisement
from trimaran.vrrp.exchange import outgoing

log = logging.getLogger("speaker")


class Wire(NamedTuple):
    """What a socket is for."""

    interface: str
    group: IPAddress
    sealed: bool

    @classmethod
    def of(cls, router: VirtualRouter) -> "Wire":
        """The one that a virtual router needs."""
        return cls(router.interface, router.transport.group, router.sealed)


class Wires:
    """What fails is logged; `readable` is told of the wire that something came in by."""

    def __init__(self, readable: Callable[[Wire], None]) -> None:
        self._readable = readable
        self._open: dict[Wire, tuple[int, VrrpSocket]] = {}

    def open(self, routers: Iterable[VirtualRouter], links: Mapping[str, Link]) -> None:
        """Have the sockets that these need, on interfaces that exist, and no others."""
        loop = asyncio.get_running_loop()
        needed = {Wire.of(router) for router in routers}
        for wire, (index, old) in list(self._open.items()):
            link = links.get(wire.interface)
            if wire not in needed or link is None or link.index != index:
                loop.remove_reader(old.fileno())
                old.close()
                del self._open[wire]
        for wire in needed - self._open.keys():
            link = links.get(wire.interface)
            if link is None:
                continue
            try:
                new = open_socket(wire.interface, link.index, wire.group, sealed=wire.sealed)
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
        wire = Wire.of(router)
        if wire not in self._open:
            return
        for datagram in outgoing(router, action):
            try:
                self._open[wire][1].send(datagram, action.source)
            except NetError as error:
                log.warning("%s: %s", router.name, error)
