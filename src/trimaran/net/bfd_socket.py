"""The UDP sockets of BFD over a single hop (RFC 5881, 4): one to receive, one a session to send."""

import random
import socket
from dataclasses import dataclass
from errno import EADDRINUSE
from ipaddress import ip_address

from trimaran.bfd.packet import PORT, SOURCE_PORTS
from trimaran.model.ip import IPAddress
from trimaran.net.errors import NetError, explain

_DSCP_CS6 = 48 << 2
_TC_PRIO_CONTROL = 7
_IP_RECVTTL, _IPV6_RECVHOPLIMIT, _IPV6_HOPLIMIT = 12, 51, 52
_LARGEST = 256
"""Longer than any control packet: its length is one byte."""
_PORTS_TRIED = 64


@dataclass(frozen=True, slots=True)
class Datagram:
    """What came in, from where, with which TTL or hop limit (0: the kernel did not say)."""

    payload: bytes
    sender: IPAddress
    ttl: int


class BfdReceiver:
    """Receives the control packets of one IP version (4 or 6); never blocks. Raises NetError."""

    def __init__(self, version: int) -> None:
        self._socket = _open(version)
        try:
            if version == 6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                self._socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVHOPLIMIT, 1)
            else:
                self._socket.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
            self._socket.bind(("", PORT))
        except OSError as error:
            self._socket.close()
            text = f"cannot receive BFD packets on UDP port {PORT}: {explain(error.errno or 0)}"
            raise NetError(text) from error

    def fileno(self) -> int:
        """For the event loop."""
        return self._socket.fileno()

    def receive(self, limit: int = 64) -> list[Datagram]:
        """The datagrams that have come in; at most `limit`. Raises NetError."""
        datagrams: list[Datagram] = []
        try:
            while len(datagrams) < limit:
                datagrams.append(self._receive_one())
        except BlockingIOError:
            pass
        except OSError as error:
            raise NetError(f"cannot receive BFD packets: {explain(error.errno or 0)}") from error
        return datagrams

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _receive_one(self) -> Datagram:
        payload, control, _, sender = self._socket.recvmsg(_LARGEST, socket.CMSG_SPACE(4))
        ttl = 0
        for level, kind, data in control:
            if (level, kind) in (
                (socket.IPPROTO_IP, socket.IP_TTL),
                (socket.IPPROTO_IPV6, _IPV6_HOPLIMIT),
            ):
                ttl = int.from_bytes(data[:4], "little")
        return Datagram(payload, ip_address(sender[0].partition("%")[0]), ttl)


class BfdSender:
    """Sends to one neighbour, from a source port that no other session has. Raises NetError."""

    def __init__(self, neighbour: IPAddress, source: IPAddress | None, ttl: int) -> None:
        self._to = (str(neighbour), PORT)
        self._socket = _open(neighbour.version)
        try:
            if neighbour.version == 6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _DSCP_CS6)
            else:
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _DSCP_CS6)
            # After IP_TOS, which sets a priority too.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _TC_PRIO_CONTROL)
            self._bind("" if source is None else str(source))
        except OSError as error:
            self._socket.close()
            whence = "" if source is None else f" from {source}"
            text = f"cannot send BFD packets to {neighbour}{whence}: {explain(error.errno or 0)}"
            raise NetError(text) from error

    def send(self, payload: bytes) -> None:
        """Send one packet. Raises NetError."""
        try:
            self._socket.sendto(payload, self._to)
        except OSError as error:
            text = f"cannot send BFD packets to {self._to[0]}: {explain(error.errno or 0)}"
            raise NetError(text) from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _bind(self, source: str) -> None:
        for _ in range(_PORTS_TRIED):
            try:
                self._socket.bind((source, random.choice(SOURCE_PORTS)))
                return
            except OSError as error:
                if error.errno != EADDRINUSE:
                    raise
        raise OSError(EADDRINUSE, "no source port is free")


def _open(version: int) -> socket.socket:
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    try:
        return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        text = f"cannot open a socket for BFD over IPv{version}: {explain(error.errno or 0)}"
        raise NetError(text) from error
