"""Virtual addresses that nobody holds any more: they must not outlive who held them."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
from pyroute2 import AsyncIPRoute

from trimaran.daemon.encoding import decoder
from trimaran.model.address import VirtualAddress
from trimaran.model.config import Config
from trimaran.model.routing import Route, Rule
from trimaran.net import addresses, links, routing
from trimaran.net.errors import NetError
from trimaran.net.links import InterfaceAddress, Link

log = logging.getLogger("steward")

_note = decoder(tuple[VirtualAddress, ...])


async def remove_stale(netlink: AsyncIPRoute, config: Config, note: Path) -> None:
    """Remove what a daemon that was killed has left: by its note, or as VIPs of `config`.

    An interface's first IPv4 address is its own, whatever a configuration says.
    """
    noted: tuple[VirtualAddress, ...] = ()
    with suppress(OSError, msgspec.DecodeError):
        noted = _note.decode(note.read_bytes())
    secondary = {
        (link.name, found.address)
        for link in (await links.links(netlink)).values()
        for found in _virtual(link)
    }
    configured = (
        address
        for router in config.virtual_routers
        for address in router.held
        if (address.device, address.address) in secondary
    )
    await remove_routing(netlink, config)
    await remove(netlink, dict.fromkeys((*noted, *configured)), "left behind")


async def remove_routing(netlink: AsyncIPRoute, config: Config) -> None:
    """Remove the routes and rules of virtual routers. Others than ours are made otherwise."""
    for router in config.virtual_routers:
        entries: tuple[Rule | Route, ...] = (*router.routing.rules, *router.routing.routes)
        for entry in entries:
            try:
                if await routing.remove(netlink, entry):
                    log.warning("removed %s: nobody holds it any more", entry)
            except NetError as error:
                log.error("%s", error)


async def remove(netlink: AsyncIPRoute, held: Iterable[VirtualAddress], why: str) -> None:
    """Remove addresses that are there, and say why; what cannot be removed is said too."""
    for address in held:
        try:
            if await addresses.remove(netlink, address):
                log.warning("removed %s from %s: %s", address, address.device, why)
        except NetError as error:
            log.error("%s", error)


def _virtual(link: Link) -> list[InterfaceAddress]:
    """The addresses of an interface that may be virtual ones."""
    ipv4 = [address for address in link.addresses if address.address.version == 4]
    return [address for address in link.addresses if address not in ipv4[:1]]
