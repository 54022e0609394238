"""Telling a segment that an address has moved to this interface's MAC.

For IPv4 by gratuitous ARP (RFC 5227, 3), for IPv6 by unsolicited neighbour advertisements (RFC
4861, 7.2.6; RFC 9568, 6.4.2).
"""

import errno
import socket
import struct
from ipaddress import IPv4Address, IPv6Address

from trimaran.model.ip import IPAddress
from trimaran.net import frames
from trimaran.net.errors import NetError, explain

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
        self._interface, self._mac = interface, mac
        if len(mac) != 6:
            raise NetError(f"cannot announce on {interface}: it is no Ethernet interface")
        try:
            # Protocol 0: receive nothing.
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0
            )
        except OSError as error:
            raise self._error("open a packet socket", error) from error
        try:
            self._socket.bind((interface, 0))
            if socket.if_nametoindex(interface) != ifindex:
                raise OSError(errno.ENODEV, "another interface has the name now")
        except OSError as error:
            self._socket.close()
            raise self._error("announce", error) from error

    def send(self, address: IPAddress) -> None:
        """Announce `address` once."""
        if isinstance(address, IPv4Address):
            frame = gratuitous_arp(self._mac, address)
        else:
            frame = neighbour_advertisement(self._mac, address)
        try:
            self._socket.send(frame)
        except OSError as error:
            raise self._error(f"announce {address}", error) from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _error(self, what: str, error: OSError) -> NetError:
        return NetError(f"cannot {what} on {self._interface}: {explain(error.errno or 0)}")
