"""The raw socket that VRRP advertisements go out of and come in by, on one interface."""

import socket
import struct
from ipaddress import IPv4Address

from trimaran.net.errors import NetError, explain
from trimaran.vrrp.packet import GROUP, PROTOCOL

_IP_PKTINFO, _IP_MULTICAST_ALL = 8, 49
_DSCP_CS6 = 48 << 2
_TC_PRIO_CONTROL = 7
_LARGEST = 2048
"""Longer than any advertisement: header with options, 255 addresses, authentication."""


class VrrpSocket:
    """Sends to and receives from 224.0.0.18 on one interface; never blocks.

    Outgoing packets have TTL 255, DSCP CS6 and the highest priority of the queueing discipline.
    The socket outlives the interface's going down, but not its deletion. Raises NetError.
    """

    def __init__(self, interface: str, ifindex: int) -> None:
        self._interface, self._ifindex = interface, ifindex
        try:
            self._socket = socket.socket(
                socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, PROTOCOL
            )
        except OSError as error:
            raise self._error("open a VRRP socket", error) from error
        try:
            self._set_options()
        except OSError as error:
            self._socket.close()
            raise self._error("set up a VRRP socket", error) from error

    def fileno(self) -> int:
        """For the event loop."""
        return self._socket.fileno()

    def send(self, payload: bytes, source: IPv4Address) -> None:
        """Multicast a VRRP payload from `source`, an address of this host. Raises NetError."""
        pktinfo = struct.pack("=i4s4s", self._ifindex, source.packed, b"\0" * 4)
        try:
            self._socket.sendmsg(
                [payload], [(socket.IPPROTO_IP, _IP_PKTINFO, pktinfo)], 0, (str(GROUP), 0)
            )
        except OSError as error:
            raise self._error(f"send an advertisement from {source}", error) from error

    def receive(self, limit: int = 64) -> list[bytes]:
        """The datagrams that have come in, with their IP headers; at most `limit`."""
        datagrams: list[bytes] = []
        try:
            while len(datagrams) < limit:
                datagrams.append(self._socket.recv(_LARGEST))
        except BlockingIOError:
            pass
        except OSError as error:
            raise self._error("receive advertisements", error) from error
        return datagrams

    def close(self) -> None:
        """Close the socket; the kernel leaves the group."""
        self._socket.close()

    def _set_options(self) -> None:
        ip, on_interface = socket.IPPROTO_IP, struct.pack("=4s4si", b"", b"", self._ifindex)
        membership = struct.pack("=4s4si", GROUP.packed, b"", self._ifindex)
        name = self._interface.encode() + b"\0"
        set_option = self._socket.setsockopt
        set_option(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        set_option(ip, socket.IP_MULTICAST_IF, on_interface)
        set_option(ip, socket.IP_ADD_MEMBERSHIP, membership)
        set_option(ip, _IP_MULTICAST_ALL, 0)
        set_option(ip, socket.IP_MULTICAST_TTL, 255)
        set_option(ip, socket.IP_MULTICAST_LOOP, 0)
        set_option(ip, socket.IP_TOS, _DSCP_CS6)
        # After IP_TOS, which sets a priority too.
        set_option(socket.SOL_SOCKET, socket.SO_PRIORITY, _TC_PRIO_CONTROL)

    def _error(self, what: str, error: OSError) -> NetError:
        return NetError(f"cannot {what} on {self._interface}: {explain(error.errno or 0)}")
