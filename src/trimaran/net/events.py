"""Following the kernel's tables: a dump, then rtnetlink's events; a dump again if any are lost.

Events come on a socket of their own with a large buffer, because pyroute2's (0.9) ends for good
at the first overflow. They are taken in small batches between which the event loop runs, so that
a storm of them (thousands of addresses added at once) never holds up a VRRP timer.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Any

from pyroute2.netlink.rtnl.marshal import MarshalRtnl

LINKS = 0x1
NEIGHBOURS = 0x4
ADDRESSES = 0x10 | 0x100
"""Of IPv4 and of IPv6."""

BUFFER = 8 << 20
"""Bytes of events that may wait: tens of thousands of addresses."""

_BATCH = 16
_LARGEST = 1 << 16
_SO_RCVBUFFORCE = 33


class Overflow(Exception):
    """The kernel had to drop events: what is known may be out of date."""


class EventSocket:
    """A socket on rtnetlink multicast groups (the RTMGRP_ bits above, or-ed)."""

    def __init__(self, groups: int, buffer: int = BUFFER) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        try:
            # Without CAP_NET_ADMIN the usual buffer has to do; an overflow is repaired anyway.
            with suppress(PermissionError):
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer)
            self._socket.bind((0, groups))
        except BaseException:
            self._socket.close()
            raise
        self._marshal = MarshalRtnl()

    def __enter__(self) -> "EventSocket":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    async def receive(self) -> list[Any]:
        """The next events in order, at least one and at most a small batch; or `Overflow`."""
        datagrams = []
        try:
            datagrams.append(await asyncio.get_running_loop().sock_recv(self._socket, _LARGEST))
            while len(datagrams) < _BATCH:
                datagrams.append(self._socket.recv(_LARGEST))
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                raise Overflow from None
            raise
        if any(len(datagram) == _LARGEST for datagram in datagrams):
            raise Overflow
        return [message for datagram in datagrams for message in self._marshal.parse(datagram)]

    def discard(self) -> None:
        """Throw away what is queued, before a dump that supersedes it."""
        while True:
            try:
                self._socket.recv(1)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise


async def unhurried(messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The answers to a dump, letting the event loop run in between.

    pyroute2 hands over what it has queued without ever yielding to the loop.
    """
    taken = 0
    async for message in messages:
        yield message
        taken += 1
        if taken % _BATCH == 0:
            await asyncio.sleep(0)


async def follow(groups: int, buffer: int = BUFFER) -> AsyncIterator[list[Any] | None]:
    """Yield small batches of events, in order, for ever; None whenever a dump has to be made.

    That is at first, and when events were lost. Whoever makes it then misses nothing after it.
    """
    with EventSocket(groups, buffer) as events:
        yield None
        while True:
            await asyncio.sleep(0)
            try:
                yield await events.receive()
            except Overflow:
                events.discard()
                yield None
