"""The two versions of IP, as far as histories differ in them."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from frames import DIRECTOR_MAC, GATEWAY_MAC, VIP, ip, server, server_mac
from frames6 import VIP6, ip6, server6, server6_mac
from golden_bench import checksum, with_checksum
from packets import Endpoints
from seen import ICMP, ICMP6, IPV4, IPV6

from trimaran.model.ip import IPAddress
from trimaran.model.service import ServerKey


@dataclass(frozen=True, slots=True)
class Family:
    """A version of IP on the golden bench."""

    vip: IPAddress
    server: Callable[..., ServerKey]
    """By the last digits of its address, and the port."""
    server_mac: Callable[[int], bytes]
    clients: str
    """Their addresses, with room for two numbers."""
    router: str
    stray: str
    netmasks: Sequence[int]
    """Of persistence: a mask, or in IPv6 a prefix length."""
    big: int
    """Bytes of data that are too many for the server with the small MTU."""
    icmp: int
    errors: Sequence[tuple[int, int]]
    """Type and code of ICMP errors, and of what is none."""
    too_big: tuple[int, int]

    def packet(
        self, transport: bytes, protocol: int, ends: Endpoints, ttl: int = 64, *, df: bool = True
    ) -> bytes:
        """`df`: IPv4's; in IPv6 routers never fragment."""
        outer = {"source": ends.source, "target": ends.target}
        if self.icmp == ICMP6:
            return ip6(transport, protocol, hop_limit=ttl, **outer)
        return ip(transport, protocol, ttl=ttl, fragment=0x4000 if df else 0, **outer)

    def message(self, kind: int, code: int, rest: int, data: bytes, ends: Endpoints) -> bytes:
        """An ICMP message; `rest`: the second word."""
        message = struct.pack("!BBHI", kind, code, 0, rest) + data
        if self.icmp == ICMP6:
            return with_checksum(message, 2, ends.addresses, ICMP6)
        return message[:2] + struct.pack("!H", checksum(message)) + message[4:]

    def error(self, kind: int, code: int, quoted: bytes, ends: Endpoints) -> bytes:
        """An ICMP error about a packet."""
        rest = 1400 if (kind, code) == self.too_big else 0
        return self.message(kind, code, rest, quoted, ends)

    def ping(self, identifier: int, sequence: int, ends: Endpoints) -> bytes:
        """An echo request."""
        kind = 128 if self.icmp == ICMP6 else 8
        return self.message(kind, 0, identifier << 16 | sequence & 0xFFFF, b"", ends)

    def framed(self, packet: bytes, ends: Endpoints) -> bytes:
        """In the frame that it comes in: a server's have its MAC address, others the gateway's."""
        servers = {str(self.server(last).address): last for last in range(101, 110)}
        last = servers.get(ends.source)
        source = GATEWAY_MAC if last is None else self.server_mac(last)
        return DIRECTOR_MAC + source + (IPV6 if self.icmp == ICMP6 else IPV4) + packet


FOUR = Family(
    VIP, server, server_mac, "10.0.{}.{}", "10.9.9.9", "10.0.0.77",
    (0xFFFFFFFF, 0xFFFFFFF0, 0xFFFFFF00, 0), 1100, ICMP,
    ((3, 1), (3, 3), (3, 4), (11, 0), (4, 0), (12, 0), (5, 1)), (3, 4),
)  # fmt: skip
SIX = Family(
    VIP6, server6, server6_mac, "2001:db8:c::{}:{}", "2001:db8:9::9", "2001:db8:c::77",
    (128, 124, 112, 64), 1350, ICMP6,
    ((1, 0), (1, 4), (2, 0), (3, 0), (3, 1), (4, 1)), (2, 0),
)  # fmt: skip
