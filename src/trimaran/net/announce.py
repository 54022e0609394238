"""Telling a segment that an address has moved to this interface's MAC.

For IPv4 by gratuitous ARP (RFC 5227, 3), for IPv6 by unsolicited neighbour advertisements (RFC
4861, 7.2.6; RFC 9568, 6.4.2).
"""

import struct
from ipaddress import IPv4Address, IPv6Address

from trimaran.model.ip import IPAddress
from trimaran.net import frames
from trimaran.net.errors import NetError
from trimaran.net.frame_socket import FrameSocket

_ALL_NODES = IPv6Address("ff02::1")
_NEIGHBOUR_ADVERTISEMENT = 136
_ROUTER, _OVERRIDE = 0x80, 0x20
_TARGET_LINK_LAYER_ADDRESS = 2


def gratuitous_arp(mac: bytes, address: IPv4Address) -> bytes:
    """The broadcast Ethernet frame: an ARP request for `address` by `address`."""
    return frames.arp_request(mac, address, address)


def neighbour_advertisement(mac: bytes, address: IPv6Address) -> bytes:
    """The multicast Ethernet frame to all nodes, from `address` itself, as of a router."""
    option = struct.pack("!BB6s", _TARGET_LINK_LAYER_ADDRESS, 1, mac)
    body = struct.pack("!Bxxx", _ROUTER | _OVERRIDE) + address.packed + option
    message = frames.icmp6(_NEIGHBOUR_ADVERTISEMENT, address, _ALL_NODES, body)
    destination = b"\x33\x33" + _ALL_NODES.packed[-4:]
    return frames.ethernet(destination, mac, frames.IPV6, message)


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
