"""Ethernet frames and what they carry, as bytes: ARP (RFC 826), IPv4 and IPv6 headers, neighbour
discovery (RFC 4861) and TCP segments without data (RFC 9293). Pure."""

import struct
from ipaddress import IPv4Address, IPv6Address

from trimaran.model.ip import IPAddress

BROADCAST = b"\xff" * 6
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
TCP, IPIP, IPV6_IN_IP, ICMPV6 = 6, 4, 41, 58
SYN, RST, ACK = 0x02, 0x04, 0x10

_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET, _REQUEST = 1, 1
_NEIGHBOUR_SOLICITATION = 135
_SOURCE_LINK_LAYER_ADDRESS = 1
_NO_FRAGMENTS = 0x4000
_NEIGHBOURS_ONLY = 255


def checksum(data: bytes) -> int:
    """The Internet's checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ethernet(destination: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    """A frame; `kind`: the EtherType of what it carries."""
    return destination + source + kind.to_bytes(2, "big") + payload


def arp_request(
    mac: bytes, sender: IPv4Address, target: IPv4Address, *, to: bytes = BROADCAST
) -> bytes:
    """The frame that asks who has `target`: all, or only the host with the MAC `to`."""
    body = _ARP.pack(_ETHERNET, IPV4, 6, 4, _REQUEST, mac, sender.packed, to, target.packed)
    return ethernet(to, mac, ARP, body)


def neighbour_solicitation(mac: bytes, sender: IPv6Address, target: IPv6Address) -> bytes:
    """The datagram that asks a host, by `target` itself, whether it has that (RFC 4861, 7.2.2)."""
    body = bytes(4) + target.packed + bytes((_SOURCE_LINK_LAYER_ADDRESS, 1)) + mac
    return icmp6(_NEIGHBOUR_SOLICITATION, sender, target, body)


def icmp6(kind: int, source: IPv6Address, destination: IPv6Address, body: bytes) -> bytes:
    """A datagram of ICMPv6 that no router passes on; `body`: what follows the checksum."""
    bare = struct.pack("!BBH", kind, 0, 0) + body
    total = checksum(_pseudo_header(source, destination, ICMPV6, len(bare)) + bare)
    message = struct.pack("!BBH", kind, 0, total) + body
    return datagram(source, destination, ICMPV6, message, hops=_NEIGHBOURS_ONLY)


def tcp_segment(
    source: IPAddress,
    source_port: int,
    destination: IPAddress,
    destination_port: int,
    flags: int,
    sequence: int,
) -> bytes:
    """A datagram with a TCP segment without data."""

    def header(total: int) -> bytes:
        ports = struct.pack("!HH", source_port, destination_port)
        return ports + struct.pack("!IIBBHHH", sequence, 0, 5 << 4, flags, 0xFFFF, total, 0)

    pseudo = _pseudo_header(source, destination, TCP, len(header(0)))
    return datagram(source, destination, TCP, header(checksum(pseudo + header(0))))


def datagram(
    source: IPAddress, destination: IPAddress, protocol: int, payload: bytes, *, hops: int = 64
) -> bytes:
    """An IP datagram of the addresses' version."""
    addresses = source.packed + destination.packed
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops) + addresses + payload

    def header(total: int) -> bytes:
        length = 20 + len(payload)
        start = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, _NO_FRAGMENTS, hops, protocol, total)
        return start + addresses

    return header(checksum(header(0))) + payload


def kind_of(address: IPAddress) -> int:
    """The EtherType of a datagram to this address."""
    return IPV6 if address.version == 6 else IPV4


def _pseudo_header(source: IPAddress, destination: IPAddress, protocol: int, length: int) -> bytes:
    form = "!IxxxB" if source.version == 6 else "!xBH"
    fields = (length, protocol) if source.version == 6 else (protocol, length)
    return source.packed + destination.packed + struct.pack(form, *fields)
