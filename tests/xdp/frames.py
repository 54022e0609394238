"""Frames in and out, and a director to run them through."""

import ipaddress
import socket
import struct
import time
from dataclasses import dataclass, field

from trimaran.dataplane.base import (
    Connection,
    Destination,
    Service,
    ServiceView,
    Settings,
    Tunnel,
)
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.layout import TICKS_PER_SECOND
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.dataplane.xdp.ways import Neighbour
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey

IPIP = Tunnel()
ABORTED, DROP, PASS, TX, REDIRECT = range(5)
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

DIRECTOR_MAC = bytes.fromhex("020000000001")
GATEWAY_MAC = bytes.fromhex("02000000fefe")
DIRECTOR = ipaddress.IPv4Address("192.168.1.1")
VIP = ipaddress.IPv4Address("192.168.1.10")
HTTP = ServiceKey(Protocol.TCP, VIP, 80)
DNS = ServiceKey(Protocol.UDP, VIP, 53)
LOOPBACK = 1
"""The interface that test runs come in by, unless there is another."""


def server(last: int, port: int = 80) -> ServerKey:
    return ServerKey(ipaddress.IPv4Address(f"192.168.1.{last}"), port)


def server_mac(last: int) -> bytes:
    """As in the golden files: 02:00:00:00:01:0x is 192.168.1.10x."""
    return bytes.fromhex("0200000001") + bytes([last - 100])


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(packet: bytes) -> bytes:
    return DIRECTOR_MAC + GATEWAY_MAC + b"\x08\x00" + packet


def ip(
    payload: bytes,
    protocol: int = 6,
    *,
    source: str = "10.0.0.9",
    target: str = str(VIP),
    ttl: int = 64,
    fragment: int = 0x4000,
    options: bytes = b"",
    length: int | None = None,
) -> bytes:
    header = struct.pack(
        "!BBHHHBBH4s4s",
        0x40 | (5 + len(options) // 4),
        0,
        20 + len(options) + len(payload) if length is None else length,
        0,
        fragment,
        ttl,
        protocol,
        0,
        socket.inet_aton(source),
        socket.inet_aton(target),
    )
    header += options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def tcp(
    flags: int, *, port: int = 20010, to: int = 80, data: bytes = b"", **outer: object
) -> bytes:
    """A frame with a TCP segment (whose checksum nobody looks at)."""
    segment = struct.pack("!HHIIBBHHH", port, to, 1000, 0, 0x50, flags, 8192, 0x1234, 0)
    return ethernet(ip(segment + data, **outer))  # type: ignore[arg-type]


def udp(*, port: int = 20010, to: int = 53, data: bytes = b"x", **outer: object) -> bytes:
    datagram = struct.pack("!HHHH", port, to, 8 + len(data), 0x1234) + data
    return ethernet(ip(datagram, 17, **outer))  # type: ignore[arg-type]


@dataclass
class Director:
    """A dataplane with `servers` 192.168.1.101 and up, all resolved, and the VIP held."""

    plane: XdpDataplane
    interface: int = LOOPBACK
    now: int = field(default_factory=time.monotonic_ns)

    def __post_init__(self) -> None:
        self.plane.set_held([VIP])
        self.plane.poll(self.now)
        for last in range(101, 110):
            self.resolve(last)

    def resolve(self, last: int, *, ifindex: int | None = None, mtu: int = 1500) -> None:
        ifindex = self.interface if ifindex is None else ifindex
        way = Neighbour(server_mac(last), DIRECTOR_MAC, ifindex, mtu, DIRECTOR)
        self.plane.set_neighbour(server(last).address, way)

    def serve(
        self,
        *lasts: int,
        key: ServiceKey = HTTP,
        weights: dict[int, int] | None = None,
        forwarding: Forwarding = Forwarding.DIRECT_ROUTING,
        tunnel: Tunnel = IPIP,
        port: int | None = None,
    ) -> None:
        """Makes the service have exactly these servers."""
        destinations = tuple(
            Destination(
                server(last, port or key.port),
                (weights or {}).get(last, 1),
                forwarding,
                tunnel=tunnel,
            )
            for last in lasts
        )
        self.plane.apply([Service(key, Settings("rr"), destinations)])

    def send(self, frame: bytes) -> tuple[int, bytes]:
        context = b""
        if self.interface != LOOPBACK:
            context = struct.pack("6I", 0, len(frame), 0, self.interface, 0, 0)
        result = libbpf.run(self.plane.program, data=frame, context=context)
        return result.value, result.data

    def chosen(self, frame: bytes) -> int:
        """Last byte of the address of the server that the frame went to; 0: to none."""
        verdict, out = self.send(frame)
        return 100 + out[5] if verdict == TX and out[:5] == server_mac(100)[:5] else 0

    def poll(self, seconds: float = 1) -> list[str]:
        self.now += int(seconds * 1e9)
        return list(self.plane.poll(self.now))

    def service(self, key: ServiceKey = HTTP) -> ServiceView:
        return next(view for view in self.plane.services() if view.key == key)

    def counts(self, last: int, key: ServiceKey = HTTP) -> tuple[int, int]:
        """ActiveConn and InActConn of a server."""
        for view in self.service(key).destinations:
            if view.destination.key == server(last, key.port):
                return view.active_connections, view.inactive_connections
        raise AssertionError(f"no server {last}")

    def flows(self) -> list[Connection]:
        return list(self.plane.connections())

    def state(self) -> str:
        (flow,) = self.flows()
        return flow.state

    def expire_all(self) -> None:
        """Makes every entry's time be over."""
        tick = int(self.plane.tables.tick()) & 0xFFFFFFFF
        for flows in self.plane.tables.fields().values():
            live = flows["control"] != 0
            control = flows["control"] >> 32 << 32 | (tick - 1)
            flows["control"][live] = control[live]

    def age(self, seconds: float) -> None:
        """Makes so much of every entry's time be over."""
        ticks = int(seconds * TICKS_PER_SECOND)
        for flows in self.plane.tables.fields().values():
            live = flows["control"] != 0
            control = flows["control"] >> 32 << 32 | (flows["control"] - ticks) & 0xFFFFFFFF
            flows["control"][live] = control[live]
