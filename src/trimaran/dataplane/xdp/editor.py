"""Services and destinations in the program's tables, and how they are changed.

A service's list of members is written anew beside the old one and switched to by one store, so
that a packet sees all of a change or nothing. The record of a removed destination stays for as
long as connections refer to it (IPVS's trash, ipvs-semantics 1.8): added again, it gets them
and its counters back. When room is short, records that no connection refers to go at once.
What finds no room even so, or cannot be done, is left out; everything else is applied.
"""

import math
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

import numpy as np

from trimaran.dataplane.base import DataplaneError, Destination, Service, Settings
from trimaran.dataplane.difference import difference
from trimaran.dataplane.steps import (
    AddDestination,
    DeleteDestination,
    DeleteService,
    EditDestination,
    Step,
)
from trimaran.dataplane.xdp import libbpf, methods
from trimaran.dataplane.xdp.extents import Extents
from trimaran.dataplane.xdp.layout import DestinationFlag
from trimaran.dataplane.xdp.masquerade import MasqueradeIndex
from trimaran.dataplane.xdp.tables import Records, Tables, pack_rotation, unpack_rotation
from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey

TRASH_PERIOD: Final = 120 * SECOND
SCHEDULERS: Final = ("rr",)
_NO_SERVICE: Final = 0xFFFFFFFF
UNSPECIFIED: Final = IPv4Address(0)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """How frames reach a next hop: its MAC, ours, the interface and its MTU in bytes.

    `source`: our address for packets of our own on this way (tunnels, errors).
    """

    mac: bytes
    source_mac: bytes
    ifindex: int
    mtu: int
    source: IPv4Address = UNSPECIFIED


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
    forwarding, tunnel = methods.read(tables, destination)
    return Destination(server_key(tables, destination), weight, forwarding, tunnel=tunnel)


def read_service(tables: Tables, service: int) -> Service:
    """A service's record as what was desired, its destinations in list order."""
    order = tables.order(service)
    destinations = tuple(read_destination(tables, destination) for destination in order)
    return Service(service_key(tables, service), Settings(SCHEDULERS[0]), destinations)


def _protocol(number: int) -> Protocol:
    return next(protocol for protocol in Protocol if protocol.number == number)


class Editor:
    """The only writer of services and destinations."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._neighbours: dict[IPAddress, Neighbour] = {}
        self._local: frozenset[IPAddress] = frozenset()
        self._services: dict[ServiceKey, int] = {}
        self._destinations: dict[tuple[ServiceKey, ServerKey], int] = {}
        self._idle_since: dict[int, int] = {}
        self._reclaimable: list[int] | None = None
        self._left_out: list[str] = []
        for service in np.flatnonzero(tables.services["configured"]).tolist():
            self._services[service_key(tables, service)] = service
        for destination in np.flatnonzero(tables.destinations["flags"]).tolist():
            self._destinations[self._identity(destination)] = destination
            self._recall_way(destination)
        self._extents = Extents(
            len(tables.members),
            (unpack_rotation(int(tables.services["rotation"][s]))[:2] for s in self.services()),
        )
        self._masqueraded = MasqueradeIndex(tables)
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
                int(record["mtu"]) + methods.overhead(self._tables, destination),
                IPv4Address(int(record["source"])),
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
        return {
            server.address
            for _, server in self._destinations
            if isinstance(server.address, IPv4Address)
        }

    def masqueraded(self) -> set[IPv4Address]:
        """Addresses of the servers whose replies must come by here."""
        flags = self._tables.destinations["flags"] & DestinationFlag.MASQUERADED
        return {
            IPv4Address(int(address))
            for address in np.unique(self._tables.destinations["address"][flags != 0])
        }

    def left_out(self) -> Sequence[str]:
        """A line for each service and destination that the last `apply` had to leave out."""
        return tuple(self._left_out)

    def apply(self, services: Sequence[Service]) -> list[str]:
        """Makes the services so, as far as there is room; a line for each step taken, and for
        each thing left out that was not left out before."""
        before = set(self._left_out)
        unsupported = {service.key: _unsupported(service) for service in services}
        wanted = [service for service in services if unsupported[service.key] is None]
        steps = self._approach(wanted)
        if self._left_out and any(isinstance(s, DeleteService | DeleteDestination) for s in steps):
            # New comes before old: now that the old is gone there may be room for the rest.
            steps += self._approach(wanted)
        self._left_out += [reason for reason in unsupported.values() if reason is not None]
        return [str(step) for step in steps] + [s for s in self._left_out if s not in before]

    def _approach(self, services: Sequence[Service]) -> list[Step]:
        """Takes those steps from what is to the services for which there is room."""
        self._left_out = []
        self._reclaimable = None
        actual = [read_service(self._tables, service) for service in self.services()]
        touched: dict[ServiceKey, list[Step]] = {}
        for step in difference(services, actual):
            touched.setdefault(step.service, []).append(step)
        taken: list[Step] = []
        for key, changes in touched.items():
            if isinstance(changes[0], DeleteService):
                self._delete_service(key)
                taken += changes
            else:
                taken += self._change_service(key, changes)
        return taken

    def _leave_out(self, what: str, lacking: str, in_use: int) -> None:
        self._left_out.append(
            f"{what} left out: no room for another {lacking} in the XDP dataplane ({in_use} in use)"
        )

    def _change_service(self, key: ServiceKey, changes: Sequence[Step]) -> list[Step]:
        """Takes the steps that there is room for; which."""
        new = key not in self._services
        service = self._add_service(key) if new else self._services[key]
        if service is None:
            self._leave_out(f"{key}:", "service", len(self._tables.services))
            return []
        before = [] if new else self._tables.order(service)
        taken: list[Step] = []
        added: list[int] = []
        weights: dict[int, int] = {}
        gone: set[int] = set()
        for step in changes:
            match step:
                case AddDestination(_, destination):
                    record = self._add_destination(service, key, destination)
                    if record is None:
                        in_use = len(self._tables.destinations)
                        self._leave_out(f"{key}: server {destination.key}", "real server", in_use)
                        continue
                    added.insert(0, record)
                case EditDestination(_, destination):
                    record = self._destinations[key, destination.key]
                    weights[record] = destination.weight
                    self._set_method(record, destination)
                case DeleteDestination(_, server):
                    gone.add(self._destinations[key, server])
            taken.append(step)
        first = self._stretch(len(before) + len(added) - len(gone))
        if first is None:
            self._take_back(key, service if new else None, added)
            in_use = len(self._tables.members)
            self._leave_out(f"{key}: change", "list of real servers", in_use)
            return []
        for record, weight in weights.items():
            self._tables.destinations["weight"][record] = weight
        self._switch(service, first, before, added + before, gone)
        for record in gone:
            self._set_flags(record, clear=DestinationFlag.CONFIGURED)
        if new:
            self._tables.services["configured"][service] = 1
            self._tables.live["services"] = len(self._services)
            libbpf.update(self._tables.service_ids, _index_key(key), service.to_bytes(4, "little"))
        return taken

    def _take_back(self, key: ServiceKey, new: int | None, added: Sequence[int]) -> None:
        """Undoes the adding of destinations, and of their service if that is `new`."""
        for destination in added:
            self._set_flags(destination, clear=DestinationFlag.CONFIGURED)
            if new is not None:
                self._tables.destinations["service"][destination] = _NO_SERVICE
        if new is not None:
            del self._services[key]

    def _stretch(self, length: int) -> int | None:
        """Where a list of members can be written; None: nowhere."""
        if not length:
            return 0
        with suppress(DataplaneError):
            return self._extents.take(length)
        libbpf.wait_for_packets()
        self._extents.settle()
        with suppress(DataplaneError):
            return self._extents.take(length)
        return None

    def _switch(
        self,
        service: int,
        first: int,
        before: Sequence[int],
        combined: Sequence[int],
        gone: Collection[int],
    ) -> None:
        """Writes the new list at `first` and switches to it. The cursor stays at the destination
        that it is at, or moves to its nearest predecessor that stays."""
        after = [destination for destination in combined if destination not in gone]
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

    def _add_service(self, key: ServiceKey) -> int | None:
        unused = np.flatnonzero(self._tables.services["configured"] == 0)
        taken = set(self._services.values())
        service = next((int(s) for s in unused if int(s) not in taken), None)
        if service is None:
            return None
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

    def _add_destination(
        self, service: int, key: ServiceKey, destination: Destination
    ) -> int | None:
        tables = self._tables
        number = self._destinations.get((key, destination.key))
        if number is None:
            number = self._new_record(key, destination.key)
            if number is None:
                return None
            tables.ledger[number] = np.zeros((), dtype=tables.ledger.dtype)
            tables.ledger["base"][number] = tables.counted()[number]
        elif tables.destinations["service"][number] != service:
            tables.ledger["base"][number] = tables.counted()[number]
        tables.destinations["service"][number] = service
        tables.destinations["weight"][number] = destination.weight
        self._idle_since.pop(number, None)
        self._set_method(number, destination)
        self._set_flags(number, put=DestinationFlag.CONFIGURED)
        return number

    def _new_record(self, key: ServiceKey, server: ServerKey) -> int | None:
        number = self._unused_record()
        if number is None:
            return None
        record = self._tables.destinations[number]
        record["address"] = int(server.address)
        record["port"] = server.port
        record["virtual_address"] = int(key.address)
        record["virtual_port"] = key.port
        record["protocol"] = key.protocol.number
        record["flags"] = DestinationFlag.USED
        self._destinations[key, server] = number
        return number

    def _unused_record(self) -> int | None:
        """A free record, or the oldest in the trash that no connection refers to."""
        flags = self._tables.destinations["flags"]
        unused = np.flatnonzero(flags == 0)
        if len(unused):
            return int(unused[0])
        if self._reclaimable is None:
            # A packet in flight may still be making a connection to one just removed.
            libbpf.wait_for_packets()
            idle = np.add(*self._tables.connections()) == 0
            trash = np.flatnonzero(idle & (flags & DestinationFlag.CONFIGURED == 0)).tolist()
            # Those not seen idle yet are the newest. The oldest is taken first, from the end.
            age = self._idle_since
            self._reclaimable = sorted(trash, key=lambda d: age.get(d, math.inf), reverse=True)
        while self._reclaimable:
            destination = self._reclaimable.pop()
            if not int(flags[destination]) & DestinationFlag.CONFIGURED:
                self._free(destination)
                return destination
        return None

    def _set_flags(self, destination: int, *, put: int = 0, clear: int = 0) -> None:
        flags = self._tables.destinations["flags"]
        flags[destination] = (int(flags[destination]) | put) & ~clear

    def set_local(self, addresses: Collection[IPAddress]) -> None:
        """Which addresses are the director's own: packets for these go up its own stack."""
        self._local = frozenset(addresses)
        for destination in self._destinations.values():
            self._resolve(destination)

    def set_neighbour(self, address: IPAddress, neighbour: Neighbour | None) -> None:
        """How to reach a destination; None: no longer known (connections use the last way)."""
        if neighbour is None:
            self._neighbours.pop(address, None)
        else:
            self._neighbours[address] = neighbour
        for (_, server), destination in self._destinations.items():
            if server.address == address:
                self._resolve(destination)

    def _set_method(self, number: int, destination: Destination) -> None:
        methods.write(self._tables, number, destination)
        if destination.forwarding is Forwarding.MASQUERADING:
            self._masqueraded.add(number)
        elif destination.forwarding is Forwarding.TUNNEL:
            self._tables.live["tunnelled"] = 1
        self._resolve(number)

    def _resolve(self, destination: int) -> None:
        address = server_key(self._tables, destination).address
        local, resolved, reachable = (
            DestinationFlag.LOCAL,
            DestinationFlag.RESOLVED,
            DestinationFlag.REACHABLE,
        )
        forwarding, _ = methods.read(self._tables, destination)
        if address in self._local or forwarding is Forwarding.LOCAL:
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
        self._tables.destinations["source"][destination] = int(neighbour.source)
        overhead = methods.overhead(self._tables, destination)
        self._tables.destinations["mtu"][destination] = min(neighbour.mtu, 0xFFFF) - overhead
        self._set_flags(destination, put=resolved | reachable, clear=local)

    def empty_trash(self, now: int) -> None:
        """Frees removed destinations that nothing has referred to for two minutes.

        `now` in nanoseconds. Lists that were released before are free from now on, too.
        """
        self._extents.settle()
        tables = self._tables
        active, inactive = tables.connections()
        for destination in list(self._destinations.values()):
            flags = int(tables.destinations["flags"][destination])
            if flags & DestinationFlag.CONFIGURED or active[destination] or inactive[destination]:
                self._idle_since.pop(destination, None)
            elif now - self._idle_since.setdefault(destination, now) >= TRASH_PERIOD:
                self._free(destination)

    def _free(self, destination: int) -> None:
        tables = self._tables
        del self._destinations[self._identity(destination)]
        self._masqueraded.remove(destination)
        self._idle_since.pop(destination, None)
        service = int(tables.destinations["service"][destination])
        if service != _NO_SERVICE:
            counted = tables.counted()[destination] - tables.ledger["base"][destination]
            self._former(service)[...] += counted
        tables.destinations[destination] = np.zeros((), dtype=tables.destinations.dtype)


def _index_key(key: ServiceKey) -> bytes:
    return (
        key.address.packed + key.port.to_bytes(2, "big") + key.protocol.number.to_bytes(1) + b"\0"
    )


def _unsupported(service: Service) -> str | None:
    """Why the service cannot be served, if so."""
    reason = None
    if service.settings.scheduler not in SCHEDULERS:
        reason = f"schedule by {service.settings.scheduler} yet (it can by {', '.join(SCHEDULERS)})"
    elif service.key.mark:
        reason = "serve firewall marks (IPVS can)"
    elif service.key.address.version == 6:
        reason = "serve IPv6 yet"
    elif service.settings != Settings(service.settings.scheduler):
        reason = "do persistence, one-packet scheduling or scheduler flags yet"
    if reason is not None:
        return f"{service.key}: left out: the XDP dataplane cannot {reason}"
    return None
