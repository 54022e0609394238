"""Where a packet would go now, and why: asked of the running program's own tables.

The choice of a server is made by the program itself (`preview` in bpf/schedulers.h), which
does not remember it; so asking changes nothing.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

import numpy as np

from trimaran.dataplane import states
from trimaran.dataplane.base import DataplaneError, Destination
from trimaran.dataplane.xdp import layout, libbpf
from trimaran.dataplane.xdp.addresses import native, number_after, stored
from trimaran.dataplane.xdp.layout import DestinationFlag
from trimaran.dataplane.xdp.loader import load, present_capacity
from trimaran.dataplane.xdp.records import read_destination, read_settings, service_key
from trimaran.dataplane.xdp.tables import Tables, destination_of, state_of
from trimaran.model.ip import IPAddress
from trimaran.model.service import Protocol, ServiceKey

_UNRESOLVED: Final = -2


@dataclass(frozen=True, slots=True)
class Tuple:
    """What a packet of a connection has in its headers, from the client to the VIP."""

    protocol: Protocol
    client: IPAddress
    client_port: int
    virtual: IPAddress
    virtual_port: int


@dataclass(frozen=True, slots=True)
class Flow:
    """An entry of the connection table. `expires` in seconds."""

    state: str
    expires: float


@dataclass(frozen=True, slots=True)
class Way:
    """How frames reach the server. `mac` is None while it is not known."""

    mac: bytes | None
    interface: int
    mtu: int
    local: bool
    configured: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """What decides over the packet; None for what there is not.

    `server` and `way`: of the connection, or of the server that a new one would go to.
    `unresolved`: there would be one, if its MAC address were known.
    """

    packet: Tuple
    held: bool
    service: ServiceKey | None = None
    scheduler: str = ""
    servers: int = 0
    flow: Flow | None = None
    server: Destination | None = None
    way: Way | None = None
    active: int = 0
    inactive: int = 0
    unresolved: bool = False


def explain(packet: Tuple) -> Explanation:
    """Ask the program that is attached in this network namespace. Raises `DataplaneError`."""
    capacity = present_capacity()
    if capacity is None:
        raise DataplaneError("no XDP dataplane of trimaran runs in this network namespace")
    loaded = load(capacity, lambda line: None)
    try:
        if not loaded.adopted:
            raise DataplaneError(
                "the program that runs is another version's: start the daemon again first"
            )
        return explained(loaded.tables, loaded.programs.preview, packet)
    finally:
        loaded.tables.close()
        loaded.source.close()


def explained(tables: Tables, program: int, packet: Tuple) -> Explanation:
    """`program`: descriptor of `preview`."""
    held = _is_held(tables, packet.virtual)
    service = _service(tables, packet)
    ports = packet.client_port.to_bytes(2, "big") + packet.virtual_port.to_bytes(2, "big")
    addresses = native(packet.virtual) << 32 | native(packet.client)
    transport = packet.protocol.number << 32 | int.from_bytes(ports, "little")
    control = _control(tables, packet, transport)
    chosen = -1
    if control is not None:
        chosen = destination_of(control)
    elif service is not None:
        request = np.array((addresses, transport, service, 0), dtype=layout.PREVIEW)
        answer = libbpf.run(program, context=request.tobytes()).context
        chosen = int(np.frombuffer(answer, dtype=layout.PREVIEW)[0]["chosen"])
    active, inactive = tables.connections()
    return Explanation(
        packet,
        held,
        service_key(tables, service) if service is not None else None,
        read_settings(tables, service).scheduler if service is not None else "",
        len(tables.order(service)) if service is not None else 0,
        _flow(tables, control) if control is not None else None,
        read_destination(tables, chosen) if chosen >= 0 else None,
        _way(tables, chosen) if chosen >= 0 else None,
        int(active[chosen]) if chosen >= 0 else 0,
        int(inactive[chosen]) if chosen >= 0 else 0,
        chosen == _UNRESOLVED,
    )


def _is_held(tables: Tables, address: IPAddress) -> bool:
    if isinstance(address, IPv6Address):
        number = number_after(int(tables.live["hash_seed"]), address)
        return number | 1 in tables.live["held6"]
    return native(address) in tables.live["held"]


def _service(tables: Tables, packet: Tuple) -> int | None:
    """The record of its service: its own port's, or that of all ports."""
    for port in (packet.virtual_port, 0):
        wanted = (
            (tables.services["configured"] == 1)
            & (tables.services["version"] == packet.virtual.version)
            & (tables.services["address"] == stored(packet.virtual)).all(axis=1)
            & (tables.services["port"] == port)
            & (tables.services["protocol"] == packet.protocol.number)
        )
        found = np.flatnonzero(wanted)
        if len(found):
            return int(found[0])
    return None


def _control(tables: Tables, packet: Tuple, transport: int) -> int | None:
    """The control word of the connection's entry."""
    if packet.virtual.version == 6:
        entries = tables.flows6
        flows = entries["flow"]
        matches = (entries["client"] == stored(packet.client)).all(axis=1) & (
            entries["virtual_address"] == stored(packet.virtual)
        ).all(axis=1)
    else:
        flows = tables.flows
        matches = flows["addresses"] == native(packet.virtual) << 32 | native(packet.client)
    now = int(tables.tick()) & 0xFFFFFFFF
    for place in np.flatnonzero(matches & (flows["transport"] == transport)).tolist():
        control = int(flows["control"][place])
        live = control >> layout.PHASE_SHIFT == layout.PHASE_LIVE
        if live and 0 < (control - now & 0xFFFFFFFF) < 1 << 31:
            return control
    return None


def _flow(tables: Tables, control: int) -> Flow:
    left = (control & 0xFFFFFFFF) - int(tables.tick()) & 0xFFFFFFFF
    return Flow(states.STATE_NAMES[state_of(control)], left / layout.TICKS_PER_SECOND)


def _way(tables: Tables, destination: int) -> Way:
    record = tables.destinations[destination]
    flags = int(record["flags"])
    return Way(
        record["mac"].tobytes() if flags & DestinationFlag.REACHABLE else None,
        int(record["interface"]),
        int(record["mtu"]),
        bool(flags & DestinationFlag.LOCAL),
        bool(flags & DestinationFlag.CONFIGURED),
    )
