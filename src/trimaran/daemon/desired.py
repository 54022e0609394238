"""From the configuration and what the checks say to what the dataplane shall hold. Pure."""

from collections.abc import Mapping

from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.model.config import Config
from trimaran.model.service import ServerKey, ServiceKey

Fitness = Mapping[tuple[ServiceKey, ServerKey], bool]


def desired_services(config: Config, fitness: Fitness) -> tuple[Service, ...]:
    """Every configured service, each with its fit real servers in the order of the file.

    A real server of which nothing is known yet is not fit: it enters after its first success.
    """
    return tuple(
        Service(
            service.key,
            Settings(service.scheduler),
            tuple(
                Destination(server.key, server.weight, service.forwarding)
                for server in service.real_servers
                if fitness.get((service.key, server.key), False)
            ),
        )
        for service in config.virtual_services
    )


def client_interfaces(config: Config) -> tuple[str, ...]:
    """The interfaces that clients' packets for the VIPs come in by, each once."""
    names = [
        name
        for router in config.virtual_routers
        for name in (router.interface, *(address.device for address in router.addresses))
    ]
    return tuple(dict.fromkeys(names))
