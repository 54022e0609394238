"""IPv6 frames in and out, on the golden bench's addresses."""

import struct
from ipaddress import IPv6Address

from frames import (
    DIRECTOR_MAC,
    GATEWAY_MAC,
    TX,
    VIP,
    Director,
    checksum,
)

from trimaran.dataplane.base import Destination, Service, Settings, Tunnel
from trimaran.dataplane.xdp.ways import Neighbour
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey

VIP6 = IPv6Address("2001:db8:1::10")
DIRECTOR6 = IPv6Address("2001:db8:1::1")
CLIENT6 = IPv6Address("2001:db8:c::9")
HTTP6 = ServiceKey(Protocol.TCP, VIP6, 80)
DNS6 = ServiceKey(Protocol.UDP, VIP6, 53)
HOP_BY_HOP, ROUTING, FRAGMENT, OPTIONS = 0, 43, 44, 60
TCP, UDP, ICMP6, SCTP = 6, 17, 58, 132


def server6(last: int, port: int = 80) -> ServerKey:
    return ServerKey(IPv6Address(f"2001:db8:1::{last}"), port)


def server6_mac(last: int) -> bytes:
    """As in the golden files: 02:00:00:00:06:0x is 2001:db8:1::10x."""
    return bytes.fromhex("0200000006") + bytes([last - 100])


def ip6(
    payload: bytes,
    next_header: int = TCP,
    *,
    source: str = str(CLIENT6),
    target: str = str(VIP6),
    hop_limit: int = 64,
    traffic: int = 0,
    length: int | None = None,
) -> bytes:
    length = len(payload) if length is None else length
    header = struct.pack("!IHBB", 6 << 28 | traffic << 20, length, next_header, hop_limit)
    return header + IPv6Address(source).packed + IPv6Address(target).packed + payload


def ethernet6(packet: bytes) -> bytes:
    return DIRECTOR_MAC + GATEWAY_MAC + b"\x86\xdd" + packet


def pseudo(packet: bytes, payload: bytes, protocol: int) -> bytes:
    """The pseudo header (RFC 8200, 8.1) of an IPv6 packet's payload."""
    return packet[8:40] + struct.pack("!II", len(payload), protocol)


def segment(flags: int, port: int, to: int, data: bytes = b"") -> bytes:
    return struct.pack("!HHIIBBHHH", port, to, 1000, 0, 0x50, flags, 8192, 0, 0) + data


def summed(packet: bytes, payload: bytes, protocol: int, at: int) -> bytes:
    """The payload with the checksum in its place."""
    value = checksum(pseudo(packet, payload, protocol) + payload)
    return payload[:at] + struct.pack("!H", value) + payload[at + 2 :]


def tcp6(
    flags: int, *, port: int = 20010, to: int = 80, data: bytes = b"", **outer: object
) -> bytes:
    """A frame with a TCP segment, its checksum right."""
    payload = segment(flags, port, to, data)
    payload = summed(ip6(payload, **outer), payload, TCP, 16)  # type: ignore[arg-type]
    return ethernet6(ip6(payload, **outer))  # type: ignore[arg-type]


def udp6(*, port: int = 20010, to: int = 53, data: bytes = b"x", **outer: object) -> bytes:
    payload = struct.pack("!HHHH", port, to, 8 + len(data), 0) + data
    payload = summed(ip6(payload, UDP, **outer), payload, UDP, 6)  # type: ignore[arg-type]
    return ethernet6(ip6(payload, UDP, **outer))  # type: ignore[arg-type]


def icmp6(kind: int, code: int, rest: int, quoted: bytes, **outer: object) -> bytes:
    """A frame with an ICMPv6 message, its checksum right."""
    payload = struct.pack("!BBHI", kind, code, 0, rest) + quoted
    payload = summed(ip6(payload, ICMP6, **outer), payload, ICMP6, 2)  # type: ignore[arg-type]
    return ethernet6(ip6(payload, ICMP6, **outer))  # type: ignore[arg-type]


def fragment_header(next_header: int, offset: int, *, more: bool, number: int = 7) -> bytes:
    """`offset` in bytes."""
    return struct.pack("!BBHI", next_header, 0, offset | more, number)


def is_right(frame: bytes, protocol: int, header: int = 40) -> bool:
    """Whether the checksum of what is in an IPv6 packet is right."""
    payload = frame[14 + header :]
    return checksum(pseudo(frame[14:], payload, protocol) + payload) == 0


class Director6:
    """A director that holds an IPv6 VIP as well, its servers 2001:db8:1::101 and up resolved."""

    def __init__(self, director: Director) -> None:
        self.director = director
        self.plane = director.plane
        self.plane.set_held([VIP, VIP6])
        for last in range(101, 110):
            self.resolve(last)

    def resolve(self, last: int, *, ifindex: int | None = None, mtu: int = 1500) -> None:
        ifindex = self.director.interface if ifindex is None else ifindex
        way = Neighbour(server6_mac(last), DIRECTOR_MAC, ifindex, mtu, DIRECTOR6)
        self.plane.set_neighbour(server6(last).address, way)

    def serve(
        self,
        *lasts: int,
        key: ServiceKey = HTTP6,
        settings: Settings = Settings("rr"),  # noqa: B008
        forwarding: Forwarding = Forwarding.DIRECT_ROUTING,
        tunnel: Tunnel = Tunnel(),  # noqa: B008
        port: int | None = None,
    ) -> None:
        """Makes the service have exactly these servers."""
        destinations = tuple(
            Destination(server6(last, port or key.port), 1, forwarding, tunnel=tunnel)
            for last in lasts
        )
        self.plane.apply([Service(key, settings, destinations)])

    def send(self, frame: bytes) -> tuple[int, bytes]:
        return self.director.send(frame)

    def chosen(self, frame: bytes) -> int:
        """Last digits of the address of the server that the frame went to; 0: to none."""
        verdict, out = self.send(frame)
        return 100 + out[5] if verdict == TX and out[:5] == server6_mac(100)[:5] else 0
