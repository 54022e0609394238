"""What an operator has said of real servers, beside the checks; and those that are leaving.

Draining is IPVS's way: weight 0. A draining server keeps its connections and gets no new ones,
and counts for no quorum; so does one that a reload has removed, until it has none any more.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from trimaran.model.service import RealServer, ServerKey, ServiceKey, VirtualService

Place = tuple[ServiceKey, ServerKey]


class Mode(StrEnum):
    """An operator's word for a real server that is not simply in service."""

    DRAIN = "drain"
    DISABLE = "disable"


@dataclass(frozen=True, slots=True)
class Order:
    """`weight`: instead of the configured one, and of what checks say; None: as these say."""

    mode: Mode | None = None
    weight: int | None = None


@dataclass(frozen=True, slots=True)
class Leaving:
    """A removed real server that still has connections; `until`: nanoseconds, whose clock is the
    caller's."""

    server: RealServer
    until: int


NO_ORDERS: Mapping[Place, Order] = {}
NOBODY_LEAVES: Mapping[Place, Leaving] = {}


def describe(order: Order) -> str:
    """An order in words: `draining`, `disabled, weight 3`, `as configured`."""
    words = {Mode.DRAIN: "draining", Mode.DISABLE: "disabled", None: ""}[order.mode]
    weight = "" if order.weight is None else f"weight {order.weight}"
    return ", ".join(filter(None, (words, weight))) or "as configured"


def administered(
    services: Iterable[VirtualService],
    orders: Mapping[Place, Order],
    leaving: Mapping[Place, Leaving],
) -> tuple[VirtualService, ...]:
    """The services as an operator wants them, those that leave at the end with weight 0."""
    if not orders and not leaving:
        return tuple(services)
    concerned = {service for service, _ in (*orders, *leaving)}
    return tuple(
        replace(service, real_servers=tuple(_servers(service, orders, leaving)))
        if service.key in concerned
        else service
        for service in services
    )


def _servers(
    service: VirtualService, orders: Mapping[Place, Order], leaving: Mapping[Place, Leaving]
) -> Iterator[RealServer]:
    for server in service.real_servers:
        order = orders.get((service.key, server.key), Order())
        weight = server.weight if order.weight is None else order.weight
        weight = 0 if order.mode is Mode.DRAIN else weight
        # One that is disabled is out, whatever it does when it fails.
        inhibit = server.inhibit_on_failure and order.mode is not Mode.DISABLE
        yield replace(server, weight=weight, inhibit_on_failure=inhibit)
    for (key, _), gone in leaving.items():
        if key == service.key:
            yield replace(gone.server, weight=0, inhibit_on_failure=True)


def departures(
    before: Iterable[VirtualService], after: Iterable[VirtualService], now: int
) -> dict[Place, Leaving]:
    """Who leaves slowly by a reload: servers removed from services that stay and say so."""
    stays = {service.key: service for service in after if service.drain_timeout}
    leaving = {}
    for service in before if stays else ():
        now_there = stays.get(service.key)
        if now_there is None:
            continue
        present = {server.key for server in now_there.real_servers}
        for server in service.real_servers:
            if server.key not in present:
                until = now + now_there.drain_timeout
                leaving[service.key, server.key] = Leaving(server, until)
    return leaving
