"""Frames of clients and servers, with right checksums, as both dataplanes get them."""

import socket
import struct
from dataclasses import dataclass

from frames import DIRECTOR, DIRECTOR_MAC, GATEWAY_MAC, VIP, ip, server_mac
from golden_bench import checksum, sctp, with_checksum

from trimaran.model.service import Protocol

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
ICMP = 1
IPV4 = b"\x08\x00"
_OURS = 0x7269
_SCTP_HEADER = 12


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Source and destination, IPv4 addresses as text, of one packet."""

    source: str
    source_port: int
    target: str
    target_port: int

    def reversed(self) -> "Endpoints":
        return Endpoints(self.target, self.target_port, self.source, self.source_port)

    @property
    def ports(self) -> bytes:
        return struct.pack("!HH", self.source_port, self.target_port)

    @property
    def addresses(self) -> bytes:
        return socket.inet_aton(self.source) + socket.inet_aton(self.target)


def tcp(ends: Endpoints, flags: int, data: bytes = b"") -> bytes:
    head = ends.ports + struct.pack("!IIBBHHH", 1000, 2000, 0x50, flags, 8192, 0, 0)
    return with_checksum(head + data, 16, ends.addresses, Protocol.TCP.number)


def udp(ends: Endpoints, data: bytes = b"") -> bytes:
    head = ends.ports + struct.pack("!HH", 8 + len(data), 0)
    return with_checksum(head + data, 6, ends.addresses, Protocol.UDP.number)


def association(ends: Endpoints, chunks: list[int]) -> bytes:
    """An SCTP packet with empty chunks of these types."""
    body = b"".join(struct.pack("!BBH", kind, 0, 4) for kind in chunks)
    return sctp(ends.ports + struct.pack("!I", 1), body)


def error(kind: int, code: int, quoted: bytes) -> bytes:
    """An ICMP error about a packet."""
    message = struct.pack("!BBHI", kind, code, 0, 1400 if (kind, code) == (3, 4) else 0) + quoted
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def ping(identifier: int, sequence: int) -> bytes:
    """An ICMP echo request."""
    message = struct.pack("!BBHHH", 8, 0, 0, identifier, sequence & 0xFFFF)
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def echo(sequence: int) -> bytes:
    """A frame with a ping of the director itself, which `echoed` knows the answer to."""
    message = ping(_OURS, sequence)
    return framed(ip(message, ICMP, source="10.255.0.1", target=str(DIRECTOR)))


def echoed(frame: bytes) -> int | None:
    """The number of the ping that the frame answers, if it does."""
    if frame[23] == ICMP and frame[34] == 0 and int.from_bytes(frame[38:40]) == _OURS:
        return int.from_bytes(frame[40:42])
    return None


def framed(packet: bytes) -> bytes:
    """In the frame that it comes in: a server's have its MAC address, others the gateway's."""
    local = packet[12:15] == DIRECTOR.packed[:3]
    source = server_mac(packet[15]) if local else GATEWAY_MAC
    return DIRECTOR_MAC + source + IPV4 + packet


def directors_error(frame: bytes) -> bool:
    """Is it an ICMP error of the director's about the TTL or the MTU?"""
    made = frame[26:30] in (VIP.packed, DIRECTOR.packed) and frame[23] == ICMP
    return made and frame[34:36] in (b"\x0b\0", b"\x03\x04")


def to_the_stack(sent: bytes, emitted: bytes | None) -> bool:
    """Is this what the director's own stack makes of a frame that nobody took from it?"""
    protocol, target, ttl = sent[23], sent[30:34], sent[22]
    transport = sent[34:]
    if target not in (VIP.packed, DIRECTOR.packed):  # to be routed
        if ttl <= 1:
            return emitted is not None and (emitted[23], emitted[34]) == (ICMP, 11)
        return emitted is not None and (emitted[22], emitted[26:]) == (ttl - 1, sent[26:])
    if protocol == Protocol.TCP.number and transport[13] & RST:
        return emitted is None
    if protocol == ICMP:
        return (emitted is not None) == (transport[0] == 8)
    if protocol == Protocol.SCTP.number and len(transport) <= _SCTP_HEADER:
        return emitted is None  # IPVS drops it: docs/ipvs-differences.md
    if emitted is None or emitted[:6] != GATEWAY_MAC or emitted[26:30] != target:
        return False
    if protocol == Protocol.TCP.number:
        return emitted[23] == protocol and bool(emitted[47] & RST)
    # Unreachable; or, of a kernel that speaks SCTP, an ABORT.
    return emitted[23] in (ICMP, protocol)
