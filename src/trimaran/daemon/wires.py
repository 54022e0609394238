"""The sockets that advertisements go out of and come in by: one for each interface in use."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from ipaddress import IPv4Address

from trimaran.net.errors import NetError
from trimaran.net.links import Link
from trimaran.net.vrrp_socket import VrrpSocket

log = logging.getLogger("speaker")


class Wires:
    """What fails is logged; `readable` is told of the interface that something came in by."""

    def __init__(self, readable: Callable[[str], None]) -> None:
        self._readable = readable
        self._open: dict[str, tuple[int, VrrpSocket]] = {}

    def open(self, needed: Collection[str], links: Mapping[str, Link]) -> None:
        """Have sockets on these interfaces, as far as they exist, and on no others."""
        loop = asyncio.get_running_loop()
        for interface, (index, old) in list(self._open.items()):
            link = links.get(interface)
            if interface not in needed or link is None or link.index != index:
                loop.remove_reader(old.fileno())
                old.close()
                del self._open[interface]
        for interface in set(needed) - self._open.keys():
            link = links.get(interface)
            if link is None:
                continue
            try:
                new = VrrpSocket(interface, link.index)
            except NetError as error:
                log.error("%s", error)
                continue
            self._open[interface] = (link.index, new)
            loop.add_reader(new.fileno(), self._readable, interface)

    @property
    def interfaces(self) -> list[str]:
        """Where there is a socket."""
        return list(self._open)

    def receive(self, interface: str) -> list[bytes]:
        """The datagrams that have come in by an interface."""
        if interface not in self._open:
            return []
        try:
            return self._open[interface][1].receive()
        except NetError as error:
            log.warning("%s", error)
            return []

    def send(self, interface: str, payload: bytes, source: IPv4Address) -> None:
        """Multicast a payload, if there is a socket."""
        if interface not in self._open:
            return
        try:
            self._open[interface][1].send(payload, source)
        except NetError as error:
            log.warning("%s", error)
