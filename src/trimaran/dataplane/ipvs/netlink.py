"""A generic netlink socket (netlink(7), linux/genetlink.h): requests, dumps, many at once."""

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, repeat
from typing import Final

from trimaran.dataplane.ipvs import attributes
from trimaran.dataplane.ipvs.attributes import Malformed
from trimaran.dataplane.ipvs.family import VERSION
from trimaran.dataplane.ipvs.requests import Request

_NETLINK_GENERIC = 16
_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11

_MESSAGE: Final = struct.Struct("=IHHII")
_GENERIC: Final = struct.Struct("=BBH")
_ERROR: Final = struct.Struct("=i")

_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_REQUEST, _ACK, _DUMP = 0x01, 0x04, 0x300
# Of an error: it quotes the request's header only; attributes follow, such as words.
_CAPPED, _ACK_TLVS = 0x100, 0x200
_ACK_TEXT = 1

_CONTROLLER, _GET_FAMILY = 16, 3
_FAMILY_ID, _FAMILY_NAME = 1, 2

_RECEIVE_BYTES: Final = 1 << 16
_MOST_AT_ONCE: Final = 128
"""Even if all are refused, the refusals (about 1 KiB each as the kernel counts) fit in the
smallest receive buffer that a system gives by default, so that none is lost."""


class NetlinkError(Exception):
    """The kernel's errno for a request, and what it said besides (extended ack), if anything."""

    def __init__(self, errno: int, text: str = "") -> None:
        super().__init__(text or os.strerror(errno))
        self.errno = errno
        self.text = text


class GenericNetlink:
    """A socket for one family, in the network namespace of the thread that opens it.

    Methods raise NetlinkError. ENOBUFS among them: an answer was lost, so that nobody knows what
    has been done.
    """

    def __init__(self, family: str) -> None:
        """ENOENT: the kernel has no such family (yet)."""
        self._number = 0
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_GENERIC
        )
        try:
            self._socket.bind((0, 0))
            for option in (_NETLINK_EXT_ACK, _NETLINK_CAP_ACK):
                with suppress(OSError):  # an old kernel gives errors without words
                    self._socket.setsockopt(_SOL_NETLINK, option, 1)
            name = attributes.text(_FAMILY_NAME, family)
            (reply,) = self._ask(_CONTROLLER, _GET_FAMILY, name, _ACK)
            self._family = attributes.number(attributes.parse(reply)[_FAMILY_ID])
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """End it; nothing that was done goes with it."""
        self._socket.close()

    def request(self, request: Request) -> list[bytes]:
        """Make one request; the attributes of each reply."""
        return self._ask(self._family, request.command, request.attributes, _ACK)

    def dump(self, request: Request) -> list[bytes]:
        """Ask for all that there is; the attributes of each."""
        return self._ask(self._family, request.command, request.attributes, _DUMP)

    def send_all(self, requests: Sequence[Request]) -> dict[int, NetlinkError]:
        """Make requests that have no replies, in order; those that were refused, by position.

        One that is refused does not stop those after it.
        """
        refused: dict[int, NetlinkError] = {}
        for start in range(0, len(requests), _MOST_AT_ONCE):
            for position, error in self._send_chunk(requests[start : start + _MOST_AT_ONCE]):
                refused[start + position] = error
        return refused

    def _send_chunk(self, requests: Sequence[Request]) -> Iterator[tuple[int, NetlinkError]]:
        first = self._number + 1
        last = first + len(requests) - 1
        # The kernel answers what it refuses in any case; the last one's ack ends the wait.
        packed = [
            self._message(self._family, request.command, request.attributes, flags)
            for request, flags in zip(
                requests, chain(repeat(0, len(requests) - 1), (_ACK,)), strict=True
            )
        ]
        self._send(b"".join(packed))
        number = 0
        while number != last:
            for number, kind, flags, body in self._receive():
                if (
                    kind == _NLMSG_ERROR
                    and first <= number <= last
                    and (error := _refusal(flags, body))
                ):
                    yield number - first, error

    def _ask(self, family: int, command: int, body: bytes, flags: int) -> list[bytes]:
        self._send(self._message(family, command, body, flags))
        replies: list[bytes] = []
        while True:
            for number, kind, said, reply in self._receive():
                if number != self._number:
                    continue  # the answer to an earlier request that was broken off
                if kind in (_NLMSG_ERROR, _NLMSG_DONE):
                    if error := _refusal(said, reply):
                        raise error
                    return replies
                replies.append(reply[_GENERIC.size :])

    def _message(self, family: int, command: int, body: bytes, flags: int) -> bytes:
        self._number += 1
        length = _MESSAGE.size + _GENERIC.size + len(body)
        return (
            _MESSAGE.pack(length, family, flags | _REQUEST, self._number & 0xFFFFFFFF, 0)
            + _GENERIC.pack(command, VERSION, 0)
            + body
        )

    def _send(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except OSError as error:
            raise NetlinkError(error.errno or errno.EIO) from error

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except OSError as error:
            raise NetlinkError(error.errno or errno.EIO) from error
        return messages(data)


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """The messages of a datagram: sequence number, type, flags, and what is behind the header.

    Raises `Malformed`.
    """
    offset = 0
    while offset + _MESSAGE.size <= len(data):
        length, kind, flags, number, _ = _MESSAGE.unpack_from(data, offset)
        if length < _MESSAGE.size or offset + length > len(data):
            raise Malformed(f"a netlink message of {length} bytes, {len(data) - offset} are left")
        yield number, kind, flags, data[offset + _MESSAGE.size : offset + length]
        offset += length + 3 & ~3


def _refusal(flags: int, body: bytes) -> NetlinkError | None:
    """What an NLMSG_ERROR or NLMSG_DONE says; None: success. Raises `Malformed`."""
    if len(body) < _ERROR.size:
        raise Malformed(f"an acknowledgement of {len(body)} bytes")
    (code,) = _ERROR.unpack_from(body)
    if code >= 0:
        return None
    text = ""
    if flags & _ACK_TLVS and flags & _CAPPED:
        told = attributes.parse(body[_ERROR.size + _MESSAGE.size :])
        text = attributes.string(told.get(_ACK_TEXT, b""))
    return NetlinkError(-code, text)
