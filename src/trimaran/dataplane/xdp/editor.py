"""Services and destinations in the program's tables, and how they are changed.

A service's list of members is written anew beside the old one and switched to by one store, so
that a packet sees all of a change or nothing. The record of a removed destination stays for as
long as connections refer to it (IPVS's trash, ipvs-semantics 1.8): added again, it gets them
and its counters back.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

import numpy as np

from trimaran.dataplane.base import DataplaneError, Destination, Service
from trimaran.dataplane.difference import (
    AddDestination,
    DeleteDestination,
    DeleteService,
    EditDestination,
    Step,
    difference,
)
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.extents import Extents
from trimaran.dataplane.xdp.layout import DestinationFlag
from trimaran.dataplane.xdp.tables import Records, Tables, pack_rotation, unpack_rotation
from trimaran.model.duration import SECOND
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey

TRASH_PERIOD: Final = 120 * SECOND
SCHEDULERS: Final = ("rr",)
_NO_SERVICE: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Neighbour:
    """How frames reach a next hop: its MAC, ours, the interface and its MTU in bytes."""

    mac: bytes
    source_mac: bytes
    ifindex: int
    mtu: int


def service_key(tables: Tables, service: int) -> ServiceKey:
    """The key in a service's record."""
    record = tables.services[service]
    return ServiceKey(
        _protocol(int(record["protocol"])),
        IPv4Address(int(record["address"])),
        int(record["port"]),
    )


def server_key(tables: Tables, destination: int) -> ServerKey:
    """The key in a destination's record."""
    record = tables.destinations[destination]
    return ServerKey(IPv4Address(int(record["address"])), int(record["port"]))


def read_destination(tables: Tables, destination: int) -> Destination:
    """A destination's record as what was desired."""
    weight = int(tables.destinations["weight"][destination])
    return Destination(server_key(tables, destination), weight, Forwarding.DIRECT_ROUTING)


def read_service(tables: Tables, service: int) -> Service:
    """A service's record as what was desired, its destinations in list order."""
    order = tables.order(service)
    destinations = tuple(read_destination(tables, destination) for destination in order)
    return Service(service_key(tables, service), SCHEDULERS[0], destinations)


def _protocol(number: int) -> Protocol:
    return next(protocol for protocol in Protocol if protocol.number == number)


class Editor:
    """The only writer of services and destinations."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._neighbours: dict[IPv4Address, Neighbour] = {}
        self._local: frozenset[IPv4Address] = frozenset()
        self._services: dict[ServiceKey, int] = {}
        self._destinations: dict[tuple[ServiceKey, ServerKey], int] = {}
        self._idle_since: dict[int, int] = {}
        for service in np.flatnonzero(tables.services["configured"]).tolist():
            self._services[service_key(tables, service)] = service
        for destination in np.flatnonzero(tables.destinations["flags"]).tolist():
            self._destinations[self._identity(destination)] = destination
            self._recall_way(destination)
        self._extents = Extents(
            len(tables.members),
            (unpack_rotation(int(tables.services["rotation"][s]))[:2] for s in self.services()),
        )
        self._repair_index()

    def _identity(self, destination: int) -> tuple[ServiceKey, ServerKey]:
        record = self._tables.destinations[destination]
        key = ServiceKey(
            _protocol(int(record["protocol"])),
            IPv4Address(int(record["virtual_address"])),
            int(record["virtual_port"]),
        )
        return key, server_key(self._tables, destination)

    def _recall_way(self, destination: int) -> None:
        """What an earlier owner of the tables knew of the way there holds until contradicted."""
        record = self._tables.destinations[destination]
        address = server_key(self._tables, destination).address
        if int(record["flags"]) & DestinationFlag.LOCAL:
            self._local |= {address}
        elif int(record["flags"]) & DestinationFlag.RESOLVED:
            self._neighbours[address] = Neighbour(
                record["mac"].tobytes(),
                record["source_mac"].tobytes(),
                int(record["interface"]),
                int(record["mtu"]),
            )

    def _repair_index(self) -> None:
        """After a crash between two writes: the index holds just the configured services."""
        wanted = {_index_key(key): service for key, service in self._services.items()}
        for present in list(libbpf.keys(self._tables.service_ids, 8)):
            if present not in wanted:
                libbpf.delete(self._tables.service_ids, present)
        for key, service in wanted.items():
            libbpf.update(self._tables.service_ids, key, service.to_bytes(4, "little"))
        self._tables.live["services"] = len(self._services)

    def services(self) -> list[int]:
        """Records of the configured services."""
        return list(self._services.values())

    def addresses(self) -> set[IPv4Address]:
        """Addresses of all destinations that packets may still go to."""
        return {server.address for _, server in self._destinations}

    def apply(self, services: Sequence[Service]) -> list[Step]:
        """Makes the services so; the steps taken."""
        for service in services:
            _refuse_unsupported(service)
        actual = [read_service(self._tables, service) for service in self.services()]
        steps = difference(services, actual)
        touched: dict[ServiceKey, list[Step]] = {}
        for step in steps:
            touched.setdefault(step.service, []).append(step)
        for key, changes in touched.items():
            if isinstance(changes[0], DeleteService):
                self._delete_service(key)
            else:
                self._change_service(key, changes)
        return steps

    def _change_service(self, key: ServiceKey, changes: Sequence[Step]) -> None:
        new = key not in self._services
        service = self._add_service(key) if new else self._services[key]
        before = [] if new else self._tables.order(service)
        combined = list(before)
        gone: list[int] = []
        for step in changes:
            match step:
                case AddDestination(_, destination):
                    combined.insert(0, self._add_destination(service, key, destination))
                case EditDestination(_, destination):
                    record = self._destinations[key, destination.key]
                    self._tables.destinations["weight"][record] = destination.weight
                case DeleteDestination(_, server):
                    gone.append(self._destinations[key, server])
        self._switch(service, before, combined, gone)
        for destination_id in gone:
            self._set_flags(destination_id, clear=DestinationFlag.CONFIGURED)
        if new:
            self._tables.services["configured"][service] = 1
            self._tables.live["services"] = len(self._services)
            libbpf.update(self._tables.service_ids, _index_key(key), service.to_bytes(4, "little"))

    def _switch(
        self, service: int, before: Sequence[int], combined: Sequence[int], gone: Collection[int]
    ) -> None:
        """Writes the new list and switches to it. The cursor stays at the destination that it
        is at, or moves to its nearest predecessor that stays."""
        after = [destination for destination in combined if destination not in gone]
        first = self._extents.take(len(after)) if after else 0
        for place, destination in enumerate(after, start=first):
            self._tables.members[place] = (
                destination,
                self._tables.destinations["weight"][destination],
            )
        old = int(self._tables.services["rotation"][service])
        old_first, old_length, old_cursor = unpack_rotation(old)
        cursor = 0
        if old_cursor:
            at = len(combined) - len(before) + old_cursor - 1
            while at >= 0 and combined[at] in gone:
                at -= 1
            cursor = after.index(combined[at]) + 1 if at >= 0 else 0
        self._tables.services["rotation"][service] = pack_rotation(first, len(after), cursor)
        self._extents.release(old_first, old_length)

    def _add_service(self, key: ServiceKey) -> int:
        unused = np.flatnonzero(self._tables.services["configured"] == 0)
        taken = set(self._services.values())
        service = next((int(s) for s in unused if int(s) not in taken), None)
        if service is None:
            raise DataplaneError(f"{key}: no room for another service in the XDP dataplane")
        record = self._tables.services[service]
        record["rotation"] = 0
        record["address"] = int(key.address)
        record["port"] = key.port
        record["protocol"] = key.protocol.number
        record["scheduler"] = 0
        place = len(self._tables.destinations) + service
        self._tables.ledger[place] = np.zeros((), dtype=self._tables.ledger.dtype)
        self._services[key] = service
        return service

    def _delete_service(self, key: ServiceKey) -> None:
        tables = self._tables
        service = self._services.pop(key)
        libbpf.delete(tables.service_ids, _index_key(key))
        tables.live["services"] = len(self._services)
        tables.services["configured"][service] = 0
        self._extents.release(*unpack_rotation(int(tables.services["rotation"][service]))[:2])
        # What it counted stays in the total; a service made anew counts from zero.
        members = np.flatnonzero(
            (tables.destinations["flags"] != 0) & (tables.destinations["service"] == service)
        )
        counted = tables.counted()[members] - tables.ledger["base"][members]
        tables.ledger["base"][-1] += self._former(service) + counted.sum(axis=0)
        for destination in members.tolist():
            self._set_flags(destination, clear=DestinationFlag.CONFIGURED)
            tables.destinations["service"][destination] = _NO_SERVICE

    def _former(self, service: int) -> Records:
        """What the service counted beyond its present destinations."""
        base: Records = self._tables.ledger["base"]
        row: Records = base[len(self._tables.destinations) + service]
        return row

    def _add_destination(self, service: int, key: ServiceKey, destination: Destination) -> int:
        tables = self._tables
        number = self._destinations.get((key, destination.key))
        if number is None:
            number = self._new_record(key, destination.key)
            tables.ledger[number] = np.zeros((), dtype=tables.ledger.dtype)
            tables.ledger["base"][number] = tables.counted()[number]
        elif tables.destinations["service"][number] != service:
            tables.ledger["base"][number] = tables.counted()[number]
        tables.destinations["service"][number] = service
        tables.destinations["weight"][number] = destination.weight
        self._idle_since.pop(number, None)
        self._resolve(number)
        self._set_flags(number, put=DestinationFlag.CONFIGURED)
        return number

    def _new_record(self, key: ServiceKey, server: ServerKey) -> int:
        unused = np.flatnonzero(self._tables.destinations["flags"] == 0)
        if not len(unused):
            raise DataplaneError(f"{key}: no room for another real server in the XDP dataplane")
        number = int(unused[0])
        record = self._tables.destinations[number]
        record["address"] = int(server.address)
        record["port"] = server.port
        record["virtual_address"] = int(key.address)
        record["virtual_port"] = key.port
        record["protocol"] = key.protocol.number
        record["flags"] = DestinationFlag.USED
        self._destinations[key, server] = number
        return number

    def _set_flags(
        self,
        destination: int,
        *,
        put: int = 0,
        clear: int = 0,
    ) -> None:
        flags = self._tables.destinations["flags"]
        flags[destination] = (int(flags[destination]) | put) & ~clear

    def set_local(self, addresses: Collection[IPv4Address]) -> None:
        """Which addresses are the director's own: packets for these go up its own stack."""
        self._local = frozenset(addresses)
        for destination in self._destinations.values():
            self._resolve(destination)

    def set_neighbour(self, address: IPv4Address, neighbour: Neighbour | None) -> None:
        """How to reach a destination; None: no longer known (connections use the last way)."""
        if neighbour is None:
            self._neighbours.pop(address, None)
        else:
            self._neighbours[address] = neighbour
        for (_, server), destination in self._destinations.items():
            if server.address == address:
                self._resolve(destination)

    def _resolve(self, destination: int) -> None:
        address = server_key(self._tables, destination).address
        local, resolved, reachable = (
            DestinationFlag.LOCAL,
            DestinationFlag.RESOLVED,
            DestinationFlag.REACHABLE,
        )
        if address in self._local:
            self._set_flags(destination, put=local, clear=resolved | reachable)
            return
        neighbour = self._neighbours.get(address)
        if neighbour is None:
            self._set_flags(destination, clear=local | resolved)
            return
        # Two stores of eight bytes: the first changes when only the server's MAC does.
        record = self._tables.destinations[destination : destination + 1].view("<u8")
        way = neighbour.mac + neighbour.source_mac + neighbour.ifindex.to_bytes(4, "little")
        record[0] = int.from_bytes(way[:8], "little")
        record[1] = int.from_bytes(way[8:], "little")
        self._tables.destinations["mtu"][destination] = neighbour.mtu
        self._set_flags(destination, put=resolved | reachable, clear=local)

    def empty_trash(self, now: int) -> None:
        """Frees removed destinations that nothing has referred to for two minutes.

        `now` in nanoseconds. Lists that were released before are free from now on, too.
        """
        self._extents.settle()
        tables = self._tables
        active, inactive = tables.connections()
        for identity, destination in list(self._destinations.items()):
            flags = int(tables.destinations["flags"][destination])
            if flags & DestinationFlag.CONFIGURED or active[destination] or inactive[destination]:
                self._idle_since.pop(destination, None)
            elif now - self._idle_since.setdefault(destination, now) >= TRASH_PERIOD:
                self._free(destination)
                del self._destinations[identity]
                del self._idle_since[destination]

    def _free(self, destination: int) -> None:
        tables = self._tables
        service = int(tables.destinations["service"][destination])
        if service != _NO_SERVICE:
            counted = tables.counted()[destination] - tables.ledger["base"][destination]
            self._former(service)[...] += counted
        tables.destinations[destination] = np.zeros((), dtype=tables.destinations.dtype)


def _index_key(key: ServiceKey) -> bytes:
    return (
        key.address.packed + key.port.to_bytes(2, "big") + key.protocol.number.to_bytes(1) + b"\0"
    )


def _refuse_unsupported(service: Service) -> None:
    if service.scheduler not in SCHEDULERS:
        raise DataplaneError(
            f"{service.key}: the XDP dataplane cannot schedule by {service.scheduler} yet "
            f"(it can by {', '.join(SCHEDULERS)})"
        )
    for destination in service.destinations:
        if destination.forwarding is not Forwarding.DIRECT_ROUTING:
            raise DataplaneError(
                f"{service.key}: server {destination.key}: the XDP dataplane cannot forward "
                f"by {destination.forwarding.name} yet (it can by DIRECT_ROUTING)"
            )
