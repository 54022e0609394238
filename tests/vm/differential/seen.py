"""A look at a frame with IPv4 or IPv6 in it, and what the director's own stack makes of one."""

import struct
from dataclasses import dataclass

from frames import DIRECTOR, DIRECTOR_MAC, GATEWAY_MAC, VIP, checksum, ip
from frames6 import DIRECTOR6, VIP6
from packets import RST

from trimaran.model.service import Protocol

IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
ICMP, ICMP6 = 1, 58
_DIRECTORS = {address.packed for address in (VIP, DIRECTOR, VIP6, DIRECTOR6)}
_OURS = 0x7269
_SCTP_HEADER = 12
_DISCOVERY = range(130, 144)
"""ICMPv6's types of neighbour discovery, and of who listens to which group."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame, taken apart. The transport is what follows the header's fixed part."""

    mac: bytes
    protocol: int
    ttl: int
    source: bytes
    target: bytes
    transport: bytes
    kept: bytes
    """All that a router leaves as it is."""

    @property
    def icmp(self) -> str:
        """What an ICMP message, of either version, says; else nothing."""
        six = len(self.source) == 16
        if self.protocol != (ICMP6 if six else ICMP):
            return ""
        kinds = {3: "expired", 2: "too big", 128: "ping"} if six else {11: "expired", 8: "ping"}
        if not six and self.transport[:2] == b"\3\4":
            return "too big"
        return kinds.get(self.transport[0], "another")


def look(frame: bytes) -> Seen:
    packet = frame[14:]
    if frame[12:14] == IPV6:
        protocol, ttl, source, target, transport = 6, 7, packet[8:24], packet[24:40], packet[40:]
    else:
        protocol, ttl, source, target, transport = 9, 8, packet[12:16], packet[16:20], packet[20:]
    kept = source + target + transport
    return Seen(frame[:6], packet[protocol], packet[ttl], source, target, transport, kept)


def is_housekeeping(frame: bytes) -> bool:
    """Does it belong to no history: ARP, neighbour discovery, group membership?"""
    if frame[12:14] == IPV6:
        seen = look(frame)
        return seen.protocol == 0 or (seen.protocol == ICMP6 and seen.transport[0] in _DISCOVERY)
    return frame[12:14] != IPV4


def echo(sequence: int) -> bytes:
    """A frame with a ping of the director itself, which `echoed` knows the answer to."""
    message = struct.pack("!BBHHH", 8, 0, 0, _OURS, sequence & 0xFFFF)
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    packet = ip(message, ICMP, source="10.255.0.1", target=str(DIRECTOR))
    return DIRECTOR_MAC + GATEWAY_MAC + IPV4 + packet


def echoed(frame: bytes) -> int | None:
    """The number of the ping that the frame answers, if it does."""
    seen = look(frame)
    if seen.protocol == ICMP and seen.transport[0] == 0:
        identifier, sequence = struct.unpack("!HH", seen.transport[4:8])
        return sequence if identifier == _OURS else None
    return None


def directors_error(frame: bytes) -> bool:
    """Is it an ICMP error of the director's about the TTL or the MTU?"""
    seen = look(frame)
    return seen.source in _DIRECTORS and seen.icmp in ("expired", "too big")


def to_the_stack(sent: bytes, emitted: bytes | None) -> bool:
    """Is this what the director's own stack makes of a frame that nobody took from it?"""
    before, after = look(sent), look(emitted) if emitted else None
    transport = before.transport
    if before.target not in _DIRECTORS:  # to be routed
        if before.ttl <= 1:
            return after is not None and after.icmp == "expired"
        return after is not None and (after.ttl, after.kept) == (before.ttl - 1, before.kept)
    if before.protocol == Protocol.TCP.number and transport[13] & RST:
        return after is None
    if before.icmp:
        return (after is not None) == (before.icmp == "ping")
    if before.protocol == Protocol.SCTP.number and len(transport) <= _SCTP_HEADER:
        return after is None  # IPVS drops it: docs/ipvs-differences.md
    if after is None or after.mac != GATEWAY_MAC or after.source != before.target:
        return False
    if before.protocol == Protocol.TCP.number:
        return after.protocol == before.protocol and bool(after.transport[13] & RST)
    # Unreachable; or, of a kernel that speaks SCTP, an ABORT.
    return bool(after.icmp) or after.protocol == before.protocol
