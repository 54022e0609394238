"""What the plane of a daemon keeps telling the XDP dataplane, told once where no daemon runs."""

import asyncio
from typing import Final

from pyroute2 import AsyncIPRoute

from trimaran.daemon.next_hops import NextHops
from trimaran.dataplane.base import DataplaneError
from trimaran.dataplane.xdp.operator import XdpOperator
from trimaran.model.ip import IPAddress
from trimaran.net import links
from trimaran.net.errors import NetError

_ATTEMPTS: Final = 10
_INTERVAL_SECONDS: Final = 0.1


async def settle(dataplane: XdpOperator) -> list[str]:
    """Tell which of its VIPs are addresses of this host, and how real servers are reached.

    Returns a line for each server that cannot be, and one for addresses without room. Takes a
    second at most if some do not answer.
    """
    async with AsyncIPRoute() as netlink:
        found = await links.links(netlink)
        local = {address.address for link in found.values() for address in link.addresses}
        dataplane.set_local(local)
        lines = []
        try:
            dataplane.set_held(local & dataplane.virtual_addresses())
        except DataplaneError as error:
            lines.append(str(error))
        return lines + await _find(NextHops(netlink, dataplane), dataplane, found)


async def _find(hops: NextHops, dataplane: XdpOperator, found: dict[int, links.Link]) -> list[str]:
    def mac_of(index: int) -> bytes:
        return found[index].mac if index in found else b""

    trouble: dict[IPAddress, str] = {}
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(_INTERVAL_SECONDS)
        for address in dataplane.wanted_neighbours():
            try:
                await hops.resolve(address, mac_of)
            except NetError as error:
                trouble[address] = str(error)
        lacking = dataplane.unresolved_neighbours()
        if lacking <= trouble.keys():
            break
    silent = "does not answer, so its MAC address is not known: no new connections go there"
    return [trouble.get(address, f"{address} {silent}") for address in sorted(lacking, key=str)]
