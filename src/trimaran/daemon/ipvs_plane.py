"""The plane on the kernel's IPVS: services are programmed, and looked after; no more is needed.

IPVS finds out itself which addresses are the director's and how to reach real servers, and goes
on when this process dies. Work on a great many services takes seconds: a thread does it, one
piece at a time, so that this process keeps answering.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from pyroute2 import AsyncIPRoute

from trimaran.daemon import leftovers, planes
from trimaran.daemon.child import CannotRun, Send
from trimaran.daemon.choice import Kind
from trimaran.daemon.logs import few
from trimaran.daemon.messages import (
    AddressesHeld,
    Applied,
    ConfigurePlane,
    HoldAddresses,
    PlaneStatus,
    Remaining,
    ServerConnections,
    Synchronised,
    ToChild,
)
from trimaran.daemon.news import Heard
from trimaran.daemon.service_note import ServiceNote
from trimaran.daemon.tasks import spawn
from trimaran.daemon.timeouts import ConfiguredTimeouts
from trimaran.dataplane.base import DataplaneError, Service, SyncDaemon, SyncRole
from trimaran.dataplane.ipvs.operator import connect
from trimaran.dataplane.ipvs.plane import ForeignChanges, IpvsDataplane
from trimaran.model.address import VirtualAddress
from trimaran.model.service import ServerKey, ServiceKey
from trimaran.model.sync import Synchronisation
from trimaran.model.timeouts import NO_TIMEOUTS
from trimaran.net import links

log = logging.getLogger("plane")

_REVIEW_SECONDS = 0.5
_REVIEW_SERVICES = 100
"""Looked at in each review: some 10 ms of work, so that 10,000 services take 50 s."""
_APPLY_AGAIN_EVERY_REVIEWS = 20


class IpvsPlane:
    """Body of the plane process. `note`: a path, see `ServiceNote`; `foreign_changes`: by name."""

    def __init__(self, send: Send, note: str, foreign_changes: str) -> None:
        self._send = send
        self._note = ServiceNote(Path(note))
        self._foreign_changes = ForeignChanges(foreign_changes)
        self._told: Heard[Service] = Heard()
        self._services: tuple[Service, ...] = ()
        self._number = 0
        self._watched: tuple[tuple[ServiceKey, ServerKey], ...] = ()
        self._wanted_timeouts = NO_TIMEOUTS
        self._announced: tuple[VirtualAddress, ...] = ()
        self._expected: tuple[VirtualAddress, ...] = ()
        self._synchronisation: Synchronisation | None = None
        self._sync_daemon: SyncDaemon | None = None
        self._changed = asyncio.Event()
        self._trouble = ""
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def start(self) -> None:
        try:
            self._dataplane = IpvsDataplane(
                connect(),
                owned=self._note.read(),
                note=self._note.write,
                foreign_changes=self._foreign_changes,
            )
        except DataplaneError as error:
            raise CannotRun(str(error)) from error
        self._timeouts = ConfiguredTimeouts(self._dataplane)
        self._netlink = AsyncIPRoute()
        await self._netlink.setup_endpoint()
        if await links.with_xdp(self._netlink):
            # An XDP dataplane that was killed would see every packet first.
            leftovers.remove_programs()
        self._worker = spawn(self._work(), "work")
        self._send(PlaneStatus(Kind.IPVS, {}))

    def handle(self, message: ToChild) -> None:
        match message:
            case ConfigurePlane(news, _, timeouts, synchronisation, number, watched):
                self._services, self._number = self._told.take(news), number
                self._watched = watched
                self._synchronisation = synchronisation
                self._send(Synchronised())  # kernels cannot be asked for what they know
                self._wanted_timeouts = timeouts
                self._changed.set()
            case HoldAddresses(number, addresses, expected):
                # Nothing to be prepared: IPVS serves whatever address the kernel has.
                self._announced, self._expected = addresses, expected
                self._changed.set()
                self._send(AddressesHeld(number))

    async def stop(self, *, orphaned: bool) -> None:
        self._worker.cancel()
        if orphaned:
            await planes.let_go(self._netlink, (*self._announced, *self._expected))
        self._synchronisation = None
        await self._do(self._synchronise)
        await self._do(self._timeouts.restore)
        await self._do(self._dataplane.release)

    async def _work(self) -> None:
        # Until told otherwise, what an earlier plane left in the kernel is right as it is.
        await self._changed.wait()
        reviews = 0
        while True:
            reviews += 1
            retry = reviews % _APPLY_AGAIN_EVERY_REVIEWS == 0 and self._dataplane.left_out()
            if self._changed.is_set() or retry:
                self._changed.clear()
                number = self._number
                await self._do(partial(self._timeouts.want, self._wanted_timeouts))
                trouble = await self._do(partial(self._dataplane.apply, self._services))
                await self._do(self._synchronise)
                left_out = [trouble] if trouble else self._dataplane.left_out()
                self._send(Applied(number, few(left_out)))
            else:
                await self._do(partial(self._dataplane.review, _REVIEW_SERVICES))
                await self._count()
            try:
                await asyncio.wait_for(self._changed.wait(), _REVIEW_SECONDS)
            except TimeoutError:
                continue

    async def _count(self) -> None:
        if not self._watched:
            return
        work = partial(self._dataplane.connections_of, self._watched)
        with suppress(DataplaneError):  # which applying and reviewing say
            counts = await asyncio.get_running_loop().run_in_executor(self._thread, work)
            found = [ServerConnections(*place, number) for place, number in counts.items()]
            self._send(Remaining(tuple(found)))

    def _synchronise(self) -> Sequence[str]:
        """Have the kernel tell others of connections while addresses are held here, else hear."""
        wanted = None
        if self._synchronisation is not None:
            role = SyncRole.MASTER if self._announced else SyncRole.BACKUP
            wanted = as_daemon(self._synchronisation, role)
        if wanted == self._sync_daemon:
            return ()
        if self._sync_daemon is not None:
            self._dataplane.stop_sync(self._sync_daemon.role)
            self._sync_daemon = None
        if wanted is None:
            return ("no synchronisation any more",)
        self._dataplane.start_sync(wanted)
        self._sync_daemon = wanted
        return (f"synchronisation on {wanted.interface}: {wanted.role}",)

    async def _do(self, work: Callable[[], Sequence[str]]) -> str:
        """Have the thread do it, after what it is doing, and say what came of it; why not."""
        trouble = ""
        try:
            planes.say(await asyncio.get_running_loop().run_in_executor(self._thread, work))
        except DataplaneError as error:
            trouble = str(error)
        trouble = trouble or self._note.problem
        if trouble and trouble != self._trouble:
            log.error("%s", trouble)
        self._trouble = trouble
        return trouble


def as_daemon(settings: Synchronisation, role: SyncRole) -> SyncDaemon:
    """The kernel's daemon that the configuration asks for."""
    return SyncDaemon(
        role,
        settings.interface,
        settings.syncid,
        settings.max_length,
        settings.group,
        settings.port,
        settings.ttl,
    )
