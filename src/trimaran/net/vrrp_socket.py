"""The raw sockets that VRRP advertisements go out of and come in by, on one interface."""

import socket
import struct
from abc import ABC, abstractmethod
from ipaddress import IPv4Address, IPv6Address

from trimaran.model.ip import IPAddress
from trimaran.model.transport import PROTOCOL
from trimaran.net.errors import NetError, explain
from trimaran.vrrp import ah
from trimaran.vrrp.exchange import Outgoing
from trimaran.vrrp.packet import Discarded, Received, decode, decode_ipv6

Heard = Received | Discarded

_IP_PKTINFO, _IP_MULTICAST_ALL = 8, 49
_IPV6_MULTICAST_ALL = 29
_DSCP_CS6 = 48 << 2
_TC_PRIO_CONTROL = 7
_LARGEST = 8192
"""Longer than any advertisement: headers with options, 255 IPv6 addresses, authentication."""
_MOST_AT_ONCE = 64
_ANCILLARY = 256


class VrrpSocket(ABC):
    """Sends to and receives from a multicast group, or single hosts, on one interface.

    Never blocks. Outgoing packets have DSCP CS6 and the highest priority of the queueing
    discipline. The socket outlives the interface's going down, but not its deletion. Raises
    NetError.
    """

    family: socket.AddressFamily
    protocol: int

    def __init__(self, interface: str, ifindex: int, group: IPAddress) -> None:
        self._interface, self._ifindex, self._group = interface, ifindex, group
        try:
            self._socket = socket.socket(
                self.family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, self.protocol
            )
        except OSError as error:
            raise self._error("open a VRRP socket", error) from error
        try:
            name = interface.encode() + b"\0"
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
            self._set_options()
            # After the traffic class, which sets a priority too.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _TC_PRIO_CONTROL)
        except OSError as error:
            self._socket.close()
            raise self._error("set up a VRRP socket", error) from error

    def fileno(self) -> int:
        """For the event loop."""
        return self._socket.fileno()

    def send(self, outgoing: Outgoing, source: IPAddress) -> None:
        """Send a datagram from `source`, an address of this host. Raises NetError."""
        try:
            self._send(outgoing, source)
        except OSError as error:
            what = f"send an advertisement from {source} to {outgoing.destination}"
            raise self._error(what, error) from error

    def receive(self) -> list[Heard]:
        """What has come in, a bounded portion of it."""
        heard: list[Heard] = []
        try:
            while len(heard) < _MOST_AT_ONCE:
                heard.append(self._receive_one())
        except BlockingIOError:
            pass
        except OSError as error:
            raise self._error("receive advertisements", error) from error
        return heard

    def close(self) -> None:
        """Close the socket; the kernel leaves the group."""
        self._socket.close()

    @abstractmethod
    def _set_options(self) -> None: ...

    @abstractmethod
    def _send(self, outgoing: Outgoing, source: IPAddress) -> None: ...

    @abstractmethod
    def _receive_one(self) -> Heard: ...

    def _error(self, what: str, error: OSError) -> NetError:
        return NetError(f"cannot {what} on {self._interface}: {explain(error.errno or 0)}")


class Ipv4Socket(VrrpSocket):
    """VRRP over IPv4."""

    family = socket.AF_INET
    protocol = PROTOCOL

    def _set_options(self) -> None:
        ip, on_interface = socket.IPPROTO_IP, struct.pack("=4s4si", b"", b"", self._ifindex)
        membership = struct.pack("=4s4si", self._group.packed, b"", self._ifindex)
        set_option = self._socket.setsockopt
        set_option(ip, socket.IP_MULTICAST_IF, on_interface)
        set_option(ip, socket.IP_ADD_MEMBERSHIP, membership)
        set_option(ip, _IP_MULTICAST_ALL, 0)
        set_option(ip, socket.IP_MULTICAST_LOOP, 0)
        set_option(ip, socket.IP_TOS, _DSCP_CS6)

    def _send(self, outgoing: Outgoing, source: IPAddress) -> None:
        ip = socket.IPPROTO_IP
        pktinfo = struct.pack("=i4s4s", self._ifindex, source.packed, b"\0" * 4)
        ttl = struct.pack("=i", outgoing.ttl)
        ancillary = [(ip, _IP_PKTINFO, pktinfo), (ip, socket.IP_TTL, ttl)]
        self._socket.sendmsg([outgoing.data], ancillary, 0, (str(outgoing.destination), 0))

    def _receive_one(self) -> Heard:
        return decode(self._socket.recv(_LARGEST))


class SealedSocket(Ipv4Socket):
    """VRRP behind an authentication header: its datagrams are sent whole."""

    protocol = ah.PROTOCOL

    def _set_options(self) -> None:
        super()._set_options()
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)

    def _send(self, outgoing: Outgoing, source: IPAddress) -> None:
        self._socket.sendto(outgoing.data, (str(outgoing.destination), 0))


class Ipv6Socket(VrrpSocket):
    """VRRP over IPv6."""

    family = socket.AF_INET6
    protocol = PROTOCOL

    def _set_options(self) -> None:
        ipv6, set_option = socket.IPPROTO_IPV6, self._socket.setsockopt
        membership = struct.pack("=16si", self._group.packed, self._ifindex)
        set_option(ipv6, socket.IPV6_MULTICAST_IF, self._ifindex)
        set_option(ipv6, socket.IPV6_JOIN_GROUP, membership)
        set_option(ipv6, _IPV6_MULTICAST_ALL, 0)
        set_option(ipv6, socket.IPV6_MULTICAST_LOOP, 0)
        set_option(ipv6, socket.IPV6_TCLASS, _DSCP_CS6)
        set_option(ipv6, socket.IPV6_RECVPKTINFO, 1)
        set_option(ipv6, socket.IPV6_RECVHOPLIMIT, 1)

    def _send(self, outgoing: Outgoing, source: IPAddress) -> None:
        ipv6 = socket.IPPROTO_IPV6
        pktinfo = struct.pack("=16si", source.packed, self._ifindex)
        ancillary = [
            (ipv6, socket.IPV6_PKTINFO, pktinfo),
            (ipv6, socket.IPV6_HOPLIMIT, struct.pack("=i", outgoing.ttl)),
        ]
        # The zone matters for link-local peers only, and does no harm otherwise.
        zone = 0 if outgoing.destination.is_global else self._ifindex
        self._socket.sendmsg([outgoing.data], ancillary, 0, (str(outgoing.destination), 0, 0, zone))

    def _receive_one(self) -> Heard:
        payload, ancillary, _, sender = self._socket.recvmsg(_LARGEST, _ANCILLARY)
        told = {kind: data for level, kind, data in ancillary if level == socket.IPPROTO_IPV6}
        destination = IPv6Address(told[socket.IPV6_PKTINFO][:16])
        (hop_limit,) = struct.unpack("=i", told[socket.IPV6_HOPLIMIT][:4])
        source = IPv6Address(sender[0].partition("%")[0])
        return decode_ipv6(payload, source, destination, hop_limit)


def open_socket(interface: str, ifindex: int, group: IPAddress, *, sealed: bool) -> VrrpSocket:
    """The socket for virtual routers of the group's family. Raises NetError."""
    if isinstance(group, IPv4Address):
        kind: type[VrrpSocket] = SealedSocket if sealed else Ipv4Socket
    else:
        kind = Ipv6Socket
    return kind(interface, ifindex, group)
