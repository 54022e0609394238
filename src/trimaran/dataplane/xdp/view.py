"""Reading the dataplane: by the daemon, or by anyone with the right when there is none."""

from collections.abc import Sequence
from ipaddress import IPv4Address

import numpy as np

from trimaran.dataplane import estimator, states
from trimaran.dataplane.base import (
    Connection,
    Counters,
    DataplaneError,
    DestinationView,
    ServiceView,
    SyncDaemon,
    Timeouts,
)
from trimaran.dataplane.xdp import layout
from trimaran.dataplane.xdp.editor import (
    read_destination,
    read_settings,
    server_key,
    service_key,
)
from trimaran.dataplane.xdp.loader import lifetimes, running_maps
from trimaran.dataplane.xdp.statistics import as_counters, counted
from trimaran.dataplane.xdp.tables import Tables, destination_of, state_of
from trimaran.model.service import Protocol

_PROTOCOLS = {protocol.number: protocol.value for protocol in Protocol}


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

    def connections(self) -> Sequence[Connection]:
        """The entries that live, in the order of the table (that is, in none)."""
        now = self.tables.tick()
        whole = int(now)
        slots = self.tables.flows.view(layout.FLOW_FIELDS)
        live = slots[slots["control"] >> np.uint64(layout.PHASE_SHIFT) == layout.PHASE_LIVE]
        found = []
        for entry in live.tolist():
            client, virtual, client_port, virtual_port, protocol, _, control, _ = entry
            left = (control - whole + (1 << 31) & 0xFFFFFFFF) - (1 << 31) - (now - whole)
            if left < 0:
                continue  # expired, not yet swept
            found.append(
                Connection(
                    _PROTOCOLS[protocol],
                    IPv4Address(client),
                    client_port,
                    IPv4Address(virtual),
                    virtual_port,
                    server_key(self.tables, destination_of(control)),
                    states.STATE_NAMES[state_of(control)],
                    # A fresh entry of 60 s is shown with 59, as IPVS does.
                    max(int(left - 2), 0) // layout.TICKS_PER_SECOND,
                )
            )
        return found

    def timeouts(self) -> Timeouts:
        return lifetimes(self.tables)

    def sync_daemons(self) -> Sequence[SyncDaemon]:
        return ()

    def connection_table_size(self) -> int:
        """How many connections fit."""
        return len(self.tables.flows)

    def events(self) -> dict[layout.Event, int]:
        """How often each event of the packet path happened."""
        return self.tables.event_totals()
