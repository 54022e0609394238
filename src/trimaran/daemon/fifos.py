"""FIFOs that events are written to, and the programs that read them.

Nothing here waits: what finds a FIFO full is dropped, and that is said.
"""

import asyncio
import errno
import logging
import os
import stat
from contextlib import suppress

from trimaran.daemon import scripts
from trimaran.daemon.tasks import cancel, spawn
from trimaran.model.notification import Fifo
from trimaran.model.script import Script, ScriptPolicy

log = logging.getLogger("steward")

_MODE = 0o600
_PAUSE_SECONDS = 1.0


class FifoWriter:
    """One FIFO, from `open` to `close`. One that was not there is removed at the end."""

    def __init__(self, fifo: Fifo, policy: ScriptPolicy) -> None:
        self.fifo, self.policy = fifo, policy
        self._descriptor: int | None = None
        self._made = False
        self._full = False
        self._reader: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Make it if need be, and start its reader. What is wrong is logged."""
        path = self.fifo.path
        try:
            self._descriptor = self._opened(path)
        except (OSError, LookupError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            log.error("FIFO %s cannot be used: %s", path, why)
            return
        if (reader := self.fifo.reader) is not None:
            script = Script((*reader.command, path), reader.user, reader.group)
            self._reader = spawn(self._keep_reading(script), f"reader of {path}")

    def write(self, line: str) -> None:
        """Write a line, or drop it if there is no room."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, f"{line}\n".encode())
            self._full = False
        except OSError as error:
            if error.errno != errno.EAGAIN or not self._full:
                why = "nobody reads it" if error.errno == errno.EAGAIN else error.strerror
                log.error("FIFO %s: %s: '%s' is dropped", self.fifo.path, why, line)
            self._full = error.errno == errno.EAGAIN

    def close(self) -> None:
        """Remove what was made; what reads it is ended by `closed`."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._made:
            with suppress(OSError):
                os.unlink(self.fifo.path)

    async def closed(self) -> None:
        """End the reader, and wait until it has ended."""
        if self._reader is not None:
            await cancel([self._reader])

    def _opened(self, path: str) -> int:
        user, group = scripts.account(Script((), self.fifo.user, self.fifo.group), self.policy)
        with suppress(FileExistsError):
            os.mkfifo(path, _MODE)
            self._made = True
            os.chown(path, user.pw_uid, group)
        # For reading too: so there is always a reader, and opening never waits for one.
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags)
        status = os.fstat(descriptor)
        if stat.S_ISFIFO(status.st_mode) and status.st_uid == user.pw_uid:
            return descriptor
        os.close(descriptor)
        if not stat.S_ISFIFO(status.st_mode):
            raise LookupError("it is there, and is no FIFO")
        raise LookupError(f"it is not owned by {user.pw_name}")

    async def _keep_reading(self, script: Script) -> None:
        while True:
            try:
                await self._read(script)
            except (OSError, LookupError, ValueError) as error:
                log.error("reader of FIFO %s cannot run: %s", self.fifo.path, error)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _read(self, script: Script) -> None:
        process = await scripts.start(script, self.policy)
        try:
            status = await process.wait()
            log.warning(
                "reader of FIFO %s ended with status %d: is started again",
                self.fifo.path,
                status,
            )
        finally:
            if process.returncode is None:
                await scripts.end(process)
