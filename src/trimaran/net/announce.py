"""Gratuitous ARP: telling a segment that an address has moved to this interface's MAC."""

import errno
import socket
import struct
from ipaddress import IPv4Address

from trimaran.net.errors import NetError, explain

_BROADCAST = b"\xff" * 6
_ETHERTYPE_ARP = 0x0806
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET, _IPV4, _REQUEST = 1, 0x0800, 1


def gratuitous_arp(mac: bytes, address: IPv4Address) -> bytes:
    """The broadcast Ethernet frame: an ARP request for `address` by `address` (RFC 5227, 3)."""
    ethernet = _BROADCAST + mac + _ETHERTYPE_ARP.to_bytes(2, "big")
    packed = address.packed
    arp = _ARP.pack(_ETHERNET, _IPV4, 6, 4, _REQUEST, mac, packed, _BROADCAST, packed)
    return ethernet + arp


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

    def send(self, address: IPv4Address) -> None:
        """Send one gratuitous ARP for `address`."""
        try:
            self._socket.send(gratuitous_arp(self._mac, address))
        except OSError as error:
            raise self._error(f"announce {address}", error) from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _error(self, what: str, error: OSError) -> NetError:
        return NetError(f"cannot {what} on {self._interface}: {explain(error.errno or 0)}")
