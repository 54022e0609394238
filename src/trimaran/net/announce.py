"""Telling a segment that an address has moved to this interface's MAC.

For IPv4 by gratuitous ARP (RFC 5227, 3), for IPv6 by unsolicited neighbour advertisements (RFC
4861, 7.2.6; RFC 9568, 6.4.2).
"""

import struct
from ipaddress import IPv4Address, IPv6Address

from trimaran.model.ip import IPAddress
from trimaran.net.errors import NetError
from trimaran.net.frames import FrameSocket

_BROADCAST = b"\xff" * 6
_ETHERTYPE_ARP, _ETHERTYPE_IPV6 = 0x0806, 0x86DD
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET, _IPV4, _REQUEST = 1, 0x0800, 1

_ALL_NODES = IPv6Address("ff02::1")
_ICMPV6 = 58
_NEIGHBOUR_ADVERTISEMENT = 136
_ROUTER, _OVERRIDE = 0x80, 0x20
_TARGET_LINK_LAYER_ADDRESS = 2
_HOP_LIMIT = 255


def gratuitous_arp(mac: bytes, address: IPv4Address) -> bytes:
    """The broadcast Ethernet frame: an ARP request for `address` by `address`."""
    ethernet = _BROADCAST + mac + _ETHERTYPE_ARP.to_bytes(2, "big")
    packed = address.packed
    arp = _ARP.pack(_ETHERNET, _IPV4, 6, 4, _REQUEST, mac, packed, _BROADCAST, packed)
    return ethernet + arp


def neighbour_advertisement(mac: bytes, address: IPv6Address) -> bytes:
    """The multicast Ethernet frame to all nodes, from `address` itself, as of a router."""
    option = struct.pack("!BB6s", _TARGET_LINK_LAYER_ADDRESS, 1, mac)
    flags = struct.pack("!Bxxx", _ROUTER | _OVERRIDE)
    body = flags + address.packed + option
    length = 4 + len(body)
    pseudo_header = address.packed + _ALL_NODES.packed + struct.pack("!IxxxB", length, _ICMPV6)
    bare = struct.pack("!BBH", _NEIGHBOUR_ADVERTISEMENT, 0, 0) + body
    total = sum(struct.unpack(f"!{(40 + length) // 2}H", pseudo_header + bare))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    icmp = struct.pack("!BBH", _NEIGHBOUR_ADVERTISEMENT, 0, total ^ 0xFFFF) + body
    ip = struct.pack("!IHBB", 6 << 28, length, _ICMPV6, _HOP_LIMIT)
    destination = b"\x33\x33" + _ALL_NODES.packed[-4:]
    ethernet = destination + mac + _ETHERTYPE_IPV6.to_bytes(2, "big")
    return ethernet + ip + address.packed + _ALL_NODES.packed + icmp


class Announcer:
    """Announces addresses on one interface, as having its MAC. Sends only, never blocks.

    Raises NetError.
    """

    def __init__(self, interface: str, ifindex: int, mac: bytes) -> None:
        if len(mac) != 6:
            raise NetError(f"cannot announce on {interface}: it is no Ethernet interface")
        self._mac, self._socket = mac, FrameSocket(interface, ifindex, "announce")

    def send(self, address: IPAddress) -> None:
        """Announce `address` once."""
        if isinstance(address, IPv4Address):
            frame = gratuitous_arp(self._mac, address)
        else:
            frame = neighbour_advertisement(self._mac, address)
        self._socket.send(frame, f"announce {address}")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
