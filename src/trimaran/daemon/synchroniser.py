"""Synchronisation of connections with other directors, in the plane's process.

A director that holds addresses tells the others, once a second, what has changed in its
connection table; all enter what they hear. One that has just started asks for everything first,
and stands for election only when it has it: coming back costs no connection. The protocol is
IPVS's version 1 (ipvs-semantics 4.10), so that the others may be kernels; those cannot be asked.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Protocol

from trimaran.daemon.tasks import spawn
from trimaran.model.sync import Synchronisation
from trimaran.net import multicast
from trimaran.net.errors import NetError
from trimaran.sync import datagram
from trimaran.sync.record import Record

log = logging.getLogger("sync")

_EVERY_SECONDS = 1.0
_BURST_RECORDS = 2000
_PAUSE_SECONDS = 0.02
"""Between bursts: 100,000 records a second, which no receiver loses."""
_ASK_SECONDS = 0.3
_ASK_TIMES = 3
_SILENCE_SECONDS = 1.0
"""After so long without a datagram, what was asked for does not come any more."""
_LARGEST = 65535
_AT_A_TIME = 256


class Table(Protocol):
    """The connection table: `XdpDataplane` is one."""

    def changes(self) -> Iterator[Record]: ...
    def tell_all_again(self) -> None: ...
    def enter(self, records: Iterable[Record]) -> int: ...


class Synchroniser:
    """Runs from `start` to `stop`. `master`: whether this director holds addresses now."""

    def __init__(self, settings: Synchronisation, table: Table) -> None:
        self.master = False
        self.told = self.entered = self.discarded = 0
        self.complete = asyncio.Event()
        """Set when what others know is entered, or nobody answers."""
        self._settings = settings
        self._table = table
        self._asked = False
        self._heard = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Open the sockets. Raises NetError."""
        settings = self._settings
        where = (settings.interface, settings.group, settings.port)
        self._receiver = multicast.receiver(*where)
        try:
            self._sender = multicast.sender(*where, settings.ttl)
        except NetError:
            self._receiver.close()
            raise
        asyncio.get_running_loop().add_reader(self._receiver, self._receive)
        self._tasks = [spawn(self._ask(), "sync ask"), spawn(self._tell(), "sync tell")]

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        asyncio.get_running_loop().remove_reader(self._receiver)
        self._receiver.close()
        self._sender.close()

    # Telling

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            if not self.master:
                continue
            answering, self._asked = self._asked, False
            if answering:
                self._table.tell_all_again()
            changes = self._table.changes()
            while records := list(islice(changes, _BURST_RECORDS)):
                self.told += len(records)
                settings = self._settings
                for data in datagram.encode(records, settings.syncid, settings.max_length):
                    self._send(data)
                await asyncio.sleep(_PAUSE_SECONDS)
            if answering:
                self._send(datagram.end(self._settings.syncid))

    def _send(self, data: bytes) -> None:
        try:
            self._sender.send(data)
        except OSError as error:
            log.debug("not sent: %s", error)  # told again when it changes, or when asked

    # Hearing

    async def _ask(self) -> None:
        """Have everything told, a few times in case a datagram is lost."""
        for _ in range(_ASK_TIMES):
            if self.complete.is_set():
                return
            self._send(datagram.request(self._settings.syncid))
            await self._quiet(_ASK_SECONDS)
        while not self.complete.is_set() and await self._quiet(_SILENCE_SECONDS):
            pass
        self.complete.set()

    async def _quiet(self, seconds: float) -> bool:
        """Wait so long; whether anything was heard."""
        self._heard.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.complete.wait(), seconds)
        return self._heard.is_set()

    def _receive(self) -> None:
        for _ in range(_AT_A_TIME):
            try:
                data = self._receiver.recv(_LARGEST)
            except (BlockingIOError, OSError):
                return
            received = datagram.decode(data, self._settings.syncid)
            self.discarded += len(received.discarded)
            self._heard.set()
            if received.request:
                self._asked = True
            if received.end:
                self.complete.set()
            if received.records:
                self.entered += self._table.enter(received.records)
