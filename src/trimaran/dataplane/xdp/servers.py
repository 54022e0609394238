"""Records of real servers.

That of a removed server stays for as long as connections refer to it (IPVS's trash, ipvs-semantics
1.8): added again, it gets them and its counters back. When room is short, records that no
connection refers to go at once.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trimaran.dataplane.base import Destination
from trimaran.dataplane.xdp import libbpf, methods
from trimaran.dataplane.xdp.addresses import stored
from trimaran.dataplane.xdp.layout import DestinationFlag
from trimaran.dataplane.xdp.masquerade import MasqueradeIndex
from trimaran.dataplane.xdp.records import identity, server_key, set_flags
from trimaran.dataplane.xdp.tables import Records, Tables
from trimaran.dataplane.xdp.vacancies import Vacancies
from trimaran.dataplane.xdp.ways import Ways
from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.service import Forwarding, ServerKey, ServiceKey

TRASH_PERIOD: Final = 120 * SECOND
_NO_SERVICE: Final = 0xFFFFFFFF


class Servers:
    """The destinations of all services, also those in the trash; `records`: which is whose."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.ways = Ways(tables)
        self.records: dict[tuple[ServiceKey, ServerKey], int] = {}
        self._of_service: dict[int, set[int]] = {}
        self._idle_since: dict[int, int] = {}
        self._reclaimable: list[int] | None = None
        used = tables.destinations["flags"]
        for destination in np.flatnonzero(used).tolist():
            service_and_server = identity(tables, destination)
            self.records[service_and_server] = destination
            self.ways.enter(destination, service_and_server[1].address)
            self.ways.recall(destination)
            service = int(tables.destinations["service"][destination])
            if service != _NO_SERVICE:
                self._of_service.setdefault(service, set()).add(destination)
        self._free_destinations = Vacancies(np.flatnonzero(used == 0).tolist())
        self._masqueraded = MasqueradeIndex(tables)

    def begin(self) -> None:
        """Before changes: what could be reclaimed is to be looked for again."""
        self._reclaimable = None

    def masqueraded(self) -> set[IPAddress]:
        """Addresses of the servers whose replies must come by here."""
        flags = self._tables.destinations["flags"] & DestinationFlag.MASQUERADED
        return {
            server_key(self._tables, destination).address
            for destination in np.flatnonzero(flags).tolist()
        }

    def add(self, service: int, key: ServiceKey, destination: Destination) -> int | None:
        """The record, new or from the trash, of a server that is in the service from now on; None
        if there is no room for one."""
        tables = self._tables
        number = self.records.get((key, destination.key))
        if number is None:
            number = self._new_record(key, destination.key)
            if number is None:
                return None
        elif tables.destinations["service"][number] != service:
            tables.ledger["base"][number] = tables.counted(number)
        tables.destinations["service"][number] = service
        self._of_service.setdefault(service, set()).add(number)
        tables.ledger["share"][number] = 0  # also of one that comes back
        self.change(number, destination)
        self._idle_since.pop(number, None)
        set_flags(self._tables, number, put=DestinationFlag.CONFIGURED)
        return number

    def _new_record(self, key: ServiceKey, server: ServerKey) -> int | None:
        number = self._unused_record()
        if number is None:
            return None
        record = self._tables.destinations[number]
        record["address"] = stored(server.address)
        record["version"] = server.address.version
        record["port"] = server.port
        record["virtual_address"] = stored(key.address)
        record["virtual_version"] = key.address.version
        record["virtual_port"] = key.port
        record["translated_port"] = server.port if key.port else 0
        record["protocol"] = key.protocol.number
        record["flags"] = DestinationFlag.USED
        self._tables.loads[number] = 0
        self._tables.templates[number] = 0
        self.records[key, server] = number
        self.ways.enter(number, server.address)
        return number

    def _unused_record(self) -> int | None:
        """A free record, or the oldest in the trash that no connection refers to."""
        unused = self._free_destinations.take()
        if unused is not None:
            return unused
        flags = self._tables.destinations["flags"]
        if self._reclaimable is None:
            # A packet in flight may still be making a connection to one just removed.
            libbpf.wait_for_packets()
            idle = self._tables.referred() == 0
            trash = np.flatnonzero(idle & (flags & DestinationFlag.CONFIGURED == 0)).tolist()
            # Those not seen idle yet are the newest. The oldest is taken first, from the end.
            age = self._idle_since
            self._reclaimable = sorted(trash, key=lambda d: age.get(d, math.inf), reverse=True)
        while self._reclaimable:
            destination = self._reclaimable.pop()
            if not int(flags[destination]) & DestinationFlag.CONFIGURED:
                self._free(destination)
                return self._free_destinations.take()
        return None

    def change(self, record: int, destination: Destination) -> None:
        """Weight, thresholds and method, of a server that is there."""
        self._set_parameters(record, destination)
        self._set_method(record, destination)

    def leave(self, service: int) -> NDArray[np.int64]:
        """All of the service's are in the trash, as it is gone; what they counted in it."""
        tables = self._tables
        members: Sequence[int] = list(self._of_service.pop(service, ()))
        counted = tables.counted(members) - tables.ledger["base"][members]
        for destination in members:
            set_flags(tables, destination, clear=DestinationFlag.CONFIGURED)
            tables.destinations["service"][destination] = _NO_SERVICE
        total: NDArray[np.int64] = counted.sum(axis=0)
        return total

    def _set_parameters(self, record: int, destination: Destination) -> None:
        """Weight and thresholds, and what follows from them (ipvs-semantics 2.2, 2.14)."""
        tables = self._tables
        tables.destinations["weight"][record] = destination.weight
        if destination.weight:
            tables.ledger["share"][record] = destination.weight
        upper, lower = destination.upper_threshold, destination.lower_threshold
        load = tables.loads[record]
        if (load["upper"], load["lower"]) == (upper, lower):
            return
        load["upper"], load["lower"] = upper, lower
        total = int(load["connections"]) >> 32 & 0x7FFFFFFF
        if upper and total >= upper:
            self._mark_overloaded(record, overloaded=True)
        elif not upper or total < (lower or upper - (upper >> 2)):
            self._mark_overloaded(record, overloaded=False)

    def _mark_overloaded(self, record: int, *, overloaded: bool) -> None:
        """By a single byte's store, so that the counts beside it, which packets change, stay."""
        byte = self._tables.load_bytes[record, 7:8]
        byte[0] = byte[0] | 0x80 if overloaded else byte[0] & 0x7F

    def _set_method(self, number: int, destination: Destination) -> None:
        methods.write(self._tables, number, destination)
        if destination.forwarding is Forwarding.MASQUERADING:
            self._masqueraded.add(number)
        elif destination.forwarding is Forwarding.TUNNEL:
            self._tables.live["tunnelled"] = 1
        self.ways.resolve(
            number, destination.key.address, destination.forwarding, destination.tunnel
        )

    def empty_trash(self, now: int) -> None:
        """Frees removed destinations that nothing has referred to for two minutes.

        `now` in nanoseconds.
        """
        tables = self._tables
        flags = tables.destinations["flags"]
        trash = (flags != 0) & (flags & DestinationFlag.CONFIGURED == 0) & (tables.referred() == 0)
        before = self._idle_since
        self._idle_since = {d: before.get(d, now) for d in np.flatnonzero(trash).tolist()}
        for destination, since in list(self._idle_since.items()):
            if now - since >= TRASH_PERIOD:
                self._free(destination)

    def _free(self, destination: int) -> None:
        tables = self._tables
        del self.records[identity(tables, destination)]
        self.ways.leave(destination)
        self._masqueraded.remove(destination)
        self._idle_since.pop(destination, None)
        service = int(tables.destinations["service"][destination])
        if service != _NO_SERVICE:
            self._of_service[service].discard(destination)
            counted = tables.counted(destination) - tables.ledger["base"][destination]
            former(tables, service)[...] += counted
        tables.destinations[destination] = 0
        # Whoever has the record next begins to count here.
        tables.ledger[destination] = 0
        tables.ledger["base"][destination] = tables.counted(destination)
        self._free_destinations.give_back(destination)


def former(tables: Tables, service: int) -> Records:
    """What the service counted beyond its present destinations; to be changed in place."""
    base: Records = tables.ledger["base"]
    row: Records = base[len(tables.destinations) + service]
    return row
