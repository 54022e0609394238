"""The weights that checks give to real servers."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from trimaran.model.service import ServerKey, ServiceKey, VirtualService

Weights = Mapping[tuple[ServiceKey, ServerKey], int]


def weighted(services: Iterable[VirtualService], weights: Weights) -> tuple[VirtualService, ...]:
    """The services with these weights of their servers in place of the configured ones."""
    if not weights:
        return tuple(services)
    of_services = {service for service, _ in weights}
    return tuple(
        replace(
            service,
            real_servers=tuple(
                replace(server, weight=weights.get((service.key, server.key), server.weight))
                for server in service.real_servers
            ),
        )
        if service.key in of_services
        else service
        for service in services
    )
