"""Sockets of checks: with the source, the interface and the mark that a check asks for."""

import errno
import socket

from trimaran.daemon.attempts.failure import Failed
from trimaran.health import tcp
from trimaran.model.check import NetworkCheck

_IP_BIND_ADDRESS_NO_PORT = 24
"""linux/in.h: choose the port at connect(2), so that ports are not scarce for the whole host."""
_ANY = {4: "0.0.0.0", 6: "::"}


def open_socket(check: NetworkCheck, kind: int, protocol: int = 0) -> socket.socket:
    """A non-blocking socket for a check, of a kind such as SOCK_STREAM. Raises Failed, OSError."""
    family = socket.AF_INET6 if check.address.version == 6 else socket.AF_INET
    made = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
    if is_particular(check):
        try:
            bind(made, check)
        except BaseException:
            made.close()
            raise
    return made


def is_particular(check: NetworkCheck) -> bool:
    """Whether a check asks for a source, an interface or a mark."""
    return bool(check.bind_address or check.bind_port or check.bind_interface or check.mark)


def bind(made: socket.socket, check: NetworkCheck) -> None:
    """Give a socket what its check asks for. Raises Failed."""
    try:
        if check.mark:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, check.mark)
        if check.bind_interface:
            name = check.bind_interface.encode()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        if check.bind_port:
            # Connections to other servers may have the same port.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif made.type == socket.SOCK_STREAM:
            made.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        if check.bind_address or check.bind_port:
            source = str(check.bind_address or _ANY[check.address.version])
            made.bind((source, check.bind_port))
    except OSError as error:
        raise Failed(tcp.judge_bind(check, error.errno or errno.EINVAL)) from None
