"""A dataplane that holds what it is told and refuses what kernel IPVS does, but sees no packet.

Numbers that only packets can make are taken from golden listings: see `observe`.
"""

import errno
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from trimaran.dataplane.base import (
    Connection,
    Counters,
    Destination,
    DestinationView,
    Refused,
    ServiceView,
    Settings,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    DeleteService,
    EditDestination,
    EditService,
    Step,
)
from trimaran.model.service import Forwarding, ServerKey, ServiceKey

SCHEDULERS = {
    *("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh"),
    *("sh", "sed", "nq", "fo", "ovf", "mh", "none"),
}
ENGINES = {"", "sip"}


@dataclass
class FakeIpvs:
    """`dataplane.steps.Operator` in memory."""

    held: dict[ServiceKey, ServiceView] = field(default_factory=dict)
    entries: Sequence[Connection] = ()
    set_to: Timeouts = field(default_factory=Timeouts)
    daemons: list[SyncDaemon] = field(default_factory=list)

    # View

    def services(self) -> Sequence[ServiceView]:
        return list(self.held.values())

    def connections(self) -> Iterator[Connection]:
        return iter(self.entries)

    def timeouts(self) -> Timeouts:
        return self.set_to

    def connection_table_size(self) -> int:
        return 4096

    def sync_daemons(self) -> Sequence[SyncDaemon]:
        return sorted(self.daemons, key=lambda daemon: daemon.role is SyncRole.BACKUP)

    # Operator

    def execute(self, step: Step) -> None:
        if isinstance(step, AddService):
            refuse(errno.EEXIST, step.service in self.held)
            check_settings(step.settings)
            self.held[step.service] = ServiceView(step.service, step.settings)
            return
        refuse(errno.ESRCH, step.service not in self.held)
        view = self.held[step.service]
        present = {server.destination.key: server for server in view.destinations}
        match step:
            case EditService(_, settings):
                check_settings(settings)
                self.held[step.service] = replace(view, settings=settings)
                return
            case DeleteService():
                del self.held[step.service]
                return
            case AddDestination(key, destination):
                check_destination(key, destination)
                refuse(errno.EEXIST, destination.key in present)
                check_address(destination)
                present = {destination.key: DestinationView(destination), **present}
            case EditDestination(key, destination):
                check_destination(key, destination)
                refuse(errno.ENOENT, destination.key not in present)
                server = present[destination.key]
                present[destination.key] = replace(server, destination=destination)
            case DeleteDestination(_, server_key):
                refuse(errno.ENOENT, server_key not in present)
                del present[server_key]
        self.held[step.service] = replace(view, destinations=tuple(present.values()))

    def zero(self, service: ServiceKey | None) -> None:
        refuse(errno.ESRCH, service is not None and service not in self.held)

    def flush(self) -> None:
        self.held.clear()

    def set_timeouts(self, timeouts: Timeouts) -> None:
        present = self.set_to
        self.set_to = Timeouts(
            timeouts.tcp or present.tcp,
            timeouts.tcp_fin or present.tcp_fin,
            timeouts.udp or present.udp,
        )

    def start_sync(self, daemon: SyncDaemon) -> None:
        refuse(errno.EEXIST, any(running.role is daemon.role for running in self.daemons))
        refuse(errno.ENODEV, daemon.interface != "eth1")
        group = daemon.group or ip_address("224.0.0.81")
        self.daemons.append(
            replace(
                daemon,
                max_length=daemon.max_length or 1472,
                group=group,
                port=daemon.port or 8848,
                ttl=daemon.ttl or 1,
            )
        )

    def stop_sync(self, role: SyncRole) -> None:
        left = [running for running in self.daemons if running.role is not role]
        refuse(errno.ESRCH, len(left) == len(self.daemons))
        self.daemons = left

    # What packets do

    def observe(self, listing: str, hosts: dict[str, str]) -> None:
        """Take the counts of a golden listing for those of what is held here, or its entries.

        `hosts`: addresses by the names that the listing has instead.
        """
        for name, address in hosts.items():
            listing = re.sub(rf"(?<=[ \[]){re.escape(name)}(?=[\]:])", address, listing)
        if listing.startswith("IPVS connection entries"):
            self.entries = [_connection(line) for line in listing.splitlines()[2:]]
            return
        texts = {str(key): key for key in self.held}
        service: ServiceKey | None = None
        for words in map(str.split, listing.splitlines()):
            if words[0] == "->" and service is not None:
                self._count_server(service, words, listing)
            elif (key := texts.get(" ".join(words[:2]))) is not None:
                service = key
                if "InBytes" in listing or "InBPS" in listing:
                    counts = _counters(words[2:])
                    self.held[key] = replace(self.held[key], counters=counts, rates=counts)

    def _count_server(self, key: ServiceKey, words: list[str], listing: str) -> None:
        view = self.held[key]
        servers = list(view.destinations)
        keys = [str(server.destination.key) for server in servers]
        if words[1] not in keys:
            return
        place = keys.index(words[1])
        server = servers[place]
        if "InBytes" in listing or "InBPS" in listing:
            counts = _counters(words[2:])
            server = replace(server, counters=counts, rates=counts)
        else:
            active, inactive = map(int, words[-2:])
            server = replace(server, active_connections=active, inactive_connections=inactive)
        if "PersistConn" in listing:
            server = replace(server, persistent_connections=int(words[3]))
        servers[place] = server
        self.held[key] = replace(view, destinations=tuple(servers))


def refuse(number: int, condition: bool) -> None:
    if condition:
        raise Refused(number, "refused by the fake")


def check_settings(settings: Settings) -> None:
    refuse(errno.ENOENT, settings.scheduler not in SCHEDULERS)
    refuse(errno.ENOENT, settings.persistence_engine not in ENGINES)


def check_destination(service: ServiceKey, destination: Destination) -> None:
    other_family = destination.key.address.version != service.address.version
    refuse(errno.EINVAL, other_family and destination.forwarding is not Forwarding.TUNNEL)
    refuse(errno.ERANGE, destination.weight < 0)
    refuse(errno.ERANGE, destination.lower_threshold > destination.upper_threshold)


def check_address(destination: Destination) -> None:
    address = destination.key.address
    refuse(errno.EINVAL, address.is_multicast or address.is_unspecified)
    refuse(errno.EINVAL, address.version == 6 and address.is_link_local)


def _counters(words: list[str]) -> Counters:
    return Counters(*map(int, words))


def _connection(line: str) -> Connection:
    protocol, expires, state, client, virtual, chosen, *engine = line.split(maxsplit=7)
    minutes, seconds = expires.split(":")
    source, target = _server(client), _server(virtual)
    return Connection(
        protocol,
        source.address,
        source.port,
        target.address,
        target.port,
        _server(chosen),
        state,
        int(minutes) * 60 + int(seconds),
        *(engine or ("", "")),
    )


def _server(text: str) -> ServerKey:
    address, _, port = text.rpartition(":")
    port = {"http": "80"}.get(port, port)
    return ServerKey(ip_address(address.strip("[]")), int(port))
