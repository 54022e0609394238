"""Is a frame that left made of the one that came, and of nothing else?

Each way out changes certain bytes: those of addresses, ports, checksums and the TTL; a tunnel puts
headers before the packet, an ICMP error before its beginning. Every other byte must have come in.
"""

from collections.abc import Iterator
from dataclasses import dataclass

ETHERNET = 14
TAGS = (b"\x81\x00", b"\x88\xa8")
FRAGMENT = 44
EXTENSIONS = (0, 43, 60)
"""Headers of IPv6 that tell their length in eights: hop-by-hop and other options, routing."""
ICMP, TCP, UDP, ICMP6, SCTP = 1, 6, 17, 58, 132
CHECKSUMS = {
    ICMP: range(2, 4),
    TCP: range(16, 18),
    UDP: range(6, 8),
    ICMP6: range(2, 4),
    SCTP: range(8, 12),
}


@dataclass(frozen=True)
class Header:
    """Where in a packet its transport header is, of which protocol, and what may be rewritten."""

    protocol: int
    transport: int
    rewritten: frozenset[int]


def header_of(packet: bytes, at: int = 0) -> Header:
    """Of the packet that begins at this byte."""
    if packet[at] >> 4 == 4:
        transport = at + 4 * (packet[at] & 15)
        return Header(packet[at + 9], transport, frozenset({at + 8, *range(at + 10, at + 20)}))
    protocol, transport = packet[at + 6], at + 40
    while transport + 8 <= len(packet) and protocol in (*EXTENSIONS, FRAGMENT):
        length = 8 if protocol == FRAGMENT else 8 * (1 + packet[transport + 1])
        protocol, transport = packet[transport], transport + length
    return Header(protocol, transport, frozenset({at + 7, *range(at + 8, at + 40)}))


def may_be_rewritten(packet: bytes) -> Iterator[int]:
    """The bytes that forwarding and masquerading change, in a message that quotes another, too."""
    header = header_of(packet)
    yield from header.rewritten
    yield from _of_transport(header)
    if header.protocol in (ICMP, ICMP6) and header.transport + 28 <= len(packet):
        quoted = header_of(packet, header.transport + 8)
        yield from quoted.rewritten
        yield from _of_transport(quoted)


def _of_transport(header: Header) -> Iterator[int]:
    yield from range(header.transport, header.transport + 4)  # ports
    for place in CHECKSUMS.get(header.protocol, ()):
        yield header.transport + place


def split(frame: bytes) -> tuple[bytes, bytes]:
    """The VLAN tags of a frame, and the packet in it."""
    at = 12
    while frame[at : at + 2] in TAGS and at < 20:
        at += 4
    return frame[12:at], frame[at + 2 :]


def kinds_of(sent: bytes, out: bytes) -> set[str]:
    """How the frame that left may have been made of the one that came; none: it was not."""
    (tags, packet), (kept, left) = split(sent), split(out)
    if tags != kept:
        return set()
    kinds = {"rewritten": _is_rewritten, "wrapped": _is_wrapped, "error": _is_error}
    return {kind for kind, is_so in kinds.items() if is_so(packet, left)}


def _differences(one: bytes, other: bytes) -> set[int]:
    return {place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a != b}


def _is_rewritten(packet: bytes, left: bytes) -> bool:
    return len(left) == len(packet) and _differences(packet, left) <= set(may_be_rewritten(packet))


def _is_wrapped(packet: bytes, left: bytes) -> bool:
    """In a tunnel: all of the packet, a hop older. What followed it in the frame follows still."""
    outer = len(left) - len(packet)
    if outer <= 0 or told_length(left) != outer + told_length(packet):
        return False
    return _differences(packet, left[outer:]) <= _age(packet)


def _age(packet: bytes) -> set[int]:
    """Where its TTL is, and the checksum over that."""
    return {8, 10, 11} if packet[0] >> 4 == 4 else {7}


def told_length(packet: bytes) -> int:
    """By its header."""
    four = packet[0] >> 4 == 4
    return int.from_bytes(packet[2:4]) if four else 40 + int.from_bytes(packet[4:6])


def _is_error(packet: bytes, left: bytes) -> bool:
    """An ICMP error about the packet (a hop older, if that was counted before), or about what the
    packet itself is an error about."""
    header = header_of(left)
    if header.protocol not in (ICMP, ICMP6):
        return False
    quoted = left[header.transport + 8 :]
    beginning = packet[: len(quoted)]
    return quoted in packet or (
        len(beginning) == len(quoted) and _differences(beginning, quoted) <= _age(packet)
    )
