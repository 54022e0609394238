"""The bench that the golden sessions were captured on: a director between client and servers.

Its namespace has eth1 with the VIPs; servers and gateway are entries in its neighbour table. The
other end of its link is where packets of clients are put in.
"""

import argparse
import ctypes
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

_OUTSIDE = """\
link add v0 type veth peer name eth1 netns {director}
link set v0 mtu 9000 arp off up
"""
_INSIDE = """\
link set lo up
link set eth1 address 02:00:00:00:00:01 mtu 1500
link set eth1 up
addr add 192.168.1.1/24 dev eth1
addr add 192.168.1.10/32 dev eth1
addr add 2001:db8:1::1/64 dev eth1 nodad
addr add 2001:db8:1::10/128 dev eth1 nodad
route add default via 192.168.1.254
route add default via 2001:db8:1::fe
neigh add 192.168.1.254 lladdr 02:00:00:00:fe:fe dev eth1 nud permanent
neigh add 2001:db8:1::fe lladdr 02:00:00:00:fe:fe dev eth1 nud permanent
"""
_SETTINGS = """\
net.ipv4.ip_forward=1
net.ipv4.icmp_ratelimit=0
net.ipv4.conf.all.send_redirects=0
net.ipv4.conf.eth1.send_redirects=0
net.ipv6.conf.all.forwarding=1
net.ipv6.conf.eth1.accept_dad=0
net.ipv6.conf.eth1.router_solicitations=0
"""


class Bench:
    """Two namespaces, named with a prefix."""

    def __init__(self, prefix: str) -> None:
        self._director, self._client = f"{prefix}lb", f"{prefix}client"

    def __enter__(self) -> "Bench":
        with ExitStack() as undo:
            for name in (self._director, self._client):
                ip("netns", "add", name)
                undo.callback(ip, "netns", "del", name)
            self._make()
            undo.callback(self._wire.close)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _make(self) -> None:
        ip("-n", self._client, "-batch", "-", lines=_OUTSIDE.format(director=self._director))
        servers = "".join(
            f"neigh add 192.168.1.10{n} lladdr 02:00:00:00:01:0{n} dev eth1 nud permanent\n"
            f"neigh add 2001:db8:1::10{n} lladdr 02:00:00:00:06:0{n} dev eth1 nud permanent\n"
            for n in range(1, 10)
        )
        ip("-n", self._director, "-batch", "-", lines=_INSIDE + servers)
        with self.inside():
            subprocess.run(["sysctl", "-q", "-p", "-"], input=_SETTINGS, text=True, check=True)
            subprocess.run(["ethtool", "-K", "eth1", "tx", "off"], capture_output=True, check=True)
        with namespace(self._client):
            self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self._wire.bind(("v0", 0))

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread, and what it starts, in the director's namespace."""
        with namespace(self._director):
            yield

    def inject(self, arguments: list[str]) -> None:
        """Put packets in as `inject PROTO SRC:PORT DST:PORT [FLAGS] [-n N] [-l BYTES]`."""
        frame, count = build(arguments)
        for _ in range(count):
            self._wire.send(frame)


@contextmanager
def namespace(name: str) -> Iterator[None]:
    """This thread in a named network namespace."""
    with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{name}") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def ip(*words: str, lines: str = "") -> None:
    subprocess.run(["ip", *words], input=lines, text=True, check=True)


def build(arguments: list[str]) -> tuple[bytes, int]:
    """The frame of an `inject` command, and how often it is sent."""
    parser = argparse.ArgumentParser()
    for name in ("protocol", "source", "target"):
        parser.add_argument(name)
    parser.add_argument("kind", nargs="?", default="")
    parser.add_argument("-l", dest="length", type=int, default=0)
    parser.add_argument("-n", dest="count", type=int, default=1)
    parser.add_argument("--text")
    given = parser.parse_args(arguments)
    (source, source_port), (target, target_port) = endpoint(given.source), endpoint(given.target)
    data = b"x" * given.length
    if given.text:
        data = given.text.encode().decode("unicode_escape").encode()
    ports = struct.pack("!HH", source_port, target_port)
    match given.protocol:
        case "tcp":
            flags = sum({"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}[letter] for letter in given.kind)
            head = ports + struct.pack("!IIBBHHH", 1000, 0, 0x50, flags, 8192, 0, 0)
            number, segment = 6, with_checksum(head + data, 16, source + target, 6)
        case "udp":
            head = ports + struct.pack("!HH", 8 + len(data), 0)
            number, segment = 17, with_checksum(head + data, 6, source + target, 17)
        case _:
            chunk = struct.pack("!BBH", int(given.kind), 0, 4)
            number, segment = 132, sctp(ports + struct.pack("!I", 1), chunk)
    return ethernet(source, target, number, segment), given.count


def endpoint(text: str) -> tuple[bytes, int]:
    address, _, port = text.rpartition(":")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address.strip("[]")), int(port)


def ethernet(source: bytes, target: bytes, protocol: int, payload: bytes) -> bytes:
    macs = bytes.fromhex("020000000001 02000000fefe")
    if len(source) == 16:
        head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
        return macs + b"\x86\xdd" + head + source + target + payload
    length = 20 + len(payload)
    head = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0x4000, 64, protocol, 0) + source + target
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return macs + b"\x08\x00" + head + payload


def with_checksum(segment: bytes, place: int, addresses: bytes, protocol: int) -> bytes:
    pseudo = addresses + struct.pack("!IHBB", len(segment), 0, 0, protocol)
    found = checksum(pseudo + segment) or 0xFFFF
    return segment[:place] + struct.pack("!H", found) + segment[place + 2 :]


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def sctp(head: bytes, chunk: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in head + bytes(4) + chunk:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return head + struct.pack("<I", crc ^ 0xFFFFFFFF) + chunk
