"""The XDP dataplane, as the daemon drives it."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from trimaran.dataplane.base import DataplaneError, Service
from trimaran.dataplane.steps import Step
from trimaran.dataplane.xdp import attach, layout, libbpf
from trimaran.dataplane.xdp.addresses import address_in
from trimaran.dataplane.xdp.attach import Attachment, Link
from trimaran.dataplane.xdp.capacity import NO_FLOWS, Capacity
from trimaran.dataplane.xdp.complaints import Complaints
from trimaran.dataplane.xdp.layout import Event
from trimaran.dataplane.xdp.limits import FEWEST_CONNECTIONS, MOST_CONNECTIONS
from trimaran.dataplane.xdp.loader import Loaded, attached_programs, load
from trimaran.dataplane.xdp.operator import XdpOperator
from trimaran.dataplane.xdp.statistics import Estimators
from trimaran.dataplane.xdp.told import Told, enter
from trimaran.model.ip import IPAddress
from trimaran.model.service import ServerKey, ServiceKey
from trimaran.sync.record import Record

_USUAL = Capacity()


class XdpDataplane(XdpOperator):
    """`dataplane.base.Dataplane` by our own program. One process at a time may own it."""

    def __init__(self, loaded: Loaded) -> None:
        super().__init__(loaded.tables)
        self._loaded = loaded
        self._editor.prepare = self._make_room
        self._estimators = Estimators(loaded.tables)
        self._attachments: dict[str, Attachment] = {}
        self._indices: dict[str, int] = {}
        self._any_mac: frozenset[str] = frozenset()
        self._number = libbpf.program_info(self.program).id
        self._missing_checksums = self.events()[Event.CHECKSUM_OFFLOADED]
        self._told = Told(loaded.tables)
        self._round = 0
        self._sweep()  # which also sets the clock that everything here reads
        self._complaints = Complaints(self.events())

    @classmethod
    def open(  # type: ignore[override]
        cls, capacity: Capacity = _USUAL, *, log: Callable[[str], None]
    ) -> "XdpDataplane":
        """Loads the program, and takes over from one that is attached in this namespace.

        `capacity`: what to have room for. Interfaces with an older program get this one in one
        step, keeping all connections if it had room for as much.
        """
        flows = capacity.flows
        if not FEWEST_CONNECTIONS <= flows <= MOST_CONNECTIONS or flows & (flows - 1):
            raise DataplaneError(f"{flows} connections: must be a power of two, 16 to 2^26")
        before = list(attached_programs())
        loaded = load(capacity, log)
        plane = cls(loaded)
        for interface, _ in before:
            plane.attach(interface)
        log(
            f"XDP dataplane: room for {flows} connections, {loaded.capacity.services} services "
            f"and {loaded.capacity.destinations} real servers in {loaded.memory >> 20} MiB, "
            + ("taken over with what it held" if loaded.adopted else "empty")
        )
        return plane

    @property
    def program(self) -> int:
        """Descriptor of the program, for test runs."""
        return self._loaded.programs.main

    def attach(self, interface: str, *, force: bool = False) -> Attachment:
        """Puts the program on an interface, native if that works, else generic; idempotent.

        `force`: in place of another's program, too.
        """
        index = attach.read_link(interface).index
        if self._indices.get(interface) != index:
            programs, tables = self._loaded.programs, self._loaded.tables
            attached = attach.attach(interface, programs, tables, force=force)
            self._attachments[interface] = attached
            self._indices[interface] = index
            self._describe(attach.read_link(interface), attached.mode)
        return self._attachments[interface]

    def take_any_mac(self, interfaces: Iterable[str]) -> None:
        """On these interfaces take frames to any MAC address: the program knows one, and there
        are devices on them that have others. What counts is that the address is held here."""
        self._any_mac = frozenset(interfaces)
        for name, attachment in self._attachments.items():
            with suppress(DataplaneError):
                self._describe(attach.read_link(name), attachment.mode)

    def _describe(self, link: Link, mode: str) -> None:
        attach.describe(link, mode, self._loaded.tables, any_mac=link.name in self._any_mac)

    def detach(self, interface: str) -> None:
        """Takes the program off an interface; nothing if it is not there. Others' stay."""
        present = self._attachments.pop(interface, None)
        if present is not None:
            attach.detach(interface, present.mode, self.program)
            attach.forget(self._indices.pop(interface), self._loaded.tables)

    def attachments(self) -> dict[str, Attachment]:
        """Interfaces with the program, and how."""
        return dict(self._attachments)

    def apply(self, services: Sequence[Service]) -> Sequence[str]:
        """As `Dataplane.apply`. What cannot be served is left out, with a line the first time;
        everything else is applied."""
        lines = self._editor.apply(services)
        self._expire_with(lines)
        return lines

    def execute(self, step: Step) -> None:
        """As `Operator`."""
        super().execute(step)
        self._expire_with([step])

    def _make_room(self, services: Iterable[ServiceKey]) -> list[str]:
        """With the first service of IPv6 its connections get a table as large as IPv4's; a line
        for the log if that is now. A program with the larger one takes the other's place."""
        loaded = self._loaded
        if loaded.capacity.flows6 > NO_FLOWS or all(s.address.version == 4 for s in services):
            return []
        wanted = replace(loaded.capacity, flows6=loaded.capacity.flows)
        try:
            larger = load(wanted, lambda line: None, loaded.tables.descriptors())
        except DataplaneError as error:
            return [f"no room for IPv6 connections: they are forwarded by hash: {error}"]
        loaded.tables.replace_flows6(os.dup(larger.source.map_descriptor("flows6")))
        larger.tables.close()
        loaded.source.close()
        self._loaded = replace(larger, tables=loaded.tables)
        self._number = libbpf.program_info(self.program).id
        for name in self._attachments:
            self._attachments[name] = attach.attach(name, larger.programs, loaded.tables)
            self._describe(attach.read_link(name), self._attachments[name].mode)
        more = larger.memory - loaded.memory >> 20
        return [f"XDP dataplane: room for {wanted.flows6} IPv6 connections in {more} MiB more"]

    def _expire_with(self, changes: Sequence[object]) -> None:
        """`expire_nodest_conn` ends connections at once, not only when a server comes back."""
        if changes and self.behaviour().expire_nodest_conn:
            self._sweep()

    def left_out(self) -> Sequence[str]:
        """What the last `apply` had to leave out: the same `apply` later may find room."""
        return self._editor.left_out()

    def connections_of(
        self, servers: Iterable[tuple[ServiceKey, ServerKey]]
    ) -> dict[tuple[ServiceKey, ServerKey], int]:
        """How many connections these have, active and inactive."""
        active, inactive = self.tables.connections()
        records = self._editor.servers.records
        return {
            one: int(active[records[one]]) + int(inactive[records[one]]) if one in records else 0
            for one in servers
        }

    def set_icmp_rate(self, per_second: int) -> None:
        """How many ICMP errors each CPU may send a second."""
        self._loaded.tables.live["icmp_per_second"] = per_second

    def changes(self) -> Iterator[Record]:
        """Connections that other directors should be told of now."""
        return self._told.changes()

    def tell_all_again(self) -> None:
        """The next `changes` are all connections."""
        self._told.forget()

    def enter(self, records: Iterable[Record]) -> int:
        """Enter connections that another director has; how many could be."""
        program = self._loaded.programs.enter
        return enter(self._loaded.tables, program, records, self._editor.servers.records)

    def masqueraded(self) -> set[IPAddress]:
        """Servers behind masquerading: where they are reached by, the program must be, too."""
        return self._editor.servers.masqueraded()

    def unresolved_hop(self) -> tuple[int, IPAddress] | None:
        """Interface and address of a next hop that a reply found no MAC address of, lately."""
        hop = self.tables.live["unresolved_hop"]
        interface, version = int(hop["interface"]), int(hop["version"])
        if not interface:
            return None
        address = address_in(hop["address"], version)
        hop["interface"] = 0
        return interface, address

    def poll(self, now_ns: int) -> Sequence[str]:
        """To be called every second: expiry, rates, trash, interfaces; lines for the log."""
        self._sweep()
        self._editor.empty_trash(now_ns)
        self._estimators.poll(now_ns)
        return [
            *self._refresh_interfaces(),
            *self._fall_back_if_needed(),
            *self._complaints.about(
                self.events(),
                [n for n, a in self._attachments.items() if a.mode == attach.GENERIC],
            ),
        ]

    def _sweep(self) -> int:
        """Clears expired entries; how many."""
        request = np.zeros((), dtype=layout.SWEEP)
        request["round"] = self._round = self._round + 1 & 0xFFFFFFFF
        expired = 0
        for version, buckets in self._loaded.tables.buckets.items():
            request["version"], request["buckets"] = version, buckets
            answer = libbpf.run(self._loaded.programs.sweep, context=request.tobytes()).context
            expired += int(np.frombuffer(answer, dtype=layout.SWEEP)[0]["expired"])
        return expired

    def _refresh_interfaces(self) -> list[str]:
        """Follows changes of MAC address and MTU; notices where our program is no more."""
        lines = []
        for name, attachment in list(self._attachments.items()):
            try:
                link = attach.read_link(name)
                present = libbpf.xdp_query(link.index)[0]
                known = link.index == self._indices[name]
            except DataplaneError:
                present, known = 0, False
            if known and present == self._number:
                self._describe(link, attachment.mode)
                continue
            self._forget(name)
            lines.append(
                f"interface {name}: another XDP program (number {present}) took the place of "
                "trimaran's"
                if known and present
                else f"interface {name}: gone, or the XDP program was taken off it"
            )
        return lines

    def _forget(self, interface: str) -> None:
        del self._attachments[interface]
        attach.forget(self._indices.pop(interface), self._loaded.tables)

    def _fall_back_if_needed(self) -> list[str]:
        missing = self.events()[Event.CHECKSUM_OFFLOADED]
        if missing == self._missing_checksums:
            return []
        self._missing_checksums = missing
        lines = []
        reason = "senders leave checksums to hardware that is not there (ethtool -K DEV tx off)"
        for name, attachment in list(self._attachments.items()):
            verifying = self._loaded.tables.live["interfaces"]["verify_checksums"]
            if attachment.mode == attach.NATIVE and verifying[self._indices[name] % len(verifying)]:
                programs, tables = self._loaded.programs, self._loaded.tables
                try:
                    self._attachments[name] = attach.fall_back(name, programs, tables, reason)
                    self._describe(attach.read_link(name), attach.GENERIC)
                except DataplaneError as error:
                    self._forget(name)
                    lines.append(f"interface {name}: no XDP program any more: {error}")
                    continue
                lines.append(f"interface {name}: XDP in generic mode from now on: {reason}")
        return lines

    def close(self, *, remove: bool) -> None:
        """Ends ownership. `remove`: takes the program off everywhere, and all ends with it;
        else forwarding goes on, and the next `open` takes over."""
        if remove:
            for interface in list(self._attachments):
                self.detach(interface)
        self._loaded.tables.close()
        self._loaded.source.close()
