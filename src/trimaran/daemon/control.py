"""The control socket: how commands reach a running daemon. One JSON line in, one out."""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

Answer = Callable[[dict[str, Any]], Awaitable[bytes]]

_LONGEST_REQUEST = 64 << 10
_PATIENCE_SECONDS = 5.0
_MOST_CONVERSATIONS = 32


class ControlError(Exception):
    """The socket cannot be made, or no daemon answers on it; the text says which one."""


async def serve(path: Path, answer: Answer) -> asyncio.Server:
    """Answer requests on a unix socket that only root can use."""

    talking = 0

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal talking
        talking += 1
        try:
            if talking <= _MOST_CONVERSATIONS:
                await answer_one(reader, writer)
        finally:
            talking -= 1
            writer.close()

    async def answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, RecursionError, TimeoutError):
            line = await asyncio.wait_for(reader.readline(), _PATIENCE_SECONDS)
            request = json.loads(line)
            reply = (
                await answer(request)
                if isinstance(request, dict)
                else b'{"error": "a request is a JSON object"}'
            )
            writer.write(reply + b"\n")
            await asyncio.wait_for(writer.drain(), _PATIENCE_SECONDS)

    before = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        return await asyncio.start_unix_server(converse, path, limit=_LONGEST_REQUEST)
    except OSError as error:
        raise ControlError(f"cannot listen on {path}: {error.strerror or error}") from error
    finally:
        os.umask(before)


def listens(path: Path) -> bool:
    """Whether a daemon answers here."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        try:
            channel.connect(str(path))
        except OSError:
            return False
        return True


def ask(path: Path, request: dict[str, Any], patience: float = _PATIENCE_SECONDS) -> bytes:
    """Send one request and return the answer, which takes `patience` seconds at most.

    Raises `ControlError`.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(patience)
        try:
            channel.connect(str(path))
            channel.sendall(json.dumps(request).encode() + b"\n")
            with channel.makefile("rb") as answers:
                if answer := answers.readline():
                    return answer
            raise ControlError(f"{path}: the daemon ended before it answered")
        except (FileNotFoundError, ConnectionRefusedError):
            raise ControlError(
                f"no trimaran daemon runs here (nothing listens on {path}); "
                "start one with 'trimaran run -f FILE' in this network namespace, "
                "or name its --run-dir"
            ) from None
        except PermissionError:
            raise ControlError(f"{path}: permission denied (you must be root)") from None
        except OSError as error:
            raise ControlError(f"{path}: {error.strerror or error}") from None
