"""How large the tables are to be. Pure."""

from collections.abc import Iterable
from typing import Final

from trimaran.dataplane.xdp.layout import NO_FLOWS, Capacity
from trimaran.model.config import Config
from trimaran.model.service import VirtualService

_MAGLEV_ROWS: Final = 256
_BUCKET_ROWS: Final = 16
"""Of the hash tables of an mh service, and of one by sh or dh."""

_LEAST: Final = Capacity()


def capacity_for(config: Config, connections: int) -> Capacity:
    """Room for at least so many connections (of IPv6 as many again, if it has services of that),
    and for twice the services of a configuration: for
    changes that come later, and since what is removed keeps its place for a while."""
    services = config.virtual_services
    servers = sum(len(service.real_servers) + 1 for service in services)
    return Capacity(
        power_of_two(connections),
        max(_LEAST.services, power_of_two(2 * len(services))),
        max(_LEAST.destinations, power_of_two(2 * servers)),
        max(_LEAST.rows, 2 * sum(_rows(services))),
        power_of_two(connections) if any(map(_is_ipv6, services)) else NO_FLOWS,
    )


def power_of_two(least: int) -> int:
    """The next one, from 2 on."""
    return 1 << max(least - 1, 1).bit_length()


def _is_ipv6(service: VirtualService) -> bool:
    return service.key.address.version == 6


def _rows(services: Iterable[VirtualService]) -> Iterable[int]:
    for service in services:
        match service.scheduler:
            case "mh":
                yield _MAGLEV_ROWS
            case "sh" | "dh":
                yield _BUCKET_ROWS
