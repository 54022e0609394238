"""The checker against real sockets: loopback, and a namespace of its own where nobody answers."""

import asyncio
import logging
import os
import random
import resource
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from net_segment import inside, ip

from trimaran.daemon.checker import Checker
from trimaran.daemon.messages import ServersStatus, ServerStatus
from trimaran.health.administration import Place
from trimaran.model.check import CheckTiming, TcpCheck
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    VirtualService,
)

LOOPBACK = IPv4Address("127.0.0.1")
NAMESPACE = "th-check"
FAST = CheckTiming(
    delay_loop=100 * MILLISECOND, retry=2, delay_before_retry=30 * MILLISECOND, warmup=0
)


def check(
    port: int,
    address: IPv4Address = LOOPBACK,
    bind: str | None = None,
    timing: CheckTiming = FAST,
) -> TcpCheck:
    source = IPv4Address(bind) if bind else None
    return TcpCheck(address, port, source, 300 * MILLISECOND, timing)


def service(*checks: TcpCheck, port: int = 80) -> VirtualService:
    """A service whose real servers are what is checked."""
    return VirtualService(
        ServiceKey(Protocol.TCP, IPv4Address("192.168.1.10"), port),
        "rr",
        Forwarding.DIRECT_ROUTING,
        tuple(RealServer(ServerKey(c.address, c.port), checks=(c,)) for c in checks),
    )


class Observed:
    """A running checker and the latest that it reported."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self.latest: dict[Place, ServerStatus] = {}
        self.reports = 0
        self._news = asyncio.Event()
        self.checker = Checker(self._take, chance=chance)

    def _take(self, status: ServersStatus) -> None:
        if status.whole:
            self.latest.clear()
        for place in status.gone:
            del self.latest[place]
        self.latest |= {(one.service, one.server): one for one in status.servers}
        self.reports += 1
        self._news.set()

    async def until(self, *expected: str, seconds: float = 5.0) -> None:
        """Wait until the servers stand so, each as `up: reason`, `down: …` or `unknown: …`."""
        try:
            async with asyncio.timeout(seconds):
                while self.standings() != list(expected):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pytest.fail(f"after {seconds} s: {self.standings()}, not {list(expected)}")

    def standings(self) -> list[str]:
        words = {True: "up", False: "down", None: "unknown"}
        return [f"{words[server.up]}: {server.reason}" for server in self.latest.values()]

    async def __aenter__(self) -> "Observed":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.checker.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as made:
        made.setblocking(False)
        yield made


@pytest.fixture
def silent_network() -> Iterator[None]:
    """Be in a namespace with 10.98.0.0/24 on a link where nobody answers, and no other route."""
    with suppress(subprocess.CalledProcessError):
        ip("netns", "del", NAMESPACE)
    ip("netns", "add", NAMESPACE)
    try:
        ip("-n", NAMESPACE, "link", "set", "lo", "up")
        ip("-n", NAMESPACE, "link", "add", "th0", "type", "veth", "peer", "th1")
        ip("-n", NAMESPACE, "address", "add", "10.98.0.1/24", "dev", "th0")
        for device in ("th0", "th1"):
            ip("-n", NAMESPACE, "link", "set", device, "up")
        with inside(NAMESPACE):
            yield
    finally:
        ip("netns", "del", NAMESPACE)


def port_of(made: socket.socket) -> int:
    return int(made.getsockname()[1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return port_of(made)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "checker"]


def test_a_server_enters_leaves_after_its_retries_and_returns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()

    async def scenario() -> None:
        async with Observed() as observed:
            with socket.create_server(("127.0.0.1", port)):
                observed.checker.configure((service(check(port)),))
                await observed.until("up: connected")
            await observed.until("down: connection refused (3 attempts)")
            with socket.create_server(("127.0.0.1", port)):
                await observed.until("up: connected")

    asyncio.run(scenario())
    name = f"real server 127.0.0.1:{port} of TCP 192.168.1.10:80"
    assert lines(caplog) == [
        f"{name} is up: connected",
        f"{name} is down: connection refused (3 attempts)",
        f"{name} is up: connected",
    ]


def test_the_application_never_sees_a_check(listener: socket.socket) -> None:
    """Far more checks than the backlog holds; neither the queue nor TIME_WAIT has a trace."""

    async def scenario() -> None:
        async with Observed() as observed:
            checks = [check(port_of(listener), bind=f"127.0.1.{n}") for n in range(1, 21)]
            observed.checker.configure(tuple(service(c, port=n) for n, c in enumerate(checks)))
            await observed.until(*["up: connected"] * len(checks))
            while observed.checker.attempts < 3 * len(checks):
                await asyncio.sleep(0.02)
            assert observed.standings() == ["up: connected"] * len(checks)

    asyncio.run(scenario())
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert f"{port_of(listener):04X}" not in sockets_on_this_host()


def sockets_on_this_host() -> list[str]:
    """The remote ports, in hex, of all TCP sockets that have a peer."""
    with open("/proc/net/tcp") as table:
        return [line.split()[2].rpartition(":")[2] for line in table.readlines()[1:]]


@pytest.mark.skipif(os.geteuid() != 0, reason="a packet socket needs root")
def test_what_is_on_the_wire_is_half_a_handshake_and_a_reset(listener: socket.socket) -> None:
    async def scenario() -> None:
        async with Observed() as observed:
            slow = CheckTiming(delay_loop=60 * SECOND)
            probe = check(port_of(listener), bind="127.0.0.9", timing=slow)
            observed.checker.configure((service(probe),))
            await observed.until("up: connected")
            await asyncio.sleep(0.1)

    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as sniffer:
        sniffer.bind(("lo", 0))
        sniffer.setblocking(False)
        asyncio.run(scenario())
        seen = []
        with suppress(BlockingIOError):
            while True:
                packet, (_, _, kind, *_) = sniffer.recvfrom(2048)
                ports = packet[20:24]
                ours = port_of(listener).to_bytes(2, "big") in (ports[:2], ports[2:])
                if packet[9] == 6 and ours and kind != socket.PACKET_OUTGOING:
                    seen.append((socket.inet_ntoa(packet[12:16]), packet[33] & 0x17))
    syn, syn_ack, rst = 0x02, 0x12, 0x04
    assert [(source, flags & ~0x10 if flags & rst else flags) for source, flags in seen] == [
        ("127.0.0.9", syn),
        ("127.0.0.1", syn_ack),
        ("127.0.0.9", rst),
    ]


def test_an_application_that_no_longer_accepts_is_down(listener: socket.socket) -> None:
    """Its accept queue is full, so that its kernel drops what comes."""

    async def scenario() -> None:
        with suppress(BlockingIOError):
            for _ in range(2):
                client = socket.socket()
                clients.append(client)
                client.settimeout(1)
                client.connect(("127.0.0.1", port_of(listener)))
        async with Observed() as observed:
            observed.checker.configure((service(check(port_of(listener))),))
            await observed.until("down: no answer within 0.3 s")

    clients: list[socket.socket] = []
    try:
        asyncio.run(scenario())
    finally:
        for client in clients:
            client.close()


@pytest.mark.usefixtures("silent_network")
def test_where_nobody_answers() -> None:
    async def scenario() -> None:
        async with Observed() as observed:
            observed.checker.configure(
                (
                    service(
                        check(80, IPv4Address("10.98.0.77")),
                        check(80, IPv4Address("192.0.2.1")),
                        check(80, IPv4Address("10.98.0.1"), bind="10.98.0.99"),
                    ),
                )
            )
            await observed.until(
                "down: no answer within 0.3 s",
                "down: network unreachable",
                "down: cannot bind to 10.98.0.99: not an address of this host",
            )

    asyncio.run(scenario())


def test_a_reload_keeps_what_did_not_change(listener: socket.socket) -> None:
    async def scenario() -> None:
        async with Observed(lambda: 0.5) as observed:
            keep, drop = check(port_of(listener)), check(free_port())
            later = CheckTiming(delay_loop=60 * SECOND, warmup=SECOND)
            observed.checker.configure((service(keep, drop),))
            await observed.until("up: connected", "down: connection refused")
            before, *_ = observed.latest.values()

            changed = check(port_of(listener), timing=later)
            observed.checker.configure((service(keep), service(changed, port=443)))
            await observed.until("up: connected", "unknown: not checked yet")
            await observed.until("up: connected", "up: connected")
            assert next(iter(observed.latest.values())).since == before.since

            observed.checker.configure(())
            await observed.until()
            attempts = observed.checker.attempts
            await asyncio.sleep(0.25)
            assert observed.checker.attempts == attempts, "removed checks have stopped"

    asyncio.run(scenario())


def test_equal_checks_are_made_once(listener: socket.socket) -> None:
    async def scenario() -> None:
        async with Observed() as observed:
            shared = check(port_of(listener), timing=CheckTiming(delay_loop=60 * SECOND))
            observed.checker.configure(tuple(service(shared, port=n) for n in range(50)))
            await observed.until(*["up: connected"] * 50)
            assert observed.checker.attempts == 1

    asyncio.run(scenario())


def test_many_checks_are_spread_evenly_and_share_reports(listener: socket.socket) -> None:
    count, interval = 500, 1000 * MILLISECOND

    async def scenario() -> None:
        async with Observed() as observed:
            timing = CheckTiming(delay_loop=interval)
            first = IPv4Address("127.2.0.1")
            with socket.create_server(("0.0.0.0", 0), backlog=1) as everywhere:
                checks = [
                    check(port_of(everywhere), first + n, timing=timing) for n in range(count)
                ]
                observed.checker.configure((service(*checks),))
                await observed.until(*["up: connected"] * count)
                assert observed.reports < 60, "changes in a rush share reports"
                await asyncio.sleep(1.0)
                starts = []
                for _ in range(10):
                    before = observed.checker.attempts
                    await asyncio.sleep(0.1)
                    starts.append(observed.checker.attempts - before)
        assert sum(starts) == pytest.approx(count, rel=0.1)
        assert max(starts) < 3 * count / len(starts)

    asyncio.run(scenario())


def test_a_host_that_lacks_descriptors_blames_no_server(
    listener: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with Observed() as observed:
            observed.checker.configure((service(check(port_of(listener))),))
            await observed.until("up: connected")
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                await asyncio.sleep(0.5)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert observed.standings() == ["up: connected"]

    asyncio.run(scenario())
    complaint = "checks cannot be made, servers stay as they were: this process has no file"
    assert [line.startswith(complaint) for line in lines(caplog)] == [True]


def test_servers_without_checks_are_up_and_closing_leaves_nothing_open() -> None:
    async def scenario() -> None:
        unchecked = VirtualService(
            ServiceKey(Protocol.UDP, IPv4Address("192.168.1.10"), 53),
            "rr",
            Forwarding.DIRECT_ROUTING,
            (RealServer(ServerKey(LOOPBACK, 53)),),
        )
        before = len(os.listdir("/proc/self/fd"))
        async with Observed() as observed:
            observed.checker.configure((unchecked, service(check(9))))
            await observed.until("up: no check is configured", "down: connection refused")
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(scenario())
