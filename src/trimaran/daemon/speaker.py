"""The speaker: VRRP and nothing else, at real-time priority, with its memory locked.

Every decision is a state machine's (`trimaran.vrrp.machine`); this process only brings it
packets, instants and news of the interfaces, and carries out what it asks for. Advertisements
leave from here at once. Everything that takes time waits in a `Holder`'s queue.
"""

import asyncio
import gc
import logging
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from pyroute2 import AsyncIPRoute

from trimaran.daemon.child import Send
from trimaran.daemon.holding import Holder, Holdings
from trimaran.daemon.messages import (
    AddressesHeld,
    ConfigureSpeaker,
    RoutersStatus,
    RouterStatus,
    ToChild,
    TrackerReadings,
    Unserved,
)
from trimaran.daemon.realtime import become_realtime, keep_collector_away
from trimaran.daemon.tasks import spawn
from trimaran.daemon.timerfd import TimerFd
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import Reading, Readings, Tracker, TrackerKind
from trimaran.net import links
from trimaran.net.errors import NetError
from trimaran.net.links import Link
from trimaran.net.vrrp_socket import VrrpSocket
from trimaran.vrrp import events, packet, tracking
from trimaran.vrrp.actions import (
    Action,
    PriorityChanged,
    SendAdvertisement,
    State,
    StateChanged,
    Warn,
)
from trimaran.vrrp.group import Group
from trimaran.vrrp.machine import Machine

log = logging.getLogger("speaker")

Key = tuple[str, int]
"""What identifies a virtual router on this director: interface and VRID."""

_STATUS_SECONDS = 1.0
_COLLECT_EVERY = 10 * SECOND
_COLLECT_SLACK = 200 * MILLISECOND


@dataclass(slots=True)
class _Station:
    """One virtual router on this director: its machine, and the hands that do its slow work."""

    router: VirtualRouter
    machine: Machine
    holder: Holder
    interface_told: events.Event | None = None
    readings_told: Readings = field(default_factory=dict)
    worst_lateness: int = 0


class Speaker:
    """Body of the speaker process."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._holdings = Holdings(send)
        self._stations: dict[Key, _Station] = {}
        self._links: dict[str, Link] = {}
        self._sockets: dict[str, tuple[int, VrrpSocket]] = {}
        self._unknown_vrids: set[Key] = set()
        self._timer = TimerFd()
        self._collected = time.monotonic_ns()
        self._tasks: list[asyncio.Task[None]] = []
        self._departing: set[asyncio.Task[None]] = set()
        self._unserved: dict[str, str] = {}
        self._readings: Readings = {}
        self._groups: dict[str, Group] = {}
        self._unsettled: set[str] = set()
        self._report_due = False

    async def start(self) -> None:
        for refusal in become_realtime():
            log.warning("not to be had: %s; advertisements may be late under load", refusal)
        asyncio.get_running_loop().add_reader(self._timer.fileno(), self._timer_fired)
        self._netlink = AsyncIPRoute()
        await self._netlink.setup_endpoint()
        self._links = {link.name: link for link in (await links.links(self._netlink)).values()}
        self._tasks = [
            spawn(self._watch_links(), "watch links"),
            spawn(self._report_regularly(), "report"),
        ]
        keep_collector_away()

    def handle(self, message: ToChild) -> None:
        match message:
            case ConfigureSpeaker(routers, resumed):
                self._configure(routers, frozenset(resumed))
            case AddressesHeld(number):
                self._holdings.heard(number)
            case TrackerReadings(readings):
                self._readings = {one.tracker: one.value for one in readings}
                for station in self._stations.values():
                    self._tell_of_surroundings(station)
                self._settle()
            case Unserved(interfaces):
                self._unserved = interfaces
                for station in self._stations.values():
                    self._tell_of_surroundings(station)
                self._settle()

    async def stop(self, *, orphaned: bool) -> None:
        """Advertise priority 0 and remove the addresses."""
        stations = list(self._stations.values())
        for station in stations:
            self._tell(station, events.Shutdown())
        await asyncio.gather(*(station.holder.finish() for station in stations))

    # Configuration

    def _configure(self, routers: tuple[VirtualRouter, ...], resumed: frozenset[Key]) -> None:
        wanted = {(router.interface, router.vrid): router for router in routers}
        for key in self._stations.keys() - wanted.keys():
            gone = self._stations.pop(key)
            self._tell(gone, events.Shutdown())
            departing = spawn(gone.holder.finish(), f"let go of {gone.router.name}")
            self._departing.add(departing)
            departing.add_done_callback(self._departing.discard)
        self._open_sockets({interface for interface, _ in wanted})
        for key, router in wanted.items():
            station = self._stations.get(key)
            if station is None:
                self._add(key, router, was_master=key in resumed)
            elif station.router != router:
                station.router = router
                self._tell(station, events.Reconfigured(router))
        self._settle()
        self._report_soon()

    def _add(self, key: Key, router: VirtualRouter, *, was_master: bool) -> None:
        holder = Holder(
            router.name, self._netlink, self._holdings, self._links.get, frozenset(self._departing)
        )
        station = _Station(router, Machine(router), holder)
        self._stations[key] = station
        self._tell_of_surroundings(station)
        self._tell(station, events.Started(was_master))

    def _open_sockets(self, needed: set[str]) -> None:
        """One socket for each interface that virtual routers are on, and none besides."""
        loop = asyncio.get_running_loop()
        for interface, (index, old) in list(self._sockets.items()):
            link = self._links.get(interface)
            if interface not in needed or link is None or link.index != index:
                loop.remove_reader(old.fileno())
                old.close()
                del self._sockets[interface]
        for interface in needed - self._sockets.keys():
            link = self._links.get(interface)
            if link is None:
                continue
            try:
                new = VrrpSocket(interface, link.index)
            except NetError as error:
                log.error("%s", error)
                continue
            self._sockets[interface] = (link.index, new)
            loop.add_reader(new.fileno(), self._receive, interface)

    # Interfaces

    async def _watch_links(self) -> None:
        async for change in links.watch(self._netlink):
            if change.before is not None:
                self._links.pop(change.before.name, None)
            if change.after is not None:
                self._links[change.after.name] = change.after
            self._open_sockets({interface for interface, _ in self._stations})
            for station in self._stations.values():
                self._tell_of_surroundings(station)
                self._miss_addresses(station, change)
                if change.before and change.after and change.before.mac != change.after.mac:
                    station.holder.announce_again(change.after.name)
            self._settle()

    def _tell_of_surroundings(self, station: _Station) -> None:
        router = station.router
        # An owner's virtual address may well be the interface's own (RFC 9568, 1.7).
        owner = router.priority == packet.OWNER_PRIORITY
        virtual = set() if owner else {address.address for address in router.addresses}
        link = self._links.get(router.interface)
        primary = link.primary(virtual) if link is not None else None
        event: events.InterfaceUp | events.InterfaceDown
        if link is None:
            event = events.InterfaceDown(f"interface {router.interface} does not exist")
        elif not link.up and router.track_primary:
            event = events.InterfaceDown(f"interface {router.interface} is down")
        elif primary is None:
            besides = " besides virtual ones" if link.addresses else ""
            text = f"interface {router.interface} has no IPv4 address{besides}"
            event = events.InterfaceDown(text)
        elif reason := self._unserved.get(router.interface):
            event = events.InterfaceDown(f"the dataplane cannot serve: {reason}")
        else:
            event = events.InterfaceUp(primary)
        if event != station.interface_told:
            station.interface_told = event
            self._tell(station, event)
        readings = {
            tracker: self._read(tracker)
            for tracker in (track.tracker for track in tracking.watched(router))
        }
        if readings != station.readings_told:
            station.readings_told = readings
            self._tell(station, events.TrackersChanged(readings))

    def _read(self, tracker: Tracker) -> Reading:
        """What is known of a tracker: of interfaces here, of all others by the steward."""
        if tracker.kind is not TrackerKind.INTERFACE:
            return self._readings.get(tracker)
        link = self._links.get(tracker.name)
        return link is not None and link.up

    def _miss_addresses(self, station: _Station, change: links.Change) -> None:
        """Tell the machine of addresses that somebody took away, unless it let them go itself."""
        if change.before is None or change.after is None or not change.after.up:
            return
        gone = {a.address for a in change.before.addresses} - {
            a.address for a in change.after.addresses
        }
        for address in gone:
            if station.holder.holds(change.after.name, address):
                self._tell(station, events.AddressMissing(address))

    # Packets and timers

    def _receive(self, interface: str) -> None:
        socket = self._sockets.get(interface)
        if socket is None:
            return
        try:
            datagrams = socket[1].receive()
        except NetError as error:
            log.warning("%s", error)
            return
        for datagram in datagrams:
            heard = packet.decode(datagram)
            station = self._stations.get((interface, heard.vrid or 0))
            if station is not None:
                self._tell(station, heard)
            elif heard.vrid is not None and (interface, heard.vrid) not in self._unknown_vrids:
                self._unknown_vrids.add((interface, heard.vrid))
                log.info("%s: %s advertises VRID %d", interface, heard.sender, heard.vrid)
        self._settle()

    def _timer_fired(self) -> None:
        self._timer.clear()
        # What has arrived before the deadline counts, however late this process is.
        for interface in list(self._sockets):
            self._receive(interface)
        now = time.monotonic_ns()
        for station in self._stations.values():
            deadline = station.machine.deadline()
            if deadline is not None and deadline <= now:
                if station.machine.view().state is State.MASTER:
                    station.worst_lateness = max(station.worst_lateness, now - deadline)
                self._tell(station, events.TimerExpired())
        self._settle()
        self._collect_garbage(now)

    def _settle(self) -> None:
        """What follows when machines were told something: sync groups agree, the timer is set."""
        for name in sorted(self._unsettled):
            self._settle_group(name)
        self._unsettled.clear()
        deadlines = (station.machine.deadline() for station in self._stations.values())
        self._timer.set(min((at for at in deadlines if at is not None), default=None))

    def _settle_group(self, name: str) -> None:
        members = {s.router.name: s for s in self._stations.values() if s.router.group == name}
        group = self._groups.setdefault(name, Group())
        while orders := group.settle({n: s.machine.member() for n, s in members.items()}):
            for member, event in orders:
                self._tell(members[member], event)

    def _collect_garbage(self, now: int) -> None:
        """The collector runs only here, when no deadline is near."""
        if now - self._collected < _COLLECT_EVERY:
            return
        deadlines = [station.machine.deadline() for station in self._stations.values()]
        if all(at is None or at - now > _COLLECT_SLACK for at in deadlines):
            gc.collect()
            self._collected = now

    # What the machines are told, and what they ask for

    def _tell(self, station: _Station, event: events.Event) -> None:
        """Hand one machine one event and carry out what it asks for. `_settle` is to follow."""
        if station.router.group is not None:
            self._unsettled.add(station.router.group)
        for action in station.machine.handle(event, time.monotonic_ns()):
            self._perform(station, action)

    def _perform(self, station: _Station, action: Action) -> None:
        name = station.router.name
        match action:
            case SendAdvertisement(advertisement, source):
                self._advertise(station, packet.encode(advertisement, source), source)
            case StateChanged(old, new, reason):
                log.info("%s: %s -> %s: %s", name, old, new, reason)
                self._report_soon()
            case PriorityChanged(was, becomes, reason):
                log.info("%s: priority %d -> %d: %s", name, was, becomes, reason)
            case Warn(text):
                log.warning("%s: %s", name, text)
            case _:
                station.holder.put(action)

    def _advertise(self, station: _Station, payload: bytes, source: IPv4Address) -> None:
        socket = self._sockets.get(station.router.interface)
        if socket is None:
            return
        try:
            socket[1].send(payload, source)
        except NetError as error:
            log.warning("%s: %s", station.router.name, error)

    # Reports

    async def _report_regularly(self) -> None:
        while True:
            await asyncio.sleep(_STATUS_SECONDS)
            self._report()

    def _report_soon(self) -> None:
        """Once for all that changes in this turn of the loop: a report names every router."""
        if not self._report_due:
            self._report_due = True
            asyncio.get_running_loop().call_soon(self._report)

    def _report(self) -> None:
        self._report_due = False
        self._send(RoutersStatus(tuple(map(_status, self._stations.values()))))


def _status(station: _Station) -> RouterStatus:
    router, view = station.router, station.machine.view()
    age = (time.monotonic_ns() - view.since) / SECOND if view.since else 0.0
    return RouterStatus(
        name=router.name,
        interface=router.interface,
        vrid=router.vrid,
        state=view.state.value,
        since=time.time() - age,
        priority=view.priority,
        master=view.master,
        addresses=tuple(f"{address} dev {address.device}" for address in router.addresses),
        transitions=view.transitions,
        adverts_sent=view.adverts_sent,
        adverts_received=view.adverts_received,
        discarded=view.discarded,
        worst_lateness=station.worst_lateness,
    )
