"""Services and destinations in the program's tables, and how they are changed.

A packet sees all of a change or nothing (see `lists`). What finds no room, or cannot be done, is
left out; everything else is applied.
"""

import errno
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv6Address
from itertools import groupby
from operator import attrgetter

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
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.addresses import (
    KEY_SIZES,
    index_key,
    native,
    number_after,
    service_bit,
    stored,
)
from trimaran.dataplane.xdp.admission import admit
from trimaran.dataplane.xdp.layout import DestinationFlag
from trimaran.dataplane.xdp.limits import SCHEDULERS, unsupported
from trimaran.dataplane.xdp.lists import HASHING, Lists
from trimaran.dataplane.xdp.records import (
    ONE_PACKET,
    PERSISTENT,
    read_service,
    server_key,
    service_key,
    set_flags,
)
from trimaran.dataplane.xdp.servers import Servers, former
from trimaran.dataplane.xdp.tables import Tables
from trimaran.dataplane.xdp.vacancies import Vacancies
from trimaran.model.service import ServiceKey


class Editor:
    """The only writer of services and destinations."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.servers = Servers(tables)
        self.prepare: Callable[[Iterable[ServiceKey]], list[str]] = lambda services: []
        """Called with the services that are about to be added or changed; lines for the log."""
        self._services: dict[ServiceKey, int] = {}
        self._applied: Applied[Service] = Applied()
        self._left_out: list[str] = []
        configured = tables.services["configured"]
        for service in np.flatnonzero(configured).tolist():
            self._services[service_key(tables, service)] = service
        self._free_services = Vacancies(np.flatnonzero(configured == 0).tolist())
        self._lists = Lists(tables, self.services())
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
        self._put_into_filter(key)
        index = self._tables.service_ids[key.address.version]
        libbpf.update(index, _index_key(key), service.to_bytes(4, "little"))

    def _put_into_filter(self, key: ServiceKey) -> None:
        """For good: connections outlive their service. One of all ports fills it."""
        live = self._tables.live
        if not key.port:
            live["service_filter"][:] = ~np.uint32(0)
            return
        number = (
            number_after(int(live["hash_seed"]), key.address)
            if isinstance(key.address, IPv6Address)
            else native(key.address)
        )
        bit = service_bit(number, key.port, key.protocol.number)
        live["service_filter"][bit >> 5] |= np.uint32(1 << (bit & 31))

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
        self.servers.begin()
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
        self.servers.begin()
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
                    record = self.servers.add(service, key, destination)
                    if record is None:
                        in_use = len(self._tables.destinations)
                        self._leave_out(f"{key}: server {destination.key}", "real server", in_use)
                        continue
                    added.insert(0, record)
                case EditDestination(_, destination):
                    edited[self.servers.records[key, destination.key]] = destination
                case DeleteDestination(_, server):
                    gone.add(self.servers.records[key, server])
            taken.append(step)
        for record, destination in edited.items():
            self.servers.change(record, destination)
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

    def _take_back(self, key: ServiceKey, new: int | None, added: Sequence[int]) -> None:
        """Undoes the adding of destinations, and of their service if that is `new`."""
        for destination in added:
            set_flags(self._tables, destination, clear=DestinationFlag.CONFIGURED)
        if new is not None:
            self.servers.leave(new)
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
        tables.ledger["base"][-1] += former(tables, service) + self.servers.leave(service)

    def empty_trash(self, now: int) -> None:
        """As `Servers`. Lists that were released before are free from now on, too."""
        self._lists.settle()
        self.servers.empty_trash(now)


def _index_key(key: ServiceKey) -> bytes:
    return index_key(key.address, key.port, key.protocol.number)
