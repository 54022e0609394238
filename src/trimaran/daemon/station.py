"""One virtual router on this director: its machine, and what carries out its actions."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Protocol

from trimaran.daemon.holding import Holder
from trimaran.daemon.messages import RouterStatus
from trimaran.daemon.timerfd import clock
from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import Reading, Readings, Tracker, TrackerKind
from trimaran.net.links import Change, Link
from trimaran.vrrp import events, packet, tracking
from trimaran.vrrp.actions import (
    Action,
    HandoverEnded,
    LowerPriorityReceived,
    PriorityChanged,
    SendAdvertisement,
    State,
    StateChanged,
    Warn,
)
from trimaran.vrrp.group import Member
from trimaran.vrrp.machine import Machine
from trimaran.vrrp.notices import PRIORITY_NEWS, Happened, News, Subject

log = logging.getLogger("speaker")

_STRANGE_FOR = 60 * SECOND
"""Whoever was not heard for so long does not use our VRID any more."""


class Surroundings(Protocol):
    """What a station needs of the process that it is in."""

    def stirred(self, router: VirtualRouter) -> None:
        """A machine was told something: its sync group may have to act."""
        ...

    def send(self, router: VirtualRouter, action: SendAdvertisement) -> None:
        """Send an advertisement."""
        ...

    def changed(self) -> None:
        """A virtual router is in another state."""
        ...

    def handed_over(self, name: str, successor: IPAddress | None) -> None:
        """A virtual router's hand-over is over."""
        ...

    def happened(self, happened: Happened) -> None:
        """Something has happened that others are told of."""
        ...


class Station:
    """A machine, what it is told and what it asks for."""

    def __init__(self, router: VirtualRouter, holder: Holder, around: Surroundings) -> None:
        self.router = router
        self._virtual = _virtual(router)
        self.holder = holder
        self.stopped = asyncio.Event()
        """It has left for good, as `Shutdown` told it."""
        self.removed = False
        """It leaves as a reload has removed it: the steward, which knows, tells of that."""
        self._machine = Machine(router)
        self._around = around
        self._interface_told: events.Event | None = None
        self._readings_told: Readings = {}
        self._worst_lateness = 0
        self._expecting = False

    @property
    def deadline(self) -> int | None:
        """When `expire` is wanted."""
        deadline = self._machine.deadline()
        if deadline is None or self._expecting or self._machine.state is not State.BACKUP:
            return deadline
        return deadline - self.router.advertisement_interval

    def member(self) -> Member:
        """What its sync group has to know."""
        return self._machine.member()

    def tell(self, event: events.Event) -> None:
        """Hand the machine an event and carry out what it asks for. Its deadline may change."""
        self._around.stirred(self.router)
        now = clock()
        for action in self._machine.handle(event, now):
            self._perform(action)
        if self._expecting:
            self._expect(now)

    def _expect(self, now: int) -> None:
        """Have all made ready for a backup that becomes master, one advertisement before that.

        The addresses are served when they are added then: nothing has to be waited for.
        """
        deadline, state = self._machine.deadline(), self._machine.state
        early = deadline is not None and now < deadline - self.router.advertisement_interval
        expecting = state is State.BACKUP and not early
        if expecting is not self._expecting:
            self._expecting = expecting
            if state is not State.MASTER:  # whose holding says it
                self.holder.expect(self.router.held if expecting else ())

    def expire(self, now: int) -> None:
        """Tell the machine if its deadline has come."""
        deadline = self._machine.deadline()
        if not self._expecting:
            self._expect(now)
        if deadline is not None and deadline <= now:
            if self._machine.view().state is State.MASTER:
                self._worst_lateness = max(self._worst_lateness, now - deadline)
            self.tell(events.TimerExpired())

    def reconfigure(self, router: VirtualRouter) -> None:
        """It shall be this from now on."""
        if router != self.router:
            self.router, self._virtual = router, _virtual(router)
            self.tell(events.Reconfigured(router))

    def tell_of_surroundings(
        self, links: Mapping[str, Link], unserved: Mapping[str, str], readings: Readings
    ) -> None:
        """Tell of its interface and its trackers what is new."""
        event = _state_of_interface(self.router, self._virtual, links, unserved)
        known = {
            track.tracker: _read(track.tracker, links, readings)
            for track in tracking.watched(self.router)
        }
        if event != self._interface_told:
            self._interface_told = event
            self.tell(event)
        if known != self._readings_told:
            self._readings_told = known
            self.tell(events.TrackersChanged(known))

    def tell_of_change(self, change: Change) -> None:
        """Tell of addresses that somebody took away, unless it let them go itself."""
        if change.after is None:
            return
        if change.before is None:
            # The virtual router's own device is there again, without its addresses.
            own = self.router.virtual_mac
            if own is not None and own.device == change.after.name:
                for address in self.holder.held_on(own.device):
                    self.tell(events.AddressMissing(address))
            return
        if change.after.up:
            for gone in change.gone:
                if self.holder.holds(change.after.name, gone):
                    self.tell(events.AddressMissing(gone.address))
        if change.before.mac != change.after.mac:
            self.holder.announce_again(change.after.name)

    def status(self) -> RouterStatus:
        """What it is doing."""
        router, view = self.router, self._machine.view()
        now = clock()
        age = (now - view.since) / SECOND if view.since else 0.0
        lately = now - max(_STRANGE_FOR, 3 * router.advertisement_interval)
        return RouterStatus(
            name=router.name,
            key=router.key,
            state=view.state.value,
            reason=view.reason,
            since=time.time() - age,
            priority=view.priority,
            master=view.master,
            addresses=tuple(f"{address} dev {address.device}" for address in router.held),
            transitions=view.transitions,
            adverts_sent=view.adverts_sent,
            adverts_received=view.adverts_received,
            discarded=view.discarded,
            worst_lateness=self._worst_lateness,
            strangers={str(s.address): s.complaint for s in view.strangers if s.heard > lately},
        )

    def _perform(self, action: Action) -> None:
        name = self.router.name
        match action:
            case SendAdvertisement():
                self._around.send(self.router, action)
            case StateChanged(old, new, reason):
                log.info("%s: %s -> %s: %s", name, old, new, reason)
                self._around.changed()
                if not self.removed:
                    self._happened(News(new.value), first=old is State.INIT)
                if new is State.STOP:
                    self.stopped.set()
            case PriorityChanged(was, becomes, reason):
                log.info("%s: priority %d -> %d: %s", name, was, becomes, reason)
                if (news := PRIORITY_NEWS.get(self._machine.view().state)) is not None:
                    self._happened(news)
            case LowerPriorityReceived():
                self._happened(News.MASTER_RX_LOWER_PRI)
            case HandoverEnded(successor):
                self._around.handed_over(name, successor)
            case Warn(text):
                log.warning("%s: %s", name, text)
            case _:
                self.holder.put(action)

    def _happened(self, news: News, *, first: bool = False) -> None:
        name, priority = self.router.name, self._machine.view().priority
        self._around.happened(Happened(Subject.INSTANCE, name, news, priority, first))


def _read(tracker: Tracker, links: Mapping[str, Link], readings: Readings) -> Reading:
    """What is known of a tracker: of interfaces here, of all others by the steward."""
    if tracker.kind is not TrackerKind.INTERFACE:
        return readings.get(tracker)
    link = links.get(tracker.name)
    return link is not None and link.up


def _virtual(router: VirtualRouter) -> frozenset[IPAddress]:
    """Addresses that cannot be its interface's primary one.

    An owner's virtual address may well be the interface's own (RFC 9568, 1.7).
    """
    owner = router.priority == packet.OWNER_PRIORITY
    return frozenset() if owner else frozenset(address.address for address in router.held)


def _state_of_interface(
    router: VirtualRouter,
    virtual: frozenset[IPAddress],
    links: Mapping[str, Link],
    unserved: Mapping[str, str],
) -> events.InterfaceUp | events.InterfaceDown:
    link = links.get(router.interface)
    transport = router.transport
    primary = link.primary(virtual, ipv6=transport.ipv6) if link is not None else None
    if link is None:
        return events.InterfaceDown(f"interface {router.interface} does not exist")
    if not link.up and router.track_primary:
        return events.InterfaceDown(f"interface {router.interface} is down")
    if transport.source is not None:
        primary = transport.source
        if not any(a.usable and a.address == primary for a in link.addresses):
            return events.InterfaceDown(f"interface {router.interface} has no address {primary}")
    if primary is None:
        kind = "IPv6 link-local" if transport.ipv6 else "IPv4"
        besides = " besides virtual ones" if link.addresses else ""
        return events.InterfaceDown(f"interface {router.interface} has no {kind} address{besides}")
    if transport.peers == ():
        return events.InterfaceDown("there is no unicast_peer")
    if reason := unserved.get(router.interface):
        return events.InterfaceDown(f"the dataplane cannot serve: {reason}")
    if router.virtual_mac and (reason := unserved.get(router.virtual_mac.device)):
        return events.InterfaceDown(reason)
    return events.InterfaceUp(primary)
