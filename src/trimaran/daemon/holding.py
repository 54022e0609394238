"""Putting one virtual router's addresses on the machine and off it again, strictly in order.

The state machine decides at once; the kernel takes a moment. So what is to be done waits in a
queue of its own, and a slow netlink answer never holds up an advertisement.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address

from pyroute2 import AsyncIPRoute

from trimaran.daemon.tasks import spawn
from trimaran.model.address import VirtualAddress
from trimaran.net import addresses
from trimaran.net.announce import Announcer
from trimaran.net.errors import NetError
from trimaran.net.links import Link
from trimaran.vrrp.actions import Action, AddAddresses, Announce, RemoveAddresses

log = logging.getLogger("speaker")

Hold = Callable[[tuple[VirtualAddress, ...]], Awaitable[None]]
"""Says which addresses the router is about to hold; returns when the dataplane serves them."""


class Holder:
    """Carries out `AddAddresses`, `RemoveAddresses` and `Announce` of one virtual router."""

    def __init__(
        self,
        name: str,
        netlink: AsyncIPRoute,
        hold: Hold,
        find_link: Callable[[str], Link | None],
    ) -> None:
        self._netlink = netlink
        self._hold = hold
        self._find_link = find_link
        self._held: dict[VirtualAddress, None] = {}
        self._queue: asyncio.Queue[Action] = asyncio.Queue()
        self._task = spawn(self._work(), f"addresses of {name}")

    def put(self, action: Action) -> None:
        """Queue an action."""
        self._queue.put_nowait(action)

    def holds(self, device: str, address: IPv4Address) -> VirtualAddress | None:
        """The address as this router holds it, if it does."""
        for held in self._held:
            if held.device == device and held.address == address:
                return held
        return None

    async def finish(self) -> None:
        """Wait until everything queued is done, then end."""
        await self._queue.join()
        self._task.cancel()

    async def _work(self) -> None:
        while True:
            action = await self._queue.get()
            try:
                await self._perform(action)
            except NetError as error:
                log.error("%s", error)
            finally:
                self._queue.task_done()

    async def _perform(self, action: Action) -> None:
        match action:
            case AddAddresses(added):
                self._held |= dict.fromkeys(added)
                await self._hold(tuple(self._held))
                for address in added:
                    await addresses.add(self._netlink, address)
            case RemoveAddresses(removed):
                for address in removed:
                    # First out of the books: its going is no surprise then.
                    self._held.pop(address, None)
                    await addresses.remove(self._netlink, address)
                await self._hold(tuple(self._held))
            case Announce(announced, repeat):
                self._announce(announced, repeat)

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
