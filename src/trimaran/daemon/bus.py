"""The socket pair between the steward and a child: typed messages, one JSON line each."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from trimaran.daemon.encoding import decoder, encode
from trimaran.daemon.messages import FromChild, Message, ToChild

Received = TypeVar("Received", bound=Message)

# A peer that does not read (stopped, hung) must not make this process grow without bound.
_MOST_UNSENT_BYTES = 64 << 20


class Bus(asyncio.Protocol, Generic[Received]):
    """One end: `send` never blocks, `on_message` gets every message, `on_close` the end."""

    def __init__(
        self,
        decoder: msgspec.json.Decoder[Any],
        on_message: Callable[[Received], None],
        on_close: Callable[[], None],
    ) -> None:
        self._decoder = decoder
        self._on_message = on_message
        self._on_close = on_close
        self._pending = bytearray()
        self._transport: asyncio.Transport | None = None

    def send(self, message: Message) -> bool:
        """Queue a message; drop it (False) if the other end is gone or has stopped reading."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() >= _MOST_UNSENT_BYTES:
            return False
        transport.write(encode(message) + b"\n")
        return True

    def close(self) -> None:
        """Close after what is queued has been sent."""
        if self._transport is not None:
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        # A message of megabytes comes in many pieces: each is looked at once.
        *ends, rest = data.split(b"\n")
        for end in ends:
            line = self._pending + end
            self._pending = bytearray()
            self._on_message(self._decoder.decode(line))
        self._pending += rest

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_close()


async def to_child(
    end: socket.socket, on_message: Callable[[FromChild], None], on_close: Callable[[], None]
) -> Bus[FromChild]:
    """The steward's end."""
    return await _connect(end, Bus(decoder(FromChild), on_message, on_close))


async def to_steward(
    end: socket.socket, on_message: Callable[[ToChild], None], on_close: Callable[[], None]
) -> Bus[ToChild]:
    """A child's end."""
    return await _connect(end, Bus(decoder(ToChild), on_message, on_close))


async def _connect(end: socket.socket, bus: Bus[Received]) -> Bus[Received]:
    end.setblocking(False)
    await asyncio.get_running_loop().create_connection(lambda: bus, sock=end)
    return bus
