"""Keeping one child running: start it, hear its signs of life, start it again when it dies."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from trimaran.daemon import bus, child
from trimaran.daemon.messages import Alive, FromChild, Log, Message, Ready, Stop, Stopping
from trimaran.daemon.pace import SLOWNESS
from trimaran.daemon.tasks import cancel, spawn

log = logging.getLogger("steward")

_SILENCE_SECONDS = {"speaker": 4.0, "bfd": 4.0, "checker": 6.0, "plane": 20.0}
"""How long a child may be busy. A plane with thousands of services takes seconds to apply them,
and forwarding does not depend on it meanwhile; a backup takes over from a silent speaker."""
_START_SECONDS = 20.0
_LIVED_LONG_SECONDS = 5.0
_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the steward does with a child's life."""

    message: Callable[[FromChild], None]
    ready: Callable[[], None]
    death: Callable[[], Awaitable[None]]
    """Awaited before the child is started again."""
    hopeless: Callable[[], None]
    """The child says that it cannot run on this machine."""


class Supervised:
    """One child, as `trimaran status` shows it: pid, since when, how often started again."""

    def __init__(self, name: str, hooks: Hooks, body: Sequence[str] = ()) -> None:
        """`body`: which one, if it is not called so, and its options: see `child.command`."""
        self.name = name
        self._body, *self._options = body or (name,)
        self.pid = 0
        self.since = 0.0
        self.restarts = 0
        self.ready = False
        self._hooks = hooks
        self._bus: bus.Bus[FromChild] | None = None
        self._heard = 0.0
        self._stopping = False
        self._answered = False
        self._log = logging.getLogger(name)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the child and keep it running until `stop`."""
        self._task = spawn(self._keep_running(), f"keep {self.name}")

    def send(self, message: Message) -> bool:
        """Tell the child; lost (False) if it is not running: it is told all again when it is."""
        return self._bus is not None and self.ready and self._bus.send(message)

    async def stop(self, seconds: float, *, more_if_it_answers: float = 0) -> bool:
        """Ask the child to clean up and end; kill it if it does not in time (False).

        One that takes long on purpose gets more time, unless it is so hung that it does not
        even say that it has heard.
        """
        self._stopping = True
        task = self._task
        if task is None:
            return True
        if self._bus is None or not self.ready:
            # It waits to be started again, or has not set anything up yet.
            await cancel((task,))
            return False
        self._bus.send(Stop())
        await asyncio.wait([task], timeout=seconds)
        if not task.done() and self._answered:
            seconds += more_if_it_answers
            await asyncio.wait([task], timeout=more_if_it_answers)
        if not task.done():
            log.error("%s (pid %d) did not stop in %.1f s: killed", self.name, self.pid, seconds)
            await cancel((task,))
            return False
        return True

    async def _keep_running(self) -> None:
        delay = _FIRST_DELAY_SECONDS
        while not self._stopping:
            started = time.monotonic()
            status = await self._run_once()
            self.ready = False
            if self._stopping:
                return
            if status == child.EXIT_CANNOT_RUN:
                self._hooks.hopeless()
                return
            how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
            log.error("%s (pid %d) died: %s", self.name, self.pid, how)
            await self._hooks.death()
            if time.monotonic() - started > _LIVED_LONG_SECONDS:
                delay = _FIRST_DELAY_SECONDS
            else:
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LONGEST_DELAY_SECONDS)
            self.restarts += 1

    async def _run_once(self) -> int:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *child.command(self._body, theirs.fileno(), self._options),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                )
        except BaseException:
            ours.close()
            raise
        self.pid, self.since = process.pid, time.time()
        self._heard = time.monotonic() + _START_SECONDS * SLOWNESS
        all_heard = asyncio.Event()
        watch = spawn(self._watch(process), f"watch {self.name}")
        try:
            self._bus = await bus.to_child(ours, self._receive, all_heard.set)
            status = await process.wait()
            # Its last words may still be in the socket.
            with suppress(TimeoutError):
                await asyncio.wait_for(all_heard.wait(), 0.2)
            return status
        finally:
            watch.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
            if self._bus is not None:
                self._bus.close()
                self._bus = None

    def _receive(self, message: FromChild) -> None:
        self._heard = max(self._heard, time.monotonic())
        match message:
            case Alive():
                pass
            case Stopping():
                self._answered = True
            case Log(level, text):
                self._log.log(level, "%s", text)
            case Ready():
                self._heard = time.monotonic()
                self.ready = True
                self._hooks.ready()
            case _:
                self._hooks.message(message)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Kill a child that hangs: a dead one is started again, a silent one helps nobody."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(1)
            if time.monotonic() - before > 2:
                # It is this process that was stopped: the others have not been listened to.
                self._heard = time.monotonic()
            silence = time.monotonic() - self._heard
            if silence > _SILENCE_SECONDS[self.name] * SLOWNESS:
                log.error("%s (pid %d) is silent for %.1f s: killed", self.name, self.pid, silence)
                with suppress(ProcessLookupError):
                    os.kill(process.pid, 9)
                return
