"""The speaker: VRRP and nothing else, at real-time priority, with its memory locked.

Every decision is a state machine's (`trimaran.vrrp.machine`); this process only brings it
packets, instants and news of the interfaces, and carries out what it asks for (`station`).
Advertisements leave from here at once. Everything that takes time waits in a `Holder`'s queue.
"""

import asyncio
import gc
import logging

from pyroute2 import AsyncIPRoute

from trimaran.daemon.child import Send
from trimaran.daemon.holding import Holder, Holdings
from trimaran.daemon.messages import (
    AddressesHeld,
    ConfigureSpeaker,
    FailOver,
    HandedOver,
    RouterNews,
    RoutersStatus,
    ToChild,
    TrackerReadings,
    Unserved,
)
from trimaran.daemon.realtime import become_realtime, keep_collector_away
from trimaran.daemon.route_watch import RouteWatch
from trimaran.daemon.station import Station
from trimaran.daemon.tasks import spawn
from trimaran.daemon.timerfd import Suspension, TimerFd, clock
from trimaran.daemon.wires import Wire, Wires
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.router import RouterKey, VirtualRouter
from trimaran.model.routing import NO_ROUTING
from trimaran.model.tracking import Readings
from trimaran.net import links
from trimaran.net.links import Link
from trimaran.vrrp import events
from trimaran.vrrp.actions import SendAdvertisement, State
from trimaran.vrrp.group import Group, group_state
from trimaran.vrrp.notices import Happened, News, Subject

log = logging.getLogger("speaker")

_STATUS_SECONDS = 1.0
_COLLECT_EVERY = 10 * SECOND
_COLLECT_SLACK = 200 * MILLISECOND


class Speaker:
    """Body of the speaker process."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._holdings = Holdings(send)
        self._stations: dict[RouterKey, Station] = {}
        self._links: dict[str, Link] = {}
        self._wires = Wires(self._receive)
        self._unknown_vrids: set[RouterKey] = set()
        self._timer = TimerFd()
        self._suspension = Suspension()
        self._collected = clock()
        self._tasks: list[asyncio.Task[None]] = []
        self._departing: set[asyncio.Task[None]] = set()
        self._unserved: dict[str, str] = {}
        self._readings: Readings = {}
        self._groups: dict[str, Group] = {}
        self._group_states: dict[str, State] = {}
        self._unsettled: set[str] = set()
        self._maintenance = False
        self._report_due = False

    async def start(self) -> None:
        for refusal in become_realtime():
            log.warning("not to be had: %s; advertisements may be late under load", refusal)
        asyncio.get_running_loop().add_reader(self._timer.fileno(), self._timer_fired)
        self._netlink = AsyncIPRoute()
        await self._netlink.setup_endpoint()
        self._links = {link.name: link for link in (await links.links(self._netlink)).values()}
        static = Holder("the daemon", self._netlink, self._holdings, self._links.get, ())
        self._routes = RouteWatch(
            static, lambda: (station.holder for station in self._stations.values())
        )
        self._tasks = [
            spawn(self._watch_links(), "watch links"),
            spawn(self._report_regularly(), "report"),
        ]
        keep_collector_away()

    def handle(self, message: ToChild) -> None:
        match message:
            case ConfigureSpeaker():
                self._configure(message)
            case AddressesHeld(number):
                self._holdings.heard(number)
            case TrackerReadings(readings):
                self._readings = {one.tracker: one.value for one in readings}
                self._tell_of_surroundings()
            case Unserved(interfaces):
                self._unserved = interfaces
                self._tell_of_surroundings()
            case FailOver(name):
                self._fail_over(name)
        self._settle()

    async def stop(self, *, orphaned: bool) -> None:
        """Hand over to the peers, then remove the addresses.

        Orphaned: at once, for the dataplane's process ends too.
        """
        stations = list(self._stations.values())
        for station in stations:
            station.tell(events.Shutdown(hand_over=not orphaned))
        self._settle()
        for station in stations:
            await station.stopped.wait()
        self._settle()
        holders = (station.holder for station in stations)
        await asyncio.gather(self._routes.finish(), *(holder.finish() for holder in holders))

    # Configuration

    def _configure(self, message: ConfigureSpeaker) -> None:
        wanted = {router.key: router for router in message.routers}
        for key in self._stations.keys() - wanted.keys():
            gone = self._stations.pop(key)
            gone.removed = True
            gone.tell(events.Shutdown())
            departing = spawn(gone.holder.finish(), f"let go of {gone.router.name}")
            self._departing.add(departing)
            departing.add_done_callback(self._departing.discard)
        if message.maintenance != self._maintenance:
            self._maintenance = message.maintenance
            for station in self._stations.values():
                station.tell(events.Maintenance(self._maintenance))
        self._wires.open(message.routers, self._links)
        routed = any(router.routing != NO_ROUTING for router in message.routers)
        self._routes.configure(message.routing, needed=routed)
        for key, router in wanted.items():
            if key in self._stations:
                self._stations[key].reconfigure(router)
            else:
                self._add(key, router, was_master=key in message.resumed)
        self.changed()

    def _add(self, key: RouterKey, router: VirtualRouter, *, was_master: bool) -> None:
        departing = frozenset(self._departing)
        holder = Holder(router.name, self._netlink, self._holdings, self._links.get, departing)
        station = self._stations[key] = Station(router, holder, self)
        station.tell_of_surroundings(self._links, self._unserved, self._readings)
        if self._maintenance:
            station.tell(events.Maintenance(on=True))
        station.tell(events.Started(was_master))

    def _fail_over(self, name: str) -> None:
        """A virtual router takes its sync group along."""
        stations = self._stations.values()
        groups = {s.router.group for s in stations if s.router.name == name} - {None}
        for station in stations:
            if station.router.name == name or station.router.group in groups:
                station.tell(events.Failover())

    # Interfaces

    async def _watch_links(self) -> None:
        async for change in links.watch(self._netlink):
            if change.before is not None:
                self._links.pop(change.before.name, None)
            if change.after is not None:
                self._links[change.after.name] = change.after
            if change.before != change.after:
                self._wires.open((s.router for s in self._stations.values()), self._links)
            self._tell_of_surroundings()
            for station in self._stations.values():
                station.tell_of_change(change)
            self._routes.put_back()
            self._settle()

    def _tell_of_surroundings(self) -> None:
        for station in self._stations.values():
            station.tell_of_surroundings(self._links, self._unserved, self._readings)

    # Packets and timers

    def _receive(self, wire: Wire) -> None:
        self._notice_suspension()
        for heard in self._wires.receive(wire):
            key = RouterKey(wire.interface, wire.group.version == 6, heard.vrid or 0)
            station = self._stations.get(key)
            if station is not None:
                station.tell(heard)
            elif heard.vrid is not None and key not in self._unknown_vrids:
                self._unknown_vrids.add(key)
                log.info("%s: %s advertises VRID %d", wire.interface, heard.sender, heard.vrid)
        self._settle()

    def _notice_suspension(self) -> None:
        if suspended := self._suspension.ended():
            for station in self._stations.values():
                station.tell(events.Suspended(suspended))

    def _timer_fired(self) -> None:
        self._timer.clear()
        self._notice_suspension()
        # What has arrived before the deadline counts, however late this process is.
        for wire in self._wires.wires:
            self._receive(wire)
        now = clock()
        for station in self._stations.values():
            station.expire(now)
        self._settle()
        self._collect_garbage(now)

    def _settle(self) -> None:
        """What follows when machines were told something: sync groups agree, the timer is set."""
        for name in sorted(self._unsettled):
            self._settle_group(name)
        self._unsettled.clear()
        self._timer.set(min(self._deadlines(), default=None))

    def _settle_group(self, name: str) -> None:
        members = {s.router.name: s for s in self._stations.values() if s.router.group == name}
        group = self._groups.setdefault(name, Group())
        while orders := group.settle({n: s.member() for n, s in members.items()}):
            for member, event in orders:
                members[member].tell(event)
        state = group_state({n: s.member() for n, s in members.items()})
        before, self._group_states[name] = self._group_states.get(name, State.INIT), state
        if members and state is not before and state is not State.INIT:
            first = before is State.INIT
            self.happened(Happened(Subject.GROUP, name, News(state.value), first=first))

    def _deadlines(self) -> list[int]:
        deadlines = (station.deadline for station in self._stations.values())
        return [at for at in deadlines if at is not None]

    def _collect_garbage(self, now: int) -> None:
        """The collector runs only here, when no deadline is near."""
        if now - self._collected < _COLLECT_EVERY:
            return
        if all(at - now > _COLLECT_SLACK for at in self._deadlines()):
            gc.collect()
            self._collected = now

    # What stations need of this process

    def stirred(self, router: VirtualRouter) -> None:
        if router.group is not None:
            self._unsettled.add(router.group)

    def send(self, router: VirtualRouter, action: SendAdvertisement) -> None:
        self._wires.send(router, action)

    def changed(self) -> None:
        """Report once for all that changes in this turn of the loop."""
        if not self._report_due:
            self._report_due = True
            asyncio.get_running_loop().call_soon(self._report)

    def happened(self, happened: Happened) -> None:
        self._send(RouterNews(happened))

    def handed_over(self, name: str, successor: IPAddress | None) -> None:
        self._send(HandedOver(name, successor))

    # Reports

    async def _report_regularly(self) -> None:
        while True:
            await asyncio.sleep(_STATUS_SECONDS)
            self._report()

    def _report(self) -> None:
        self._report_due = False
        stations = self._stations.values()
        self._send(RoutersStatus(tuple(station.status() for station in stations)))
