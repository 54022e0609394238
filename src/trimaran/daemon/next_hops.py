"""The MAC addresses that packets to real servers need, kept fresh by the kernel."""

import logging
from collections.abc import Callable, Collection
from contextlib import suppress

from pyroute2 import AsyncIPRoute

from trimaran.dataplane.xdp.operator import XdpOperator
from trimaran.dataplane.xdp.ways import Neighbour
from trimaran.model.ip import IPAddress
from trimaran.net import neighbours
from trimaran.net.errors import NetError
from trimaran.net.neighbours import Route

log = logging.getLogger("plane")

Hop = tuple[int, IPAddress]


class NextHops:
    """Routes and neighbours of the real servers, as the kernel has them."""

    def __init__(self, netlink: AsyncIPRoute, dataplane: XdpOperator) -> None:
        self._netlink = netlink
        self._dataplane = dataplane
        self._routes: dict[IPAddress, Route] = {}
        self._macs: dict[Hop, bytes] = {}
        self._towards_clients: set[Hop] = set()

    def unresolved(self) -> bool:
        """Whether the MAC address of some real server is not known."""
        wanted = self._dataplane.wanted_neighbours()
        return any(
            (route := self._routes.get(address)) is None
            or not (route.local or (route.ifindex, route.next_hop) in self._macs)
            for address in wanted
        )

    async def resolve(self, address: IPAddress, mac_of: Callable[[int], bytes]) -> None:
        """Find the way to a real server and have the kernel keep its MAC. Raises NetError."""
        route = await neighbours.route_to(self._netlink, address)
        self._routes[address] = route
        if route.local:
            return
        mac = await neighbours.lookup(self._netlink, route.ifindex, route.next_hop)
        await neighbours.resolve(self._netlink, route.ifindex, route.next_hop)
        hop = neighbours.Neighbour(route.ifindex, route.next_hop, mac)
        self.learn(hop, mac_of(route.ifindex))

    def learn(self, hop: neighbours.Neighbour, source_mac: bytes) -> None:
        """Take note of a neighbour's MAC address, or of its being lost (None).

        A lost one is asked for again and used meanwhile: the checks say whether a server is fit,
        not the kernel's neighbour table, and IPVS schedules to it all the same.
        """
        key = (hop.ifindex, hop.address)
        if hop.mac is None:
            self._macs.pop(key, None)
            return
        self._macs[key] = hop.mac
        for address, route in self._routes.items():
            if (route.ifindex, route.next_hop) == key:
                way = Neighbour(hop.mac, source_mac, route.ifindex, route.mtu, route.source)
                self._dataplane.set_neighbour(address, way)

    def interfaces(self, addresses: Collection[IPAddress]) -> set[int]:
        """By which these real servers are reached, as far as it is known."""
        routes = (self._routes.get(address) for address in addresses)
        return {route.ifindex for route in routes if route is not None and not route.local}

    async def resolve_hop(self, ifindex: int, address: IPAddress) -> None:
        """Have the kernel keep the MAC of a next hop towards clients. Raises NetError."""
        await neighbours.resolve(self._netlink, ifindex, address)
        self._towards_clients.add((ifindex, address))

    async def release(self) -> None:
        """Leave the neighbours to the kernel's usual ageing again."""
        hops = {(r.ifindex, r.next_hop) for r in self._routes.values() if not r.local}
        for hop in hops | self._towards_clients:
            with suppress(NetError):
                await neighbours.release(self._netlink, *hop)
