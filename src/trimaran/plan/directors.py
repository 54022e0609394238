"""From lists to configurations: one for each director, equal but for priorities and names.

Every director is in every VRID, starts as backup and preempts: then the holder of a VIP is the
first live host of its list in every failure set, and its return restores what was before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from trimaran.model.address import VirtualAddress
from trimaran.model.check import CheckTiming, TcpCheck
from trimaran.model.config import Config
from trimaran.model.duration import SECOND
from trimaran.model.router import VirtualRouter
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    VirtualService,
)
from trimaran.plan.priorities import MOST_VRIDS, priorities

_CHECK_TIMING = CheckTiming(delay_loop=5 * SECOND)


@dataclass(frozen=True, slots=True)
class Service:
    """What every VIP offers: a port and who answers. A UDP server is not checked."""

    port: int
    real_servers: tuple[IPv4Address, ...]
    protocol: Protocol = Protocol.TCP


@dataclass(frozen=True, slots=True)
class Site:
    """What a plan leaves open: VIP i of the plan is `addresses[i]`, with VRID `first_vrid` + i.

    Addresses beyond the plan's VIPs are left unused. The interval is in nanoseconds.
    """

    addresses: tuple[IPv4Interface, ...]
    interface: str = "eth0"
    services: tuple[Service, ...] = ()
    first_vrid: int = 1
    advertisement_interval: int = SECOND


def configurations(lists: Sequence[Sequence[str]], site: Site) -> dict[str, Config]:
    """The configuration of each host by name; `lists[i]` is the order of hosts for VIP i.

    Raises ValueError if there are fewer addresses or VRIDs than VIPs.
    """
    if len(lists) > len(site.addresses):
        raise ValueError(f"{len(lists)} VIPs, but {len(site.addresses)} addresses")
    if site.first_vrid + len(lists) - 1 > MOST_VRIDS:
        raise ValueError(
            f"{len(lists)} VIPs from VRID {site.first_vrid} on pass the last, {MOST_VRIDS}"
        )
    addresses = site.addresses[: len(lists)]
    services = tuple(
        _virtual_service(address.ip, service, grouped=len(addresses) > 1)
        for service in site.services
        for address in addresses
    )
    ranked = [priorities(order) for order in lists]
    return {
        host: Config(
            router_id=host,
            virtual_routers=tuple(
                _virtual_router(i, addresses[i], ranked[i][host], site) for i in range(len(lists))
            ),
            virtual_services=services,
        )
        for host in sorted({host for order in lists for host in order})
    }


def _virtual_router(index: int, address: IPv4Interface, priority: int, site: Site) -> VirtualRouter:
    vip = VirtualAddress(address.ip, address.network.prefixlen, site.interface)
    return VirtualRouter(
        name=f"vip{index + 1}",
        interface=site.interface,
        vrid=site.first_vrid + index,
        priority=priority,
        version=3,
        advertisement_interval=site.advertisement_interval,
        addresses=(vip,),
    )


def _virtual_service(vip: IPv4Address, service: Service, *, grouped: bool) -> VirtualService:
    servers = tuple(_real_server(address, service) for address in service.real_servers)
    key = ServiceKey(service.protocol, vip, service.port)
    group = f"{service.protocol.lower()}-{service.port}" if grouped else None
    return VirtualService(key, "rr", Forwarding.DIRECT_ROUTING, servers, group=group)


def _real_server(address: IPv4Address, service: Service) -> RealServer:
    key = ServerKey(address, service.port)
    if service.protocol is not Protocol.TCP:
        return RealServer(key)
    return RealServer(key, checks=(TcpCheck(address, service.port, timing=_CHECK_TIMING),))
