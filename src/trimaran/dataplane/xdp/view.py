"""Reading the dataplane: by the daemon, or by anyone with the right when there is none."""

import math
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from typing import Any

import numpy as np

from trimaran.dataplane import estimator, states
from trimaran.dataplane.base import (
    Behaviour,
    Connection,
    Counters,
    DataplaneError,
    DestinationView,
    ServiceView,
    SyncDaemon,
    Timeouts,
)
from trimaran.dataplane.blocks import ConnectionBlock
from trimaran.dataplane.xdp import layout
from trimaran.dataplane.xdp.addresses import address_in
from trimaran.dataplane.xdp.behaviour import read_behaviour
from trimaran.dataplane.xdp.loader import lifetimes, running_maps
from trimaran.dataplane.xdp.records import (
    connected_server,
    read_destination,
    read_settings,
    server_key,
    service_key,
    template_server,
)
from trimaran.dataplane.xdp.statistics import as_counters, counted
from trimaran.dataplane.xdp.tables import Records, Tables, destination_of, state_of
from trimaran.model.ip import IPAddress
from trimaran.model.service import Protocol, ServerKey

_PROTOCOLS = {protocol.number: protocol.value for protocol in Protocol}
_NOBODY = IPv4Address(0)
_KIND = np.uint64(
    layout.STATES - 1 << layout.STATE_SHIFT
    | layout.MAX_DESTINATIONS - 1 << layout.DESTINATION_SHIFT
)
"""Of a slot's control word: state and destination. Shifted by 24 there is room for the protocol."""

_SLOTS_AT_A_TIME = 1 << 16
_STATE_NAMES = states.STATE_NAMES | states.TEMPLATE_NAMES


def _destinations_of(control: Records) -> Records:
    shift, most = np.uint64(layout.DESTINATION_SHIFT), np.uint64(layout.MAX_DESTINATIONS - 1)
    numbers: Records = (control >> shift & most).astype(np.int64)
    return numbers


class XdpView:
    """What the running program of this network namespace holds (`dataplane.base.View`)."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    @classmethod
    def open(cls) -> "XdpView":
        """Finds the program by the interfaces that it is attached to. Needs CAP_SYS_ADMIN."""
        maps = running_maps()
        if maps is None:
            raise DataplaneError("no XDP dataplane of trimaran runs in this network namespace")
        return cls(Tables(maps, writable=False))

    def services(self) -> Sequence[ServiceView]:
        tables = self.tables
        rows = counted(tables)
        rates = estimator.shown(tables.ledger["average"])
        active, inactive = tables.connections()
        views = []
        for service in np.flatnonzero(tables.services["configured"]).tolist():
            row = len(tables.destinations) + service
            destinations = tuple(
                DestinationView(
                    read_destination(tables, destination),
                    int(active[destination]),
                    int(inactive[destination]),
                    int(tables.templates[destination]),
                    counters=as_counters(rows[destination]),
                    rates=as_counters(rates[destination]),
                )
                for destination in tables.order(service)
            )
            views.append(
                ServiceView(
                    service_key(tables, service),
                    read_settings(tables, service),
                    destinations,
                    as_counters(rows[row]),
                    as_counters(rates[row]),
                )
            )
        return views

    def totals(self) -> tuple[Counters, Counters]:
        """What was counted in all, and its rates."""
        rates = estimator.shown(self.tables.ledger["average"][-1])
        return as_counters(counted(self.tables)[-1]), as_counters(rates)

    def connections(self) -> Iterator[Connection]:
        """The entries that live, in the order of the table (that is, in none)."""
        for block in self.connection_blocks():
            yield from block.connections()

    def connection_blocks(self) -> Iterator[ConnectionBlock]:
        """The same, a part of a table at a time (`blocks.InBlocks`)."""
        known: dict[tuple[int, object], int] = {}
        kinds: list[Connection] = []
        for version, slots, ticks in self._live():
            states_and_servers = (slots["control"] & _KIND) >> np.uint64(24) | slots["protocol"]
            virtuals = _virtuals(slots, version)
            kind = []
            for pair in zip(states_and_servers.tolist(), virtuals, strict=True):
                number = known.get(pair)
                if number is None:
                    number = known[pair] = len(kinds)
                    kinds.append(self._kind(pair[0], *_virtual(pair[1])))
                kind.append(number)
            # A fresh entry of 60 s is shown with 59, as IPVS does.
            expires = np.maximum(ticks - 2, 0) // layout.TICKS_PER_SECOND
            yield ConnectionBlock(
                kinds, kind, slots["client"], slots["client_port"], expires.astype(np.int64)
            )

    def live_flows(self) -> dict[str, int]:
        """How many connections live, by state; templates are none."""
        counts = np.zeros(layout.STATES, dtype=np.int64)
        for _, fields, _, alive in self._parts():
            control = fields["control"]
            state = control[alive] >> np.uint64(layout.STATE_SHIFT) & np.uint64(layout.STATES - 1)
            counts += np.bincount(state.astype(np.intp), minlength=layout.STATES)
        live: dict[str, int] = {}
        for number, name in states.STATE_NAMES.items():  # SCTP has states of TCP's names
            if counts[number]:
                live[name] = live.get(name, 0) + int(counts[number])
        return live

    def _live(self) -> Iterator[tuple[int, Records, Records]]:
        """Entries that have not expired, by version of IP, and how long they have to live, in the
        program's ticks."""
        for version, fields, ticks, alive in self._parts():
            yield version, fields[alive], ticks[alive]

    def _parts(self) -> Iterator[tuple[int, Records, Records, Records]]:
        """The tables in parts: version of IP, entries, ticks left, and which have not expired."""
        now = np.uint32(math.ceil(self.tables.tick()) & 0xFFFFFFFF)
        expire_nodest = self.behaviour().expire_nodest_conn
        for version, fields in self.tables.fields().items():
            for first in range(0, len(fields), _SLOTS_AT_A_TIME):
                part = fields[first : first + _SLOTS_AT_A_TIME]
                control = np.ascontiguousarray(part["control"])
                low, high = control.view("<u4").reshape(-1, 2).T
                ticks = (low - now).view(np.int32)
                # Entries with less than nothing left have expired, and are not swept yet.
                alive = (high >> layout.PHASE_SHIFT - 32 == layout.PHASE_LIVE) & (ticks >= 0)
                if expire_nodest:
                    flags = self.tables.destinations["flags"][_destinations_of(control)]
                    alive &= flags & layout.DestinationFlag.CONFIGURED != 0
                yield version, part, ticks, alive

    def _kind(self, state_and_server: int, virtual: IPAddress, port: int) -> Connection:
        state = state_of(state_and_server << 24)
        return Connection(
            _PROTOCOLS[state_and_server & 0xFF],
            _NOBODY,
            0,
            virtual,
            port,
            self._server(destination_of(state_and_server << 24), state, port),
            _STATE_NAMES[state],
            0,
        )

    def _server(self, destination: int, state: int, virtual_port: int) -> ServerKey:
        find = template_server if state in states.TEMPLATE_NAMES else connected_server
        return find(self.tables, destination, virtual_port)

    def timeouts(self) -> Timeouts:
        return lifetimes(self.tables)

    def behaviour(self) -> Behaviour:
        """What holds for all services."""
        return read_behaviour(self.tables)

    def sync_daemons(self) -> Sequence[SyncDaemon]:
        return ()

    def connection_table_size(self) -> int:
        """How many connections of IPv4 fit."""
        return len(self.tables.flows)

    def unresolved_neighbours(self) -> set[IPAddress]:
        """Addresses of destinations whose MAC address is not known, so that nothing goes there."""
        flag = layout.DestinationFlag
        asked = flag.CONFIGURED | flag.RESOLVED | flag.LOCAL
        lacking = self.tables.destinations["flags"] & asked
        found = np.flatnonzero(lacking == flag.CONFIGURED).tolist()
        return {server_key(self.tables, destination).address for destination in found}

    def events(self) -> dict[layout.Event, int]:
        """How often each event of the packet path happened."""
        return self.tables.event_totals()


def _virtuals(slots: Records, version: int) -> list[Any]:
    """Virtual address and port of each, as what can be compared."""
    if version == 6:
        addresses = np.ascontiguousarray(slots["virtual"]).view("V16").reshape(-1)
        return list(zip(map(bytes, addresses), slots["virtual_port"].tolist(), strict=True))
    packed = slots["virtual"].astype(np.uint64) << np.uint64(16) | slots["virtual_port"]
    numbers: list[Any] = packed.tolist()
    return numbers


def _virtual(compared: Any) -> tuple[IPAddress, int]:
    if isinstance(compared, int):
        return IPv4Address(compared >> 16), compared & 0xFFFF
    address, port = compared
    return address_in(address, 6), port
