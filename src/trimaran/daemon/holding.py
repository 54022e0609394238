"""Putting virtual routers' addresses on the machine and off it again, strictly in order.

The state machine decides at once; the kernel takes a moment. So what is to be done waits in a
queue of its own, and a slow netlink answer never holds up an advertisement.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from pyroute2 import AsyncIPRoute

from trimaran.daemon.child import Send
from trimaran.daemon.messages import HoldRequest
from trimaran.daemon.tasks import spawn
from trimaran.model.address import VirtualAddress
from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.routing import Route, Rule
from trimaran.net import addresses, macvlan, routing
from trimaran.net.announce import Announcer
from trimaran.net.errors import NetError
from trimaran.net.links import InterfaceAddress, Link
from trimaran.vrrp.actions import (
    Action,
    AddAddresses,
    AddRouting,
    Announce,
    RemoveAddresses,
    RemoveRouting,
)

log = logging.getLogger("speaker")

_HOLD_SECONDS = 0.05
_SUCCESSION_SECONDS = 0.05
"""For so long an address stays after another master was heard, which advertises before it serves:
it has to put the address on its own device first."""
_AGAIN_SECONDS = 1.0
_LINGER_SECONDS = 0.1
"""For so long the dataplane serves an address that is gone: clients learn in a moment only that
it is elsewhere, and what they send meanwhile is forwarded all the same."""


_Place = tuple[str, IPAddress, int]
"""What the kernel tells addresses apart by: device, address, prefix length."""


def _place(address: VirtualAddress) -> _Place:
    return address.device, address.address, address.prefix_length


class Holdings:
    """What all virtual routers hold together, and who waits until the dataplane serves it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: dict[Holder, tuple[VirtualAddress, ...]] = {}
        self._expected: dict[Holder, tuple[VirtualAddress, ...]] = {}
        self._number = self._served = 0
        self._expected_number = 0
        self._due = False
        self._waiting: dict[int, asyncio.Event] = {}

    async def hold(self, holder: "Holder", held: tuple[VirtualAddress, ...]) -> None:
        """Say what one router holds; wait a moment, not longer, for the dataplane to serve it."""
        expected = self._expected.pop(holder, ())
        known = set(self._held.get(holder, ()))
        if self._served >= self._expected_number:
            known |= set(expected)
        more = set(held) - known
        self.say(holder, held)
        if more:
            served = self._waiting.setdefault(self._number, asyncio.Event())
            try:
                await asyncio.wait_for(served.wait(), _HOLD_SECONDS)
            except TimeoutError:
                log.warning("the dataplane does not answer: going on without it")

    def expect(self, holder: "Holder", expected: tuple[VirtualAddress, ...]) -> None:
        """Say what one router may hold soon: the dataplane makes ready to serve it."""
        if expected != self._expected.pop(holder, ()):
            self._request_soon()
            self._expected_number = self._number
        if expected:
            self._expected[holder] = expected

    def say(self, holder: "Holder", held: tuple[VirtualAddress, ...]) -> None:
        """Say what one router holds."""
        if held:
            self._held[holder] = held
        else:
            self._held.pop(holder, None)
        self._request_soon()

    def _request_soon(self) -> None:
        if not self._due:
            # Once for all that changes in this turn of the loop: a request names every address.
            self._due = True
            self._number += 1
            asyncio.get_running_loop().call_soon(self._request)

    def heard(self, number: int) -> None:
        """The dataplane serves what was said up to this number."""
        self._served = max(self._served, number)
        for waited_for in [known for known in self._waiting if known <= number]:
            self._waiting.pop(waited_for).set()

    def _request(self) -> None:
        self._due = False
        everything = tuple(address for held in self._held.values() for address in held)
        expected = tuple(address for some in self._expected.values() for address in some)
        self._send(HoldRequest(self._number, everything, expected))


class Holder:
    """Carries out `AddAddresses`, `RemoveAddresses` and `Announce` of one virtual router.

    It removes only what it has added: an address that is the interface's own from before is not
    its to take away. `after`: what must be done first, such as others letting go of the same.
    """

    def __init__(
        self,
        name: str,
        netlink: AsyncIPRoute,
        holdings: Holdings,
        find_link: Callable[[str], Link | None],
        after: Collection["asyncio.Task[None]"],
    ) -> None:
        self._netlink = netlink
        self._holdings = holdings
        self._find_link = find_link
        self._held: dict[_Place, VirtualAddress] = {}
        self._more = asyncio.Event()
        self._routed: dict[Route | Rule, bool] = {}  # which of them were made
        self._failing: set[Route | Rule] = set()
        self._again = False
        self._queue: asyncio.Queue[Action | None] = asyncio.Queue()
        self._task = spawn(self._work(after), f"addresses of {name}")

    def put(self, action: Action) -> None:
        """Queue an action."""
        self._queue.put_nowait(action)
        self._more.set()

    def expect(self, expected: tuple[VirtualAddress, ...]) -> None:
        """These may have to be added soon; none: no more."""
        ours = (address for address in expected if not self._is_the_interfaces_own(address))
        self._holdings.expect(self, tuple(ours))

    def announce_again(self, device: str) -> None:
        """Announce what is held on a device whose MAC address has changed."""
        if held := tuple(address for address in self._held.values() if address.device == device):
            self.put(Announce(held, 1))

    def holds(self, device: str, address: InterfaceAddress) -> bool:
        """Whether this router holds the address."""
        return (device, address.address, address.prefix_length) in self._held

    def held_on(self, device: str) -> tuple[IPAddress, ...]:
        """The addresses that this router holds on a device."""
        return tuple(held.address for held in self._held.values() if held.device == device)

    def route_again(self) -> None:
        """Routes and rules may have been removed, or can be made now: make what is not there."""
        if self._routed and not self._again:
            self._again = True
            self._queue.put_nowait(None)

    async def finish(self) -> None:
        """Wait until everything queued is done, then end."""
        await self._queue.join()
        self._task.cancel()

    async def _work(self, after: Collection["asyncio.Task[None]"]) -> None:
        await asyncio.gather(*after)
        while True:
            action = await self._queue.get()
            try:
                if action is None:
                    self._again = False
                    await self._route([entry for entry in self._routed if entry.tracked])
                else:
                    await self._perform(action)
            except NetError as error:
                log.error("%s", error)
            finally:
                self._queue.task_done()

    async def _perform(self, action: Action) -> None:
        match action:
            case AddAddresses(added):
                await self._add(added)
            case RemoveAddresses(removed, succeeded):
                if succeeded:
                    await self._serve_on()
                for address in removed:
                    # First out of the books: its going is no surprise then.
                    if self._has(address):
                        del self._held[_place(address)]
                        await addresses.remove(self._netlink, address)
                await self._take_down(removed)
                asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._let_go)
            case AddRouting(wanted):
                entries: tuple[Route | Rule, ...] = (*wanted.routes, *wanted.rules)
                self._routed |= dict.fromkeys(entries, False)
                await self._route(entries)
            case RemoveRouting(unwanted):
                await self._unroute((*unwanted.rules, *unwanted.routes))
            case Announce(announced, repeat, interval) if interval:
                self._announce_spaced(announced, repeat, interval)
            case Announce(announced, repeat):
                self._announce(announced, repeat)

    async def _serve_on(self) -> None:
        """Wait until the other master serves too, or until there is something else to do."""
        self._more.clear()
        if self._queue.empty():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), _SUCCESSION_SECONDS)

    async def _route(self, entries: Iterable[Route | Rule]) -> None:
        """Make what is not there. What cannot be made is tried again as long as it is wanted."""
        failed = False
        for entry in entries:
            try:
                made = await routing.add(self._netlink, entry)
            except NetError as error:
                failed = True
                if entry not in self._failing:
                    log.error("%s", error)
                self._failing.add(entry)
                continue
            if made and self._routed[entry]:
                log.warning("%s was removed by somebody: put back", entry)
            self._failing.discard(entry)
            self._routed[entry] = True
        if failed:
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self.route_again)

    async def _unroute(self, entries: Iterable[Route | Rule]) -> None:
        for entry in entries:
            self._failing.discard(entry)
            if self._routed.pop(entry, None) is not None:
                try:
                    await routing.remove(self._netlink, entry)
                except NetError as error:
                    log.error("%s", error)

    def _let_go(self) -> None:
        self._holdings.say(self, tuple(self._held.values()))

    async def _add(self, added: tuple[VirtualAddress, ...]) -> None:
        ours = [address for address in added if not self._is_the_interfaces_own(address)]
        self._held |= {_place(address): address for address in ours}
        await self._holdings.hold(self, tuple(self._held.values()))
        for device in dict.fromkeys(a.device for a in ours if a.on_virtual_mac):
            await macvlan.set_up(self._netlink, device, up=True)
        for address in ours:
            await addresses.add(self._netlink, address)

    async def _take_down(self, removed: Iterable[VirtualAddress]) -> None:
        """The devices with virtual MAC addresses that have no address any more."""
        used = {address.device for address in self._held.values()}
        for device in dict.fromkeys(a.device for a in removed if a.on_virtual_mac):
            if device not in used:
                await macvlan.set_up(self._netlink, device, up=False)

    def _has(self, address: VirtualAddress) -> bool:
        return self._held.get(_place(address)) == address

    def _is_the_interfaces_own(self, address: VirtualAddress) -> bool:
        """Its first one; IPv6 addresses have no such order, so there none is."""
        link = self._find_link(address.device)
        if address.on_virtual_mac or link is None or self._has(address):
            return False
        return link.primary() == address.address

    def _announce_spaced(
        self, announced: tuple[VirtualAddress, ...], repeat: int, interval: int
    ) -> None:
        """One packet after another; those for addresses that are let go meanwhile are not sent."""
        loop, number = asyncio.get_running_loop(), 0
        for _ in range(repeat):
            for address in announced:
                loop.call_later(number * interval / SECOND, self._announce_held, address)
                number += 1

    def _announce_held(self, address: VirtualAddress) -> None:
        if self._has(address):
            try:
                self._announce((address,), 1)
            except NetError as error:
                log.error("%s", error)

    def _announce(self, announced: tuple[VirtualAddress, ...], repeat: int) -> None:
        for device in dict.fromkeys(address.device for address in announced):
            link = self._find_link(device)
            if link is None or not link.mac:
                continue  # a device without Ethernet addresses has nobody to tell
            announcer = Announcer(device, link.index, link.mac)
            try:
                for _ in range(repeat):
                    for address in announced:
                        if address.device == device:
                            announcer.send(address.address)
            finally:
                announcer.close()
