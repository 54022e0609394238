"""A connection of a check: TCP, perhaps with TLS; no step takes longer than the check allows."""

import asyncio
import errno
import socket
import ssl
import struct
from collections.abc import Awaitable
from types import TracebackType
from typing import TypeVar

from trimaran.daemon.attempts.failure import Failed
from trimaran.daemon.attempts.sockets import open_socket
from trimaran.health import tcp
from trimaran.health.verdict import Verdict
from trimaran.model.check import NetworkCheck
from trimaran.model.duration import SECOND

Result = TypeVar("Result")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_MOST_AT_ONCE = 64 * 2**10


class Stream:
    """As a context: connected within, closed behind."""

    def __init__(self, check: NetworkCheck) -> None:
        self._check = check
        self._loop = asyncio.get_running_loop()
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    async def __aenter__(self) -> "Stream":
        self._socket = open_socket(self._check, socket.SOCK_STREAM)
        try:
            target = (str(self._check.address), self._check.port)
            try:
                await self._step(
                    self._loop.sock_connect(self._socket, target), tcp.unanswered(self._check)
                )
            except OSError as error:
                raise Failed(tcp.judge(error.errno or errno.EIO)) from None
            if self._socket.getsockname()[:2] == target:
                raise Failed(tcp.connected_to_itself())
        except BaseException:
            self._socket.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A reset: no side is left with an entry in TIME_WAIT, and what is unread does not matter.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._socket.close()

    async def start_tls(self, context: ssl.SSLContext, name: str | None) -> None:
        """Shake hands; `name` for SNI and the certificate. Raises Failed."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._more():
                    raise Failed(Verdict(False, "hung up during the TLS handshake")) from None
            except ssl.SSLCertVerificationError as error:
                await self._flush()  # the alert
                why = f"its certificate is not good: {error.verify_message}"
                raise Failed(Verdict(False, why)) from None
            except ssl.SSLError as error:
                raise Failed(Verdict(False, f"TLS handshake failed: {_reason(error)}")) from None
        await self._flush()
        self._tls = tls

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises Failed."""
        if self._tls is not None:
            self._tls.write(data)
            await self._flush()
        else:
            await self._send(data)

    async def receive(self, *, compliant: bool = False) -> bytes:
        """What comes next; b"" at the end. Raises Failed.

        `compliant`: the end of a connection with TLS must be told by TLS.
        """
        if self._tls is None:
            return await self._receive()
        while True:
            try:
                return self._tls.read(_MOST_AT_ONCE)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._more()
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLEOFError:
                if not compliant:
                    return b""
                raise Failed(Verdict(False, "hung up without TLS's close_notify")) from None
            except ssl.SSLError as error:
                raise Failed(Verdict(False, f"TLS failed: {_reason(error)}")) from None

    async def _more(self) -> bool:
        data = await self._receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return bool(data)

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._send(self._outgoing.read())

    async def _send(self, data: bytes) -> None:
        await self._talk(self._loop.sock_sendall(self._socket, data), "does not take the request")

    async def _receive(self) -> bytes:
        return await self._talk(self._loop.sock_recv(self._socket, _MOST_AT_ONCE), "is silent")

    async def _talk(self, work: Awaitable[Result], what: str) -> Result:
        seconds = self._check.connect_timeout / SECOND
        try:
            return await self._step(
                work, Verdict(False, f"connected, but {what} for {seconds:g} s")
            )
        except OSError as error:
            raise Failed(tcp.judge(error.errno or errno.EIO)) from None

    async def _step(self, work: Awaitable[Result], late: Verdict) -> Result:
        try:
            async with asyncio.timeout(self._check.connect_timeout / SECOND):
                return await work
        except TimeoutError:
            raise Failed(late) from None


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")
