"""`UDP_CHECK`, `DNS_CHECK` and `PING_CHECK`: a datagram, and what comes back."""

import asyncio
import errno
import random
import socket
from collections.abc import Callable

from trimaran.daemon.attempts.sockets import open_socket
from trimaran.health import dns, ping, udp
from trimaran.health.verdict import Verdict
from trimaran.model.check import DnsCheck, NetworkCheck, PingCheck, UdpCheck
from trimaran.model.duration import SECOND

_LARGEST = 65535
_ICMP_FILTER = 1
"""linux/icmp.h: an option of raw sockets, level SOL_RAW; a bit for each type not to deliver."""
_SOL_RAW = 255
_ICMP6_FILTER = 1
_ICMPV6_REPLY = 129
_ERRORS = (3, 11, 12)
"""ICMP's types of errors, which the kernel takes as the socket's own."""


async def attempt_udp(check: UdpCheck) -> Verdict:
    """Send the payload. Raises Failed, OSError."""

    def judge(reply: bytes) -> Verdict | None:
        return None if check.reply is None else udp.judge(check, reply)

    with open_socket(check, socket.SOCK_DGRAM) as made:
        try:
            return await _exchange(made, check, check.payload, judge) or udp.unanswered(check)
        except OSError as error:
            return udp.judge_error(error.errno or errno.EIO)


async def attempt_dns(check: DnsCheck) -> Verdict:
    """Ask. Raises Failed, OSError."""
    query = dns.query(check, random.randrange(2**16))
    with open_socket(check, socket.SOCK_DGRAM) as made:
        try:
            verdict = await _exchange(
                made, check, query.to_wire(), lambda reply: dns.judge(query, reply)
            )
        except OSError as error:
            return udp.judge_error(error.errno or errno.EIO)
    return verdict or dns.unanswered(check)


async def attempt_ping(check: PingCheck) -> Verdict:
    """Ping. Raises Failed, OSError."""
    number = random.randrange(2**32)

    def judge(packet: bytes) -> Verdict | None:
        return ping.ANSWERED if ping.is_reply(check, number, packet) else None

    version_6 = check.address.version == 6
    protocol = socket.IPPROTO_ICMPV6 if version_6 else socket.IPPROTO_ICMP
    with open_socket(check, socket.SOCK_RAW, protocol) as made:
        # Every raw socket gets all replies from its server: here, only echo replies.
        if version_6:
            mask = bytearray(b"\xff" * 32)
            word, bit = divmod(_ICMPV6_REPLY, 32)
            mask[word * 4 : word * 4 + 4] = (~(1 << bit) & 0xFFFFFFFF).to_bytes(4, "little")
            made.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, bytes(mask))
        else:
            wanted = sum(1 << kind for kind in (0, *_ERRORS))
            made.setsockopt(_SOL_RAW, _ICMP_FILTER, (~wanted & 0xFFFFFFFF).to_bytes(4, "little"))
        verdict = await _exchange(made, check, ping.request(check, number), judge)
    return verdict or ping.unanswered(check)


async def _exchange(
    made: socket.socket,
    check: NetworkCheck,
    request: bytes,
    judge: Callable[[bytes], Verdict | None],
) -> Verdict | None:
    """Send a request; the first verdict on what comes back in time, or None. Raises OSError."""
    loop = asyncio.get_running_loop()
    port = 0 if made.type == socket.SOCK_RAW else check.port
    made.connect((str(check.address), port))
    try:
        async with asyncio.timeout(check.connect_timeout / SECOND):
            await loop.sock_sendall(made, request)
            while True:
                verdict = judge(await loop.sock_recv(made, _LARGEST))
                if verdict is not None:
                    return verdict
    except TimeoutError:
        return None
