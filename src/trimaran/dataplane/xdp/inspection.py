"""What runs in this network namespace: programs, maps, attachments, live connections."""

import socket
from dataclasses import dataclass

import numpy as np

from trimaran.dataplane.base import DataplaneError
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.attach import mode_name
from trimaran.dataplane.xdp.loader import attached_programs, maps_of
from trimaran.dataplane.xdp.tables import Tables
from trimaran.dataplane.xdp.view import XdpView


@dataclass(frozen=True, slots=True)
class Attached:
    """An interface that the program is on: the program's number, and native or generic mode."""

    interface: str
    program: int
    mode: str


@dataclass(frozen=True, slots=True)
class Map:
    """A map of the program; sizes in bytes, `size` of all its values."""

    name: str
    number: int
    entries: int
    value_size: int
    size: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """The whole. `capacity`: connections that there is room for; `live`: by state.
    `templates`: persistent clients remembered; they take room as connections do. `unresolved`:
    real servers whose MAC address is not known: others get their connections. `events`: what
    happened to packets since the tables were made, by name, if it did."""

    attached: tuple[Attached, ...]
    maps: tuple[Map, ...]
    services: int
    capacity: int
    live: dict[str, int]
    templates: int
    unresolved: tuple[str, ...]
    events: dict[str, int]


def inspect() -> Inspection:
    """Look at it all; raises `DataplaneError` if nothing runs."""
    attached = tuple(
        Attached(name, number, mode_name(libbpf.xdp_query(socket.if_nametoindex(name))[1]))
        for name, number in attached_programs()
    )
    if not attached:
        raise DataplaneError(
            "no XDP dataplane of trimaran runs in this network namespace "
            "(start one: trimaran xdp attach IFACE, or trimaran run -f FILE)"
        )
    descriptors = maps_of(attached[0].program)
    maps = tuple(_map(descriptor) for descriptor in descriptors.values())
    tables = Tables(descriptors, writable=False)
    try:
        return Inspection(
            attached,
            maps,
            int(np.count_nonzero(tables.services["configured"])),
            len(tables.flows) // 2,
            XdpView(tables).live_flows(),
            int(tables.templates.sum()),
            tuple(sorted(map(str, XdpView(tables).unresolved_neighbours()))),
            {event.name: n for event, n in tables.event_totals().items() if n},
        )
    finally:
        tables.close()


def _map(descriptor: int) -> Map:
    info = libbpf.map_info(descriptor)
    return Map(
        info.name,
        info.id,
        info.max_entries,
        info.value_size,
        info.max_entries * (info.value_size or 1),  # a ring buffer's entries are bytes
    )
