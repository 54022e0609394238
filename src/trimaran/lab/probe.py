"""Runs inside a client: one fresh TCP connection and HTTP request every 10 ms, on a fixed grid.

    python -m trimaran.lab.probe ADDRESS PORT SECONDS FIRST

Attempt number n (they are counted from FIRST) comes from a port of its own, and no port comes
again for 5 minutes. With the client kernel's choice one comes again after some 2,000 attempts,
while IPVS still remembers the last connection from it (FIN_WAIT, 120 s): such an attempt goes to
the server of that one, or nowhere if that server has left the service.

Attempts overlap, so one that hangs delays no other. Each writes one JSON line when it ends (an
`Attempt`). SIGTERM ends the probe early; it waits for the attempts that are under way.
"""

import asyncio
import contextlib
import signal
import sys
import time

import msgspec

from trimaran.daemon.pace import SLOWNESS

INTERVAL = 0.01 * SLOWNESS
"""Seconds between the starts of attempts."""

PATIENCE = 0.9 if SLOWNESS == 1 else 1.9
"""Seconds that an attempt may take. TCP sends a lost SYN again after 1 s, and after 3: an attempt
succeeds only if the service was there when it started, or on a slow machine 1 s later."""

_PORTS = range(1024, 32768)  # below those that the kernel gives to others


class Attempt(msgspec.Struct, frozen=True):
    """One connection. Instants in nanoseconds of CLOCK_MONOTONIC, the same on every host."""

    start: int
    end: int
    answer: str | None
    """The first line of the body; None if there was no good answer."""
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.answer is not None


async def _request(address: str, port: int, local_port: int) -> str:
    reader, writer = await asyncio.open_connection(
        address, port, local_addr=("0.0.0.0", local_port)
    )
    try:
        writer.write(f"GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        head, separator, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    if not separator or b" 200 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(f"no good answer: {head[:60]!r}")
    return body.decode(errors="replace").partition("\n")[0]


async def _attempt(address: str, port: int, local_port: int) -> None:
    start = time.monotonic_ns()
    try:
        answer = await asyncio.wait_for(_request(address, port, local_port), PATIENCE)
    except TimeoutError:
        attempt = Attempt(start, time.monotonic_ns(), None, "timeout")
    except OSError as error:
        attempt = Attempt(start, time.monotonic_ns(), None, error.strerror or str(error))
    else:
        attempt = Attempt(start, time.monotonic_ns(), answer)
    sys.stdout.write(msgspec.json.encode(attempt).decode() + "\n")
    sys.stdout.flush()


async def _probe(address: str, port: int, seconds: float, first: int) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    begin = loop.time()
    async with asyncio.TaskGroup() as attempts:
        for number in range(round(seconds / INTERVAL)):
            with contextlib.suppress(TimeoutError):
                delay = begin + number * INTERVAL - loop.time()
                await asyncio.wait_for(stopping.wait(), max(delay, 0.0001))
            if stopping.is_set():
                break
            local_port = _PORTS[(first + number) % len(_PORTS)]
            attempts.create_task(_attempt(address, port, local_port))


if __name__ == "__main__":
    asyncio.run(_probe(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
