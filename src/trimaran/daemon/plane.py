"""The plane on XDP: the process that keeps forwarding as it should be.

What it serves follows from two things: the services it is told, and the addresses that this
director has, which it sees in the kernel itself as IPVS would. A VIP that the speaker is about
to add is announced to it beforehand, so that not one packet meets a kernel that has the address
and a program that does not serve it.
"""

import asyncio
import logging
import time
from contextlib import suppress

from pyroute2 import AsyncIPRoute

from trimaran.daemon import changes, planes
from trimaran.daemon.child import CannotRun, Send
from trimaran.daemon.choice import Kind
from trimaran.daemon.logs import few
from trimaran.daemon.messages import (
    AddressesHeld,
    Applied,
    Change,
    Changed,
    ConfigurePlane,
    HoldAddresses,
    PlaneStatus,
    Remaining,
    ServerConnections,
    Synchronised,
    ToChild,
)
from trimaran.daemon.news import Heard
from trimaran.daemon.next_hops import NextHops
from trimaran.daemon.synchroniser import Synchroniser
from trimaran.daemon.tasks import spawn
from trimaran.daemon.timeouts import ConfiguredTimeouts
from trimaran.dataplane.base import DataplaneError, Service
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.ownership import hold_tables
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.model.address import VirtualAddress
from trimaran.model.ip import IPAddress
from trimaran.model.service import ServerKey, ServiceKey
from trimaran.model.sync import Synchronisation
from trimaran.net import links, neighbours
from trimaran.net.errors import NetError
from trimaran.net.links import Link

log = logging.getLogger("plane")

_POLL_SECONDS = 1.0
_PATIENCE_SECONDS = 5.0
_SHARED_SECONDS = 0.05
_RESOLVE_EVERY_POLLS = 30
_APPLY_AGAIN_EVERY_POLLS = 10


class Plane:
    """Body of the plane process, on the XDP dataplane. `capacity`: its numbers, in order."""

    def __init__(self, send: Send, *capacity: str) -> None:
        self._send = send
        self._capacity = Capacity(*map(int, capacity))
        self._links: dict[str, Link] = {}
        self._told: Heard[Service] = Heard()
        self._services: tuple[Service, ...] = ()
        self._watched: tuple[tuple[ServiceKey, ServerKey], ...] = ()
        self._interfaces: tuple[str, ...] = ()
        self._beneath: dict[str, str] = {}
        # Until told otherwise, what an earlier plane left in the kernel is right as it is.
        self._configured = False
        self._announced: tuple[VirtualAddress, ...] = ()
        self._expected: tuple[VirtualAddress, ...] = ()
        self._service_addresses: frozenset[IPAddress] = frozenset()
        self._trouble: dict[str, str] = {}
        self._synchronisation: Synchronisation | None = None
        self._synchroniser: Synchroniser | None = None
        self._links_changed = asyncio.Event()
        self._resolve_now = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        try:
            self._ownership = hold_tables(_PATIENCE_SECONDS)
            self._dataplane = XdpDataplane.open(self._capacity, log=log.info)
        except DataplaneError as error:
            for line in error.log:
                log.info("%s", line)
            raise CannotRun(str(error)) from error
        self._timeouts = ConfiguredTimeouts(self._dataplane)
        self._netlink = AsyncIPRoute()
        await self._netlink.setup_endpoint()
        self._next_hops = NextHops(self._netlink, self._dataplane)
        self._links = {link.name: link for link in (await links.links(self._netlink)).values()}
        for work in (
            self._watch_links,
            self._follow_links,
            self._watch_neighbours,
            self._resolve,
            self._poll,
        ):
            self._tasks.append(spawn(work(), work.__name__))

    def handle(self, message: ToChild) -> None:
        match message:
            case ConfigurePlane(news, interfaces, timeouts, synchronisation, number, watched):
                self._configured = True
                planes.say(self._timeouts.want(timeouts))
                self._interfaces = interfaces
                # A device that is not wanted any more still has its addresses for a moment.
                self._beneath |= message.beneath
                self._dataplane.take_any_mac(message.beneath.values())
                self._services, self._watched = self._told.take(news), watched
                self._service_addresses = frozenset(one.key.address for one in self._services)
                self._attach()
                self._apply()
                self._take_addresses()
                self._resolve_now.set()
                self._report()
                self._send(Applied(number, few(self._dataplane.left_out())))
                self._synchronise(synchronisation)
            case HoldAddresses(number, addresses, expected):
                self._announced, self._expected = addresses, expected
                if self._synchroniser is not None:
                    self._synchroniser.master = bool(addresses)
                if self._configured:
                    self._take_addresses()
                self._send(AddressesHeld(number))
            case Change(number, wanted):
                self._send(Changed(number, self._change(wanted)))

    async def stop(self, *, orphaned: bool) -> None:
        for task in self._tasks:
            task.cancel()
        if self._synchroniser is not None:
            self._synchroniser.stop()
        if orphaned:
            await planes.let_go(self._netlink, (*self._announced, *self._expected))
        self._dataplane.close(remove=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._next_hops.release(), 0.2)

    def _apply(self) -> None:
        planes.say(self._dataplane.apply(self._services))

    def _change(self, wanted: changes.Wanted) -> changes.Outcome:
        """What somebody wants otherwise stays so until the next time that services are applied."""
        outcome = changes.make(wanted, self._dataplane)
        if fresh := self._dataplane.virtual_addresses() - self._service_addresses:
            self._service_addresses |= fresh
            self._attach()
            self._take_addresses()
        self._resolve_now.set()
        return outcome

    def _synchronise(self, settings: Synchronisation | None) -> None:
        """Tell and hear as the settings say; `Synchronised` when all has been heard."""
        if settings != self._synchronisation:
            self._synchronisation = settings
            if self._synchroniser is not None:
                self._synchroniser.stop()
                self._synchroniser = None
            if settings is not None:
                synchroniser = Synchroniser(settings, self._dataplane)
                try:
                    synchroniser.start()
                except NetError as error:
                    log.error("no synchronisation: %s", error)
                else:
                    synchroniser.master = bool(self._announced)
                    self._synchroniser = synchroniser
        spawn(self._say_when_complete(self._synchroniser), "synchronised")

    async def _say_when_complete(self, synchroniser: Synchroniser | None) -> None:
        if synchroniser is not None:
            await synchroniser.complete.wait()
        self._send(Synchronised())

    # Addresses and interfaces

    async def _watch_links(self) -> None:
        async for change in links.watch(self._netlink):
            if change.before is not None:
                self._links.pop(change.before.name, None)
            if change.after is not None:
                self._links[change.after.name] = change.after
            self._links_changed.set()

    async def _follow_links(self) -> None:
        """What changes within a moment is looked at once: it may be thousands of addresses."""
        while True:
            await self._links_changed.wait()
            self._links_changed.clear()
            if self._configured:
                self._take_addresses()
                self._attach()
                self._resolve_now.set()
                self._report()
            await asyncio.sleep(_SHARED_SECONDS)

    def _take_addresses(self) -> None:
        local = {address.address for link in self._links.values() for address in link.addresses}
        announced = {address.address for address in (*self._announced, *self._expected)}
        self._dataplane.set_local(local)
        try:
            self._dataplane.set_held((local | announced) & self._service_addresses)
        except DataplaneError as error:
            log.error("%s", error)

    def _attach(self) -> None:
        """Attach where clients come in, the interfaces named and those that carry a VIP, and
        where masqueraded servers answer."""
        wanted = {
            self._beneath.get(link.name, link.name)
            for link in self._links.values()
            if any(address.address in self._service_addresses for address in link.addresses)
        }
        if self._service_addresses:
            wanted |= set(self._interfaces)
        answering = self._next_hops.interfaces(self._dataplane.masqueraded())
        wanted |= {link.name for link in self._links.values() if link.index in answering}
        wanted.discard("lo")
        self._trouble = {name: why for name, why in self._trouble.items() if name in wanted}
        attached = self._dataplane.attachments()
        for name in attached.keys() - wanted:
            self._dataplane.detach(name)
        for name in wanted:
            if name in self._links and name not in attached:
                self._attach_to(name)

    def _attach_to(self, name: str) -> None:
        try:
            attachment = self._dataplane.attach(name)
        except DataplaneError as error:
            if self._trouble.get(name) != str(error):
                log.error("%s", error)
            self._trouble[name] = str(error)
            return
        self._trouble.pop(name, None)
        log.info(
            "attached to %s in %s mode%s",
            name,
            attachment.mode,
            f": {attachment.reason}" if attachment.reason else "",
        )

    # Real servers

    async def _watch_neighbours(self) -> None:
        # On a socket of its own: the kernel makes one dump at a time for each.
        async with AsyncIPRoute() as netlink:
            async for neighbour in neighbours.watch(netlink):
                self._next_hops.learn(neighbour, self._mac_of(neighbour.ifindex))
                if neighbour.mac is None:
                    self._resolve_now.set()

    async def _resolve(self) -> None:
        while True:
            await self._resolve_now.wait()
            self._resolve_now.clear()
            for address in self._dataplane.wanted_neighbours():
                try:
                    await self._next_hops.resolve(address, self._mac_of)
                except NetError as error:
                    log.warning("%s", error)

    def _mac_of(self, ifindex: int) -> bytes:
        for link in self._links.values():
            if link.index == ifindex:
                return link.mac
        return b""

    # Regular work

    async def _poll(self) -> None:
        polls = 0
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            polls += 1
            for line in self._dataplane.poll(time.monotonic_ns()):
                log.warning("%s", line)
            hop = self._dataplane.unresolved_hop()
            if hop is not None:
                with suppress(NetError):
                    await self._next_hops.resolve_hop(*hop)
            if self._configured:
                # Again each time: somebody may have taken the program off.
                self._attach()
            if polls % _RESOLVE_EVERY_POLLS == 0 or self._next_hops.unresolved():
                self._resolve_now.set()
            if polls % _APPLY_AGAIN_EVERY_POLLS == 0 and self._dataplane.left_out():
                self._apply()  # there may be room by now
            self._report()
            self._count()

    def _count(self) -> None:
        if self._watched:
            counts = self._dataplane.connections_of(self._watched)
            found = [ServerConnections(*place, number) for place, number in counts.items()]
            self._send(Remaining(tuple(found)))

    def _report(self) -> None:
        attachments = self._dataplane.attachments()
        modes = {name: attachment.mode for name, attachment in attachments.items()}
        self._send(PlaneStatus(Kind.XDP, modes, self._trouble))
