"""Changes to the XDP dataplane, one at a time: `dataplane.steps.Operator` on its tables."""

import errno
from collections.abc import Collection

from trimaran.dataplane.base import (
    Behaviour,
    DataplaneError,
    Refused,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from trimaran.dataplane.steps import Step
from trimaran.dataplane.xdp.addresses import address_in
from trimaran.dataplane.xdp.behaviour import write_behaviour
from trimaran.dataplane.xdp.editor import Editor
from trimaran.dataplane.xdp.held import set_held
from trimaran.dataplane.xdp.loader import running_maps, set_lifetimes
from trimaran.dataplane.xdp.statistics import zero
from trimaran.dataplane.xdp.tables import Tables
from trimaran.dataplane.xdp.view import XdpView
from trimaran.dataplane.xdp.ways import Neighbour
from trimaran.model.ip import IPAddress
from trimaran.model.service import ServiceKey


class XdpOperator(XdpView):
    """One process at a time may have one: it holds `ownership.hold_tables`."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self._editor = Editor(tables)

    @classmethod
    def open(cls) -> "XdpOperator":
        """On the program that is attached in this network namespace."""
        maps = running_maps()
        if maps is None:
            raise DataplaneError("no XDP dataplane of trimaran runs in this network namespace")
        return cls(Tables(maps, writable=True))

    def execute(self, step: Step) -> None:
        """As `Operator`. EOPNOTSUPP: this dataplane cannot do that; ENOSPC: it has no room."""
        self._editor.execute(step)

    def zero(self, service: ServiceKey | None) -> None:
        """Counters and rates; the total's only with all others, as in IPVS."""
        if service is None:
            zero(self.tables, None)
            return
        number = self._editor.number(service)
        if number is None:
            raise Refused(errno.ESRCH, f"{service}: there is no such service")
        zero(self.tables, number)

    def flush(self) -> None:
        self._editor.apply(())

    def set_timeouts(self, timeouts: Timeouts) -> None:
        """Sets timeouts from the next packet of each connection on; 0 keeps the old one."""
        present = self.timeouts()
        set_lifetimes(
            self.tables,
            Timeouts(
                timeouts.tcp or present.tcp,
                timeouts.tcp_fin or present.tcp_fin,
                timeouts.udp or present.udp,
            ),
        )

    def set_behaviour(self, behaviour: Behaviour) -> None:
        """As sysctl does for IPVS."""
        write_behaviour(self.tables, behaviour)

    def start_sync(self, daemon: SyncDaemon) -> None:
        raise no_synchronisation()

    def stop_sync(self, role: SyncRole) -> None:
        raise no_synchronisation()

    def virtual_addresses(self) -> set[IPAddress]:
        """Addresses of all services."""
        services = self.tables.services[self.tables.services["configured"] != 0]
        found = zip(services["address"], services["version"].tolist(), strict=True)
        return {address_in(address, version) for address, version in found}

    # What the dataplane must be told of its surroundings

    def set_held(self, addresses: Collection[IPAddress]) -> None:
        """The virtual addresses that this director holds: only these are served."""
        set_held(self.tables, addresses)

    def set_local(self, addresses: Collection[IPAddress]) -> None:
        """The director's own addresses: a destination among them is the director itself."""
        self._editor.servers.ways.set_local(addresses)

    def set_neighbour(self, address: IPAddress, neighbour: Neighbour | None) -> None:
        """How to reach a destination; None: not known now, so no new connections for it."""
        self._editor.servers.ways.set_neighbour(address, neighbour)

    def wanted_neighbours(self) -> set[IPAddress]:
        """Addresses that `set_neighbour` should be called for."""
        return self._editor.servers.ways.addresses()


def no_synchronisation() -> Refused:
    """What is said to whoever wants connections synchronised."""
    return Refused(
        errno.EOPNOTSUPP,
        "the XDP dataplane has no connection synchronisation (IPVS has: --dataplane ipvs)",
    )
