"""Sending whole Ethernet frames on an interface."""

import errno
import socket

from trimaran.net.errors import NetError, explain

_TC_PRIO_CONTROL = 7


class FrameSocket:
    """Sends only, never blocks, at the queueing discipline's highest priority. Raises NetError.

    `purpose`: what it is for, in messages: `announce`.
    """

    def __init__(self, interface: str, ifindex: int, purpose: str) -> None:
        self._interface = interface
        try:
            # Protocol 0: receive nothing.
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0
            )
        except OSError as error:
            raise self._error(purpose, error) from error
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _TC_PRIO_CONTROL)
            self._socket.bind((interface, 0))
            if socket.if_nametoindex(interface) != ifindex:
                raise OSError(errno.ENODEV, "another interface has the name now")
        except OSError as error:
            self._socket.close()
            raise self._error(purpose, error) from error

    def send(self, frame: bytes, what: str) -> None:
        """Send a frame; `what` is done so: `announce 192.168.1.10`."""
        try:
            self._socket.send(frame)
        except OSError as error:
            raise self._error(what, error) from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _error(self, what: str, error: OSError) -> NetError:
        return NetError(f"cannot {what} on {self._interface}: {explain(error.errno or 0)}")
