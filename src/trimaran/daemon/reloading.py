"""Reading the configuration again: one reload at a time, and nothing waits for it.

A large file takes a second or more to read. A thread does that, so that the steward goes on
answering its children: a virtual router that takes over waits for its answer.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from trimaran.conf import Diagnostic, Result, Severity
from trimaran.daemon import systemd
from trimaran.daemon.logs import few
from trimaran.daemon.tasks import spawn
from trimaran.model.config import Config

COMMAND = "reload"
"""What asks for a reload on the control socket; the answer is a `Reloaded`."""

Value = TypeVar("Value")
Read = Callable[[], Result]

log = logging.getLogger("steward")


class Verdict(StrEnum):
    """What became of a reload."""

    IN_FORCE = "the new configuration is in force"
    UNCHANGED = "nothing has changed"
    REFUSED = "the running configuration stays as it was"


class Reloaded(msgspec.Struct, frozen=True):
    """What became of a reload, and what was said of the file.

    `changes`: a line each. `left_out`: what the dataplane has no room for, or cannot do.
    """

    verdict: Verdict
    diagnostics: tuple[Diagnostic, ...] = ()
    reason: str = ""
    """Why it is refused, if the file itself is right."""
    changes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0


class Reloads:
    """Runs reloads one after another: `read` the file, then `take` what it says.

    Those asked for while one runs are one: the next. It reads what the file has by then.
    """

    def __init__(self, read: Read, take: Callable[[Config], Awaitable[Reloaded]]) -> None:
        self._read, self._take = read, take
        self._running = False
        self._next: asyncio.Future[Reloaded] | None = None

    def ask(self) -> asyncio.Future[Reloaded]:
        """Reload as soon as possible; not to be cancelled, since others may wait for it too."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        if not self._running:
            self._running = True
            spawn(self._run(), "reload")
        return self._next

    async def _run(self) -> None:
        try:
            while (asked := self._next) is not None:
                self._next = None
                asked.set_result(await self._reload())
        finally:
            self._running = False

    async def _reload(self) -> Reloaded:
        start = time.monotonic()
        systemd.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        result = await beside(self._read)
        for severity, level in (
            (Severity.ERROR, logging.ERROR),
            (Severity.WARNING, logging.WARNING),
        ):
            said = [str(one) for one in result.diagnostics if one.severity is severity]
            for line in few(said):
                log.log(level, "%s", line)
        outcome = Reloaded(Verdict.REFUSED)
        if result.config is not None:
            outcome = await self._take(result.config)
        systemd.notify("READY=1")
        if outcome.verdict is Verdict.REFUSED:
            log.error("reload refused: %s", outcome.reason or outcome.verdict)
        else:
            log.info("reload: %s", outcome.verdict)
        seconds = time.monotonic() - start
        return replace(outcome, diagnostics=result.diagnostics, seconds=seconds)


async def beside(work: Callable[[], Value]) -> Value:
    """Have a thread do it. The end of the process does not wait for that one."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Value] = loop.create_future()

    def finish(value: Value | None, error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(value)  # type: ignore[arg-type]
        else:
            done.set_exception(error)

    def run() -> None:
        value, error = None, None
        try:
            value = work()
        except Exception as raised:
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(finish, value, error)

    threading.Thread(target=run, name="reload", daemon=True).start()
    return await done
