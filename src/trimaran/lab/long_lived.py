"""Runs inside a client: connections that stay open, and downloads that take long.

    python -m trimaran.lab.long_lived ADDRESS CONNECTIONS DOWNLOADS SHA256

The connections are idle, as a shell's are, until SIGUSR1 calls the roll: then all that live ask
for a page. One that is reset, closed, or without an answer for `PATIENCE` is lost. The downloads
are of /download, a little at a time until SIGTERM, and then the rest at once; each must have the
checksum. A `Roll` is printed, a line each, when all are open, for each SIGUSR1, and at the end.
"""

import asyncio
import hashlib
import resource
import signal
import socket
import sys
from contextlib import suppress

import msgspec

from trimaran.daemon.pace import SLOWNESS

PATIENCE = 15.0 * SLOWNESS
"""Seconds without an answer: several times TCP's retransmission during a failover."""

_PORT = 80
_AT_ONCE = 256  # connections that open, or ask, at the same time
_SIP, _SIP_SECONDS = 4096, 0.05  # how a slow download is drunk: 80 kB a second
_GULP = 1 << 18
_ENDS = (OSError, EOFError, TimeoutError)


class Count(msgspec.Struct):
    """Connections to one real server."""

    opened: int = 0
    lost: int = 0


class Roll(msgspec.Struct, frozen=True):
    """Who was opened and is lost by now: real server's answer → its connections.

    `whole`: downloads that ended with the right checksum, of `downloads`; known at the end.
    """

    servers: dict[str, Count]
    downloads: int
    whole: int | None = None

    @property
    def opened(self) -> int:
        return sum(count.opened for count in self.servers.values())

    @property
    def lost(self) -> int:
        return sum(count.lost for count in self.servers.values())


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.server = ""
        self.lost = False

    async def ask(self) -> None:
        """Have a page, and learn from it who the real server is."""
        try:
            async with asyncio.timeout(PATIENCE):
                length = await _request(self._reader, self._writer, "/")
                self.server = (await self._reader.readexactly(length)).decode().strip()
        except _ENDS:
            self.lost = True
            self._writer.transport.abort()

    def close(self) -> None:
        self._writer.transport.abort()


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> int:
    """Ask for a page; how long it is."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: lab\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    return lengths[0]


async def _open(address: str, gate: asyncio.Semaphore) -> _Connection:
    async with gate:
        connection = _Connection(*await asyncio.open_connection(address, _PORT))
        await connection.ask()
        return connection


async def _call(connections: list[_Connection]) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(connection: _Connection) -> None:
        async with gate:
            await connection.ask()

    await asyncio.gather(*(ask(connection) for connection in connections if not connection.lost))


async def _download(address: str, digest: str, finish: asyncio.Event) -> bool:
    """Whether the whole of it came, unharmed."""
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SIP)
    end.setblocking(False)
    writer = None
    try:
        await asyncio.get_running_loop().sock_connect(end, (address, _PORT))
        reader, writer = await asyncio.open_connection(sock=end, limit=_SIP)
        left, seen = await _request(reader, writer, "/download"), hashlib.sha256()
        while left:
            async with asyncio.timeout(PATIENCE):
                part = await reader.read(min(left, _GULP if finish.is_set() else _SIP))
            if not part:
                return False
            seen.update(part)
            left -= len(part)
            with suppress(TimeoutError):
                await asyncio.wait_for(finish.wait(), _SIP_SECONDS)
        return seen.hexdigest() == digest
    except _ENDS:
        return False
    finally:
        end.close()
        if writer is not None:
            writer.transport.abort()


def _roll(connections: list[_Connection], downloads: int, whole: int | None = None) -> None:
    servers: dict[str, Count] = {}
    for connection in connections:
        count = servers.setdefault(connection.server, Count())
        count.opened += 1
        count.lost += connection.lost
    print(msgspec.json.encode(Roll(servers, downloads, whole)).decode(), flush=True)


async def main(address: str, count: int, downloads: int, digest: str) -> None:
    """Open all, then obey signals; see the module's head."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    calls, finish = asyncio.Event(), asyncio.Event()

    def end() -> None:
        finish.set()
        calls.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, calls.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    fetching = [asyncio.create_task(_download(address, digest, finish)) for _ in range(downloads)]
    gate = asyncio.Semaphore(_AT_ONCE)
    connections = list(await asyncio.gather(*(_open(address, gate) for _ in range(count))))
    _roll(connections, downloads)
    while True:
        await calls.wait()
        calls.clear()
        if finish.is_set():
            break
        await _call(connections)
        _roll(connections, downloads)
    whole = list(await asyncio.gather(*fetching)).count(True)
    _roll(connections, downloads, whole)
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
