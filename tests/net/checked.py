"""For tests of checkers: a checker that watches one server, and what it reports."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address

from trimaran.daemon.checker import Checker
from trimaran.daemon.messages import ServersStatus, ServerStatus
from trimaran.model.check import Check, CheckTiming
from trimaran.model.duration import MILLISECOND
from trimaran.model.script import ScriptPolicy
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    VirtualService,
)

LOOPBACK = IPv4Address("127.0.0.1")
FAST = CheckTiming(
    delay_loop=150 * MILLISECOND, retry=0, delay_before_retry=30 * MILLISECOND, warmup=0
)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Watched:
    """A running checker with one real server that has these checks."""

    def __init__(self, checks: tuple[Check, ...], policy: ScriptPolicy, weight: int) -> None:
        self.latest: ServerStatus | None = None
        self._news = asyncio.Event()
        self.checker = Checker(self._take)
        server = RealServer(ServerKey(LOOPBACK, 1), weight, checks)
        key = ServiceKey(Protocol.TCP, IPv4Address("192.168.1.10"), 80)
        service = VirtualService(key, "rr", Forwarding.DIRECT_ROUTING, (server,))
        self.checker.configure((service,), policy)

    def _take(self, status: ServersStatus) -> None:
        (self.latest,) = status.servers
        self._news.set()

    def now(self) -> str:
        """Such as `up: connected`, `down: ...`, `unknown: ...`."""
        if self.latest is None:
            return "nothing is reported"
        words = {True: "up", False: "down", None: "unknown"}
        return f"{words[self.latest.up]}: {self.latest.reason}"

    async def until(self, *starts: str, seconds: float = 5.0) -> str:
        """Wait until what is reported starts with one of these."""
        try:
            async with asyncio.timeout(seconds):
                while not self.now().startswith(starts):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"after {seconds} s: {self.now()}, not {starts}") from None
        return self.now()


@asynccontextmanager
async def watched(
    *checks: Check, policy: ScriptPolicy | None = None, weight: int = 1
) -> AsyncIterator[Watched]:
    """Check a server in these ways for as long as the context lasts."""
    made = Watched(checks, policy or ScriptPolicy(), weight)
    try:
        yield made
    finally:
        await made.checker.close()


def first_verdict(*checks: Check, policy: ScriptPolicy | None = None, seconds: float = 5.0) -> str:
    """What is first said of a server that is checked in these ways."""

    async def work() -> str:
        async with watched(*checks, policy=policy) as server:
            return await server.until("up", "down", seconds=seconds)

    return asyncio.run(work())


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A TCP server on loopback; its port."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def answered(
    handler: Handler, make: Callable[[int], Check], *expected: str, seconds: float = 5.0
) -> str:
    """What is said of a server with this handler, checked as `make` says for its port."""

    async def work() -> str:
        async with serving(handler) as port, watched(make(port)) as server:
            return await server.until(*(expected or ("up", "down")), seconds=seconds)

    return asyncio.run(work())
