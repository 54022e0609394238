"""From the configuration and what the checks say to what the dataplane shall hold. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.model.config import Config
from trimaran.model.ip import IPAddress
from trimaran.model.service import RealServer, ServerKey, ServiceKey, SorryServer, VirtualService

Fitness = Mapping[tuple[ServiceKey, ServerKey], bool]
Quorate = Mapping[ServiceKey, bool]
_ALL_QUORATE: Quorate = MappingProxyType({})


def desired_services(
    services: Iterable[VirtualService],
    fitness: Fitness,
    quorate: Quorate = _ALL_QUORATE,
    draining: Collection[tuple[ServiceKey, ServerKey]] = (),
) -> tuple[Service, ...]:
    """These services, each with its real servers in the order of the file.

    A real server that is not fit is out, or in with weight 0 if it says so; one of which nothing
    is known yet is not fit. While a service with a sorry server has no quorum, its real servers
    are out likewise, and the sorry server is in. Only those that are `draining` stay.
    """
    return tuple(
        Service(
            service.key,
            Settings(
                service.scheduler,
                service.flags,
                service.persistence,
                service.one_packet,
                service.persistence_engine,
            ),
            tuple(
                _destinations(service, fitness, draining, sorry=not quorate.get(service.key, True))
            ),
        )
        for service in services
    )


def _destinations(
    service: VirtualService,
    fitness: Fitness,
    draining: Collection[tuple[ServiceKey, ServerKey]],
    *,
    sorry: bool,
) -> Iterator[Destination]:
    substitute = service.sorry_server
    for server in service.real_servers:
        place = (service.key, server.key)
        fit = fitness.get(place, False)
        if fit and (place in draining or not (sorry and substitute)):
            yield _real(server, server.weight)
        elif server.inhibit_on_failure:
            yield _real(server, 0)
    if substitute and sorry:
        yield _sorry(substitute, 1)
    elif substitute and substitute.inhibit:
        yield _sorry(substitute, 0)


def _real(server: RealServer, weight: int) -> Destination:
    return Destination(
        server.key,
        weight,
        server.forwarding,
        server.upper_threshold,
        server.lower_threshold,
        server.tunnel,
    )


def _sorry(server: SorryServer, weight: int) -> Destination:
    return Destination(server.key, weight, server.forwarding, tunnel=server.tunnel)


def checked_services(config: Config, held: Collection[IPAddress]) -> tuple[VirtualService, ...]:
    """The services whose real servers are to be checked now; `held`: by virtual routers here."""
    return tuple(
        service
        for service in config.virtual_services
        if not service.ha_suspend or service.key.mark or service.key.address in held
    )


def client_interfaces(config: Config) -> tuple[str, ...]:
    """The interfaces that clients' packets for the VIPs come in by, each once."""
    above = beneath(config)
    names = [
        above.get(name, name)
        for router in config.virtual_routers
        for name in (router.interface, *(address.device for address in router.held))
    ]
    return tuple(dict.fromkeys(names))


def beneath(config: Config) -> dict[str, str]:
    """Virtual routers' own devices, and the interfaces whose packets they have."""
    return {
        router.virtual_mac.device: router.interface
        for router in config.virtual_routers
        if router.virtual_mac is not None
    }
