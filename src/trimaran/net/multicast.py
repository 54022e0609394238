"""UDP over multicast on one interface, as IPVS's synchronisation uses it (ipvs-semantics 4.10)."""

import socket
import struct
from contextlib import suppress
from ipaddress import IPv4Address

from trimaran.net.errors import NetError, explain

_RECEIVE_BUFFER = 8 << 20
"""Bytes: a whole connection table may come in a burst."""
_SO_RCVBUFFORCE = 33


def sender(interface: str, group: IPv4Address, port: int, ttl: int) -> socket.socket:
    """A non-blocking socket connected to the group. Raises NetError."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        membership = _mreqn(group, socket.if_nametoindex(interface))
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, membership)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        opened.connect((str(group), port))
    except OSError as error:
        opened.close()
        raise _error(interface, group, error) from error
    return opened


def receiver(interface: str, group: IPv4Address, port: int) -> socket.socket:
    """A non-blocking socket that hears the group on this interface only. Raises NetError."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        membership = _mreqn(group, socket.if_nametoindex(interface))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        opened.bind((str(group), port))
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    except OSError as error:
        opened.close()
        raise _error(interface, group, error) from error
    return opened


def _mreqn(group: IPv4Address, ifindex: int) -> bytes:
    return struct.pack("=4s4si", group.packed, bytes(4), ifindex)


def _error(interface: str, group: IPv4Address, error: OSError) -> NetError:
    return NetError(f"cannot use {group} on {interface}: {explain(error.errno or 0)}")
