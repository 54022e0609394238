"""Services and destinations in the program's tables, and how they are changed.

A packet sees all of a change or nothing (see `lists`). The record of a removed destination stays
for as long as connections refer to it (IPVS's trash, ipvs-semantics 1.8): added again, it gets them
and its counters back. When room is short, records that no connection refers to go at once.
What finds no room even so, or cannot be done, is left out; everything else is applied.
"""

import errno
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

import numpy as np

from trimaran.dataplane.applied import Applied
from trimaran.dataplane.base import (
    Destination,
    Refused,
    Service,
    Settings,
)
from trimaran.dataplane.difference import difference
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    DeleteService,
    EditDestination,
    EditService,
    Step,
)
from trimaran.dataplane.xdp import libbpf, methods
from trimaran.dataplane.xdp.addresses import KEY_SIZES, index_key, stored
from trimaran.dataplane.xdp.admission import admit
from trimaran.dataplane.xdp.layout import DestinationFlag
from trimaran.dataplane.xdp.limits import SCHEDULERS, unsupported
from trimaran.dataplane.xdp.lists import HASHING, Lists
from trimaran.dataplane.xdp.masquerade import MasqueradeIndex
from trimaran.dataplane.xdp.records import (
    ONE_PACKET,
    PERSISTENT,
    identity,
    read_service,
    server_key,
    service_key,
    set_flags,
)
from trimaran.dataplane.xdp.tables import Records, Tables
from trimaran.dataplane.xdp.vacancies import Vacancies
from trimaran.dataplane.xdp.ways import Ways
from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.service import Forwarding, ServerKey, ServiceKey

TRASH_PERIOD: Final = 120 * SECOND
_NO_SERVICE: Final = 0xFFFFFFFF


class Editor:
    """The only writer of services and destinations."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.ways = Ways(tables)
        self.prepare: Callable[[Iterable[ServiceKey]], list[str]] = lambda services: []
        """Called with the services that are about to be added or changed; lines for the log."""
        self._services: dict[ServiceKey, int] = {}
        self._destinations: dict[tuple[ServiceKey, ServerKey], int] = {}
        self._of_service: dict[int, set[int]] = {}
        self._applied = Applied()
        self._idle_since: dict[int, int] = {}
        self._reclaimable: list[int] | None = None
        self._left_out: list[str] = []
        configured, used = tables.services["configured"], tables.destinations["flags"]
        for service in np.flatnonzero(configured).tolist():
            self._services[service_key(tables, service)] = service
        for destination in np.flatnonzero(used).tolist():
            service_and_server = identity(tables, destination)
            self._destinations[service_and_server] = destination
            self.ways.enter(destination, service_and_server[1].address)
            self.ways.recall(destination)
            service = int(tables.destinations["service"][destination])
            if service != _NO_SERVICE:
                self._of_service.setdefault(service, set()).add(destination)
        self._free_services = Vacancies(np.flatnonzero(configured == 0).tolist())
        self._free_destinations = Vacancies(np.flatnonzero(used == 0).tolist())
        self._lists = Lists(tables, self.services())
        self._masqueraded = MasqueradeIndex(tables)
        self._repair_index()

    def _repair_index(self) -> None:
        """After a crash between two writes: the index holds just the configured services."""
        for version, index in self._tables.service_ids.items():
            wanted = {_index_key(key) for key in self._services if key.address.version == version}
            for present in list(libbpf.keys(index, KEY_SIZES[version])):
                if present not in wanted:
                    libbpf.delete(index, present)
        for key, service in self._services.items():
            self._put_into_index(key, service)
        services, live = self._tables.services[self.services()], self._tables.live
        live["wildcards"] = np.count_nonzero(services["port"] == 0)
        live["persistent"] = np.count_nonzero(services["flags"] & PERSISTENT)
        live["services"] = len(services)

    def _put_into_index(self, key: ServiceKey, service: int) -> None:
        index = self._tables.service_ids[key.address.version]
        libbpf.update(index, _index_key(key), service.to_bytes(4, "little"))

    def _count_service(self, service: int, change: int) -> None:
        """One more or less (1, -1), and of the kinds that cost a packet a second look."""
        record = self._tables.services[service]
        self._count("services", change)
        self._count("wildcards", change * (record["port"] == 0))
        self._count("persistent", change * (int(record["flags"]) & PERSISTENT))

    def _count(self, name: str, change: int) -> None:
        live = self._tables.live
        live[name] = int(live[name]) + int(change)

    def services(self) -> list[int]:
        """Records of the configured services."""
        return list(self._services.values())

    def destinations(self) -> Mapping[tuple[ServiceKey, ServerKey], int]:
        """Records of all destinations, also of those in the trash."""
        return self._destinations

    def masqueraded(self) -> set[IPAddress]:
        """Addresses of the servers whose replies must come by here."""
        flags = self._tables.destinations["flags"] & DestinationFlag.MASQUERADED
        return {
            server_key(self._tables, destination).address
            for destination in np.flatnonzero(flags).tolist()
        }

    def left_out(self) -> Sequence[str]:
        """A line for each service and destination that the last `apply` had to leave out."""
        return tuple(self._left_out)

    def apply(self, services: Sequence[Service]) -> list[str]:
        """Makes the services so, as far as there is room; a line for each step taken, and for
        each thing left out that was not left out before."""
        before = set(self._left_out)
        changed, gone = self._unlike(services)
        self._applied.forget()
        cannot = {s.key: why for s in changed if (why := unsupported(s)) is not None}
        wanted = [service for service in changed if service.key not in cannot]
        gone += [key for key in cannot if key in self._services]
        prepared = self.prepare(service.key for service in wanted)
        steps = self._approach(wanted, gone)
        if self._left_out and any(isinstance(s, DeleteService | DeleteDestination) for s in steps):
            # New comes before old: now that the old is gone there may be room for the rest.
            steps += self._approach(wanted)
        self._left_out += [f"{key}: left out: {why}" for key, why in cannot.items()]
        if not self._left_out:
            self._applied.settle(services)
        left_out = [line for line in self._left_out if line not in before]
        return [*prepared, *map(str, steps), *left_out]

    def _unlike(self, services: Sequence[Service]) -> tuple[list[Service], list[ServiceKey]]:
        """Which may not be so in the tables, and are to be looked at; and which are to go."""
        found = self._applied.compare(services)
        if found is not None:
            return found
        wanted = {service.key for service in services}
        return [*services], [key for key in self._services if key not in wanted]

    def execute(self, step: Step) -> None:
        """Takes one step, or raises `Refused`, as IPVS does (see `admission`)."""
        key = step.service
        number = self._services.get(key)
        present = None if number is None else read_service(self._tables, number)
        admit(step, present)
        self._applied.forget()
        if isinstance(step, DeleteService):
            self._delete_service(key)
            return
        self.prepare([key])
        self._reclaimable = None
        before, self._left_out = self._left_out, []
        # The list is newest first; what is desired, in order of adding.
        desired = [*reversed(present.destinations)] if present is not None else []
        if isinstance(step, AddDestination):
            desired.append(step.destination)
        taken = self._change_service(key, [step], desired)
        (why,), self._left_out = self._left_out or [""], before
        if not taken:
            raise Refused(errno.ENOSPC, why)

    def number(self, key: ServiceKey) -> int | None:
        """The record of a configured service."""
        return self._services.get(key)

    def _approach(self, services: Sequence[Service], gone: Sequence[ServiceKey] = ()) -> list[Step]:
        """Takes those steps from what is to the services for which there is room."""
        self._left_out = []
        self._reclaimable = None
        actual = [
            read_service(self._tables, self._services[service.key])
            for service in services
            if service.key in self._services
        ]
        actual += [Service(key) for key in gone]
        desired = {service.key: service.destinations for service in services}
        taken: list[Step] = []
        for key, steps in groupby(difference(services, actual), key=attrgetter("service")):
            changes = list(steps)
            if isinstance(changes[0], DeleteService):
                self._delete_service(key)
                taken += changes
            else:
                taken += self._change_service(key, changes, desired[key])
        return taken

    def _leave_out(self, what: str, lacking: str, in_use: int) -> None:
        self._left_out.append(
            f"{what} left out: no room for another {lacking} in the XDP dataplane ({in_use} in use)"
        )

    def _change_service(
        self, key: ServiceKey, changes: Sequence[Step], desired: Sequence[Destination]
    ) -> list[Step]:
        """Takes the steps that there is room for; which."""
        new = key not in self._services
        service = self._add_service(key) if new else self._services[key]
        if service is None:
            self._leave_out(f"{key}:", "service", len(self._tables.services))
            return []
        before = [] if new else self._tables.order(service)
        taken: list[Step] = []
        added: list[int] = []
        edited: dict[int, Destination] = {}
        gone: set[int] = set()
        settings: Settings | None = None
        for step in changes:
            match step:
                case AddService() | EditService():
                    settings = step.settings
                case AddDestination(_, destination):
                    record = self._add_destination(service, key, destination)
                    if record is None:
                        in_use = len(self._tables.destinations)
                        self._leave_out(f"{key}: server {destination.key}", "real server", in_use)
                        continue
                    added.insert(0, record)
                case EditDestination(_, destination):
                    edited[self._destinations[key, destination.key]] = destination
                case DeleteDestination(_, server):
                    gone.add(self._destinations[key, server])
            taken.append(step)
        for record, destination in edited.items():
            self._set_parameters(record, destination)
            self._set_method(record, destination)
        fresh = settings is not None and self._set_settings(service, settings, new=new)
        combined = added + before
        if self._tables.services["scheduler"][service] in HASHING:
            # Directors of one configuration shall have one table, whatever came when.
            rank = {destination.key: place for place, destination in enumerate(desired)}
            keys = {record: server_key(self._tables, record) for record in combined}
            combined.sort(key=lambda record: rank.get(keys[record], -1), reverse=True)
        if not self._lists.write(service, combined, gone, fresh=new or fresh):
            self._take_back(key, service if new else None, added)
            in_use = len(self._tables.members)
            self._leave_out(f"{key}: change", "list of real servers", in_use)
            return []
        for record in gone:
            set_flags(self._tables, record, clear=DestinationFlag.CONFIGURED)
        if new:
            self._count_service(service, 1)
            self._tables.services["configured"][service] = 1
            self._put_into_index(key, service)
        return taken

    def _set_settings(self, service: int, settings: Settings, *, new: bool) -> bool:
        """True if the scheduler is another one now."""
        record = self._tables.services[service]
        scheduler = SCHEDULERS.index(settings.scheduler)
        flags = settings.flags | (ONE_PACKET if settings.one_packet else 0)
        if settings.persistence is not None:
            record["netmask"] = settings.persistence.netmask
            record["timeout"] = settings.persistence.timeout
            flags |= PERSISTENT
        if not new:
            was_persistent = int(record["flags"]) & PERSISTENT
            self._count("persistent", (flags & PERSISTENT) - was_persistent)
        record["flags"] = flags
        changed = bool(record["scheduler"] != scheduler)
        record["scheduler"] = scheduler
        return changed

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

    def _take_back(self, key: ServiceKey, new: int | None, added: Sequence[int]) -> None:
        """Undoes the adding of destinations, and of their service if that is `new`."""
        for destination in added:
            set_flags(self._tables, destination, clear=DestinationFlag.CONFIGURED)
            if new is not None:
                self._tables.destinations["service"][destination] = _NO_SERVICE
        if new is not None:
            self._of_service.pop(new, None)
            self._free_services.give_back(self._services.pop(key))

    def _add_service(self, key: ServiceKey) -> int | None:
        service = self._free_services.take()
        if service is None:
            return None
        record = self._tables.services[service]
        record["list"] = 0
        record["turn"] = 0
        record["flags"] = 0
        record["address"] = stored(key.address)
        record["version"] = key.address.version
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
        libbpf.delete(tables.service_ids[key.address.version], _index_key(key))
        tables.services["configured"][service] = 0
        self._count_service(service, -1)
        self._free_services.give_back(service)
        self._lists.release(service)
        # What it counted stays in the total; a service made anew counts from zero.
        members = list(self._of_service.pop(service, ()))
        counted = tables.counted(members) - tables.ledger["base"][members]
        tables.ledger["base"][-1] += self._former(service) + counted.sum(axis=0)
        for destination in members:
            set_flags(self._tables, destination, clear=DestinationFlag.CONFIGURED)
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
        elif tables.destinations["service"][number] != service:
            tables.ledger["base"][number] = tables.counted(number)
        tables.destinations["service"][number] = service
        self._of_service.setdefault(service, set()).add(number)
        tables.ledger["share"][number] = 0  # also of one that comes back
        self._set_parameters(number, destination)
        self._idle_since.pop(number, None)
        self._set_method(number, destination)
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
        self._destinations[key, server] = number
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

        `now` in nanoseconds. Lists that were released before are free from now on, too.
        """
        self._lists.settle()
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
        del self._destinations[identity(tables, destination)]
        self.ways.leave(destination)
        self._masqueraded.remove(destination)
        self._idle_since.pop(destination, None)
        service = int(tables.destinations["service"][destination])
        if service != _NO_SERVICE:
            self._of_service[service].discard(destination)
            counted = tables.counted(destination) - tables.ledger["base"][destination]
            self._former(service)[...] += counted
        tables.destinations[destination] = 0
        # Whoever has the record next begins to count here.
        tables.ledger[destination] = 0
        tables.ledger["base"][destination] = tables.counted(destination)
        self._free_destinations.give_back(destination)


def _index_key(key: ServiceKey) -> bytes:
    return index_key(key.address, key.port, key.protocol.number)
