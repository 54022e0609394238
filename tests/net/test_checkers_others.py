"""`SMTP_CHECK`, `UDP_CHECK`, `DNS_CHECK` and `PING_CHECK` against servers on loopback."""

import asyncio
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import cast

import pytest
from checked import FAST, LOOPBACK, Handler, answered, first_verdict, watched
from dns import message, rcode
from net_segment import inside, ip

from trimaran.model.check import (
    Check,
    CheckTiming,
    DnsCheck,
    PingCheck,
    SmtpCheck,
    TcpCheck,
    UdpCheck,
)
from trimaran.model.duration import MILLISECOND

TIMEOUT = 300 * MILLISECOND
NAMESPACE = "tk-ping"


def smtp(port: int) -> SmtpCheck:
    return SmtpCheck(LOOPBACK, port, None, TIMEOUT, FAST, name="me.example")


def server(*replies: bytes) -> Handler:
    """A mail server that says the first at once, and each other after a line."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(replies[0])
        for reply in replies[1:]:
            line = await reader.readline()
            if reply.startswith(b"250"):
                assert line == b"HELO me.example\r\n"
            writer.write(reply)
        await asyncio.sleep(5)

    return handle


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ((b"220 a\r\n", b"250 b\r\n", b"221 bye\r\n"), "up: greeted, and took HELO"),
        ((b"220-a\r\n220 b\r\n", b"250 b\r\n", b"221 bye\r\n"), "up: greeted, and took HELO"),
        ((b"421 busy\r\n",), "down: the greeting is 421, not 220"),
        ((b"220 a\r\n", b"550 b\r\n"), "down: the reply to HELO is 550, not 250"),
        ((b"220-a\r\n",), "down: connected, but is silent for 0.3 s"),
        ((b"SSH-2.0\r\n",), "down: the greeting is not SMTP"),
    ],
)
def test_smtp(replies: tuple[bytes, ...], expected: str) -> None:
    assert answered(server(*replies), smtp).startswith(expected)


class Datagrams(asyncio.DatagramProtocol):
    """Answers each datagram."""

    def __init__(self, answer: Callable[[bytes], list[bytes]]) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        for reply in self._answer(data):
            self._transport.sendto(reply, address)


def said_of(answer: Callable[[bytes], list[bytes]], make: Callable[[int], Check]) -> str:
    async def work() -> str:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Datagrams(answer), ("127.0.0.1", 0)
        )
        try:
            async with watched(make(transport.get_extra_info("sockname")[1])) as one:
                return await one.until("up", "down")
        finally:
            transport.close()

    return asyncio.run(work())


def closed_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def udp(port: int, reply: tuple[tuple[int, int], ...] | None = None) -> UdpCheck:
    return UdpCheck(LOOPBACK, port, None, TIMEOUT, FAST, payload=b"ping", reply=reply)


def test_udp() -> None:
    a = ((0x61, 0xFF),)
    assert said_of(lambda _: [], udp).startswith("up: no error")
    assert said_of(lambda _: [], lambda port: udp(port, ())).startswith("down: no reply within")
    assert said_of(lambda data: [data], lambda port: udp(port, ())).startswith("up: a reply of 4")
    assert said_of(lambda _: [b"abc"], lambda port: udp(port, a)).startswith("up: a reply of 3")
    assert said_of(lambda _: [b"bc"], lambda port: udp(port, a)).startswith("down: byte 0 of the")
    assert first_verdict(udp(closed_port())).startswith("down: port unreachable")


def dns(port: int) -> DnsCheck:
    return DnsCheck(LOOPBACK, port, None, TIMEOUT, FAST, name="www.example.", record="A")


def resolve(code: int) -> Callable[[bytes], list[bytes]]:
    def answer(data: bytes) -> list[bytes]:
        query = message.from_wire(data)
        stranger = message.make_response(query)
        stranger.id ^= 1
        reply = message.make_response(query)
        reply.set_rcode(rcode.Rcode(code))
        return [stranger.to_wire(), reply.to_wire()]

    return answer


def test_dns() -> None:
    assert said_of(resolve(0), dns).startswith("up: answered")
    assert said_of(resolve(2), dns).startswith("down: the answer is SERVFAIL")
    assert said_of(lambda data: [data], dns).startswith("down: no answer within 0.3 s")
    assert said_of(lambda data: [data[:9]], dns).startswith("down: the reply is not DNS")
    assert first_verdict(dns(closed_port())).startswith("down: port unreachable")


def ping(address: str) -> PingCheck:
    return PingCheck(ip_address(address), 0, None, TIMEOUT, FAST)


@pytest.fixture
def network() -> Iterator[None]:
    """Be in a namespace with 10.97.0.0/24 and fd97::/64 on a link where nobody answers."""
    with suppress(subprocess.CalledProcessError):
        ip("netns", "del", NAMESPACE)
    ip("netns", "add", NAMESPACE)
    try:
        ip("-n", NAMESPACE, "link", "set", "lo", "up")
        ip("-n", NAMESPACE, "link", "add", "tk0", "type", "veth", "peer", "tk1")
        ip("-n", NAMESPACE, "address", "add", "10.97.0.1/24", "dev", "tk0")
        ip("-n", NAMESPACE, "address", "add", "fd97::1/64", "dev", "tk0", "nodad")
        for device in ("tk0", "tk1"):
            ip("-n", NAMESPACE, "link", "set", device, "up")
        with inside(NAMESPACE):
            yield
    finally:
        ip("netns", "del", NAMESPACE)


def test_ping(network: None) -> None:
    assert first_verdict(ping("127.0.0.1")).startswith("up: echo reply")
    assert first_verdict(ping("10.97.0.1")).startswith("up: echo reply")
    assert first_verdict(ping("::1")).startswith("up: echo reply")
    assert first_verdict(ping("fd97::1")).startswith("up: echo reply")
    assert first_verdict(ping("10.97.0.9")).startswith("down: no echo reply within 0.3 s")
    assert first_verdict(ping("fd97::9")).startswith("down: no echo reply within 0.3 s")
    assert first_verdict(ping("10.96.0.9")).startswith("down: network unreachable")


def test_source_interface_and_mark(network: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        address, source = LOOPBACK, ip_address("127.0.0.7")
        asked = TcpCheck(address, port, source, TIMEOUT, FAST, 7777, "lo", 9)
        assert first_verdict(asked).startswith("up: connected")
        lost = TcpCheck(address, port, None, TIMEOUT, FAST, 0, "nonexistent")
        said = first_verdict(lost)
        assert said.startswith("down: cannot bind to nonexistent: there is no such interface")
        absent = PingCheck(address, 0, ip_address("10.97.0.77"), TIMEOUT, FAST)
        assert first_verdict(absent).startswith("down: cannot bind to 10.97.0.77")
        assert first_verdict(PingCheck(source, 0, source, TIMEOUT, FAST)).startswith("up")


def test_all_checks_of_a_server_must_be_up() -> None:
    timing = CheckTiming(FAST.delay_loop, 0, 0, 0)
    good = PingCheck(LOOPBACK, 1, None, TIMEOUT, timing)
    assert first_verdict(good, udp(closed_port())).startswith("down: port unreachable")
