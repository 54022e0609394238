"""Keeps virtual routers' own devices (`use_vmac`) as the configuration has them.

They are there as long as the daemon runs, and down: whoever holds addresses on them, the speaker,
takes them up meanwhile. So a backup neither takes nor sends frames of a MAC address that is the
master's. A note tells what was made and how the interfaces below were set before, for an end
that leaves nobody to clean up.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from pyroute2 import AsyncIPRoute

from trimaran.daemon.encoding import decoder, encode
from trimaran.daemon.tasks import spawn
from trimaran.model.address import VirtualAddress
from trimaran.model.config import Config
from trimaran.net import links, macvlan
from trimaran.net.errors import NetError
from trimaran.net.links import Link
from trimaran.net.sysctl import Sysctl

log = logging.getLogger("steward")


@dataclass(frozen=True, slots=True)
class Device:
    """A macvlan device as it shall be. `ipv4`, `ipv6`: which addresses it may get."""

    name: str
    interface: str
    mac: bytes
    ipv4: bool
    ipv6: bool


class _Note(msgspec.Struct, frozen=True):
    """What was made, and how the interfaces below were set before that."""

    devices: tuple[str, ...] = ()
    before: dict[str, tuple[Sysctl, ...]] = {}


_note = decoder(_Note)


def devices(config: Config) -> dict[str, Device]:
    """The devices that a configuration wants, by name."""
    found = {}
    for router in config.virtual_routers:
        if (own := router.virtual_mac) is not None:
            versions = {a.address.version for a in router.held if a.on_virtual_mac}
            versions.add(6 if router.transport.ipv6 else 4)
            found[own.device] = Device(
                own.device, router.interface, own.mac, ipv4=4 in versions, ipv6=6 in versions
            )
    return found


class VirtualMacs:
    """The devices of one daemon. `trouble`: why one of them is not there, by its name; `changed`
    is called when there is other trouble than before of its own accord."""

    def __init__(self, netlink: AsyncIPRoute, note: Path, changed: Callable[[], None]) -> None:
        self._netlink, self._path, self._changed = netlink, note, changed
        self._wanted: dict[str, Device] = {}
        self._made: dict[str, Device] = {}
        self._before: dict[str, tuple[Sysctl, ...]] = {}
        self._held: frozenset[str] = frozenset()
        self._lock = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self.trouble: dict[str, str] = {}

    async def start(self, config: Config) -> None:
        """Remove what a daemon that was killed has left, by its note or by name and MAC address;
        then make what this configuration wants."""
        left = _Note()
        with suppress(OSError, msgspec.DecodeError):
            left = _note.decode(self._path.read_bytes())
        alike = [
            device.name
            for device in devices(config).values()
            if await macvlan.is_there(self._netlink, device.name, device.interface, device.mac)
        ]
        for name in dict.fromkeys((*left.devices, *alike)):
            if await self._remove(name):
                log.warning("removed the device %s: it was left behind", name)
        for interface in left.before:
            self._restore(left.before[interface])
        self._write_note()
        await self.make(config)

    async def make(self, config: Config) -> None:
        """Make what this configuration wants; what it does not want stays until nothing is held
        there (`holding`)."""
        self._wanted = devices(config)
        self.trouble = {}
        async with self._lock:
            for device in self._wanted.values():
                await self._make(device)
        if self._wanted and self._watch is None:
            self._watch = spawn(self._put_back(), "watch virtual MACs")

    async def holding(self, held: Iterable[VirtualAddress]) -> None:
        """These addresses are held: remove the devices that are not wanted and have none."""
        before = self._held
        self._held = frozenset(address.device for address in held if address.on_virtual_mac)
        if self._held != before or self._made.keys() - self._wanted.keys():
            await self._retire()

    async def take_down(self) -> None:
        """Nobody holds addresses any more who could do this."""
        for name in self._made:
            with suppress(NetError):
                await macvlan.set_up(self._netlink, name, up=False)

    async def end(self) -> None:
        """Leave nothing behind."""
        if self._watch is not None:
            self._watch.cancel()
        self._wanted, self._held = {}, frozenset()
        await self._retire()
        with suppress(OSError):
            self._path.unlink()

    async def _make(self, device: Device) -> None:
        if self._made.get(device.name) not in (None, device):
            await self._remove(device.name)
        if not _exists(device.interface):
            return  # that is said of its virtual router, and it may appear yet
        self._made[device.name] = device
        self.trouble.pop(device.name, None)
        try:
            self._set_below(device)
            self._write_note()
            await macvlan.add(self._netlink, device.name, device.interface, device.mac)
            for setting in macvlan.settings(device.name, ipv6=device.ipv6):
                setting.write()
        except NetError as error:
            log.error("%s", error)
            del self._made[device.name]
            self.trouble[device.name] = str(error)

    def _set_below(self, device: Device) -> None:
        if not device.ipv4 or device.interface in self._before:
            return
        if strict := macvlan.strict_filter():
            log.warning("%s: what comes for %s may be dropped", strict, device.name)
        changes = [s for s in macvlan.settings_below(device.interface) if s.read() != s.value]
        self._before[device.interface] = tuple(Sysctl(s.name, s.read()) for s in changes)
        self._write_note()
        for setting in changes:
            setting.write()

    async def _retire(self) -> None:
        async with self._lock:
            for name in self._made.keys() - self._wanted.keys() - self._held:
                await self._remove(name)
                del self._made[name]
            used = {device.interface for device in self._made.values() if device.ipv4}
            for interface in self._before.keys() - used:
                self._restore(self._before.pop(interface))
            self._write_note()

    async def _remove(self, name: str) -> bool:
        try:
            return await macvlan.remove(self._netlink, name)
        except NetError as error:
            log.error("%s", error)
            return False

    def _restore(self, before: Iterable[Sysctl]) -> None:
        for setting in before:
            with suppress(NetError):  # its interface may be gone
                setting.write()

    def _write_note(self) -> None:
        if not self._made and not self._before:
            with suppress(OSError):
                self._path.unlink()
            return
        try:
            self._path.write_bytes(encode(_Note(tuple(self._made), self._before)))
        except OSError as error:
            log.error("cannot note the devices made (%s): they would outlive a crash", error)

    async def _put_back(self) -> None:
        """Make again what somebody has removed, or what went with its interface."""
        async with AsyncIPRoute() as netlink:
            async for change in links.watch(netlink):
                await self._follow(change.before, change.after)

    async def _follow(self, before: Link | None, after: Link | None) -> None:
        if before is not None and after is None:
            # The next interface of this name has settings of its own.
            self._before.pop(before.name, None)
            again = [self._wanted[before.name]] if before.name in self._wanted else []
        elif before is None and after is not None:
            again = [d for d in self._wanted.values() if d.interface == after.name]
        else:
            return
        troubled = dict(self.trouble)
        async with self._lock:
            for device in again:
                await self._make(device)
        if self.trouble != troubled:
            self._changed()


def _exists(interface: str) -> bool:
    with suppress(OSError):
        return socket.if_nametoindex(interface) > 0
    return False
