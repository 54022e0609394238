"""Runs inside a client: long-lived connections, each with a request now and then.

    python3 long_lived.py ADDRESS CONNECTIONS SECONDS

Says `open` when all have been answered once, and at the end how many were lost: closed, reset,
or without an answer for 10 s.
"""

import asyncio
import random
import sys
import time

PATIENCE = 10


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    length = next(
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    await reader.readexactly(length)


async def talk(address: str, until: float, opened: asyncio.Semaphore) -> bool:
    """Whether the connection lived to the end."""
    reader, writer = await asyncio.open_connection(address, 80)
    try:
        await ask(reader, writer)
        opened.release()
        while time.monotonic() < until:
            await asyncio.sleep(random.uniform(0.3, 3))
            await ask(reader, writer)
    except (OSError, EOFError, TimeoutError):
        return False
    finally:
        writer.close()
    return True


async def main(address: str, connections: int, seconds: float) -> None:
    opened = asyncio.Semaphore(0)
    until = time.monotonic() + seconds
    talks = [asyncio.create_task(talk(address, until, opened)) for _ in range(connections)]
    for _ in talks:
        await opened.acquire()
    print("open", flush=True)
    print("lost", list(await asyncio.gather(*talks)).count(False), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
