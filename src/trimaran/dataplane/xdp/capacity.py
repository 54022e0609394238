"""How large the tables are to be. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from trimaran.model.config import Config
from trimaran.model.service import VirtualService

_MAGLEV_ROWS: Final = 256
_BUCKET_ROWS: Final = 16
"""Of the hash tables of an mh service, and of one by sh or dh."""

SLOTS: Final = 4
"""Of a bucket of a table of connections."""
NO_FLOWS: Final = 16
"""The least that a table of connections can be for."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much the maps hold. `flows`, of IPv4, is a power of two; twice as many slots are made.

    `rows`, of `ROW_SLOTS` slots each: the hash tables of a thousand mh services, or of all sh
    services. `flows6` is for IPv6 what `flows` is; without services of IPv6 next to nothing.
    """

    flows: int = 1 << 20
    services: int = 1 << 12
    destinations: int = 1 << 14
    rows: int = 1 << 18
    flows6: int = NO_FLOWS

    def holds(self, other: "Capacity") -> bool:
        """Whether there is room for as many services as in the other, in a table of connections
        of the same size (their places depend on it). IPv6's can be replaced while it is empty."""
        return (
            self.flows == other.flows
            and self.services >= other.services
            and self.destinations >= other.destinations
            and self.rows >= other.rows
        )

    @property
    def buckets(self) -> int:
        """Half full at capacity, so that nearly all flows find room in their first bucket."""
        return 2 * self.flows // SLOTS

    @property
    def buckets6(self) -> int:
        """The same of IPv6."""
        return 2 * self.flows6 // SLOTS

    @property
    def members(self) -> int:
        """Room for every list and its head twice, and for holes."""
        return 4 * self.destinations + 2 * self.services


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
