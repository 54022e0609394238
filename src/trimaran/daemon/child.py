"""What the steward's children have in common: start, log, show life, stop.

A child is told everything over its end of the socket pair. When that closes the steward is
gone, whatever killed it, and the child leaves the kernel clean and ends: no director goes on
half alive.
"""

import argparse
import asyncio
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn, Protocol

from trimaran.daemon import bus
from trimaran.daemon.messages import Alive, Log, Message, Ready, Stop, Stopping, ToChild
from trimaran.daemon.tasks import EXIT_DEFECT, describe_defect, spawn

EXIT_CANNOT_RUN = 3
"""The machine lacks what this process needs; starting it again would not help."""

_SIGN_OF_LIFE_SECONDS = 1.0


class CannotRun(Exception):
    """This machine lacks something the child needs; the text is for an operator."""


class Body(Protocol):
    """What a child does besides talking."""

    async def start(self) -> None:
        """Set up. Raises `CannotRun`."""
        ...

    def handle(self, message: ToChild) -> None:
        """Take a message of the steward; must not block."""
        ...

    async def stop(self, *, orphaned: bool) -> None:
        """Leave the kernel as if this process had never run.

        `orphaned`: the steward died; what it would have cleaned up is left to its children.
        """
        ...


Send = Callable[[Message], object]

_BODIES = {
    "speaker": ("trimaran.daemon.speaker", "Speaker"),
    "bfd": ("trimaran.daemon.bfd", "Bfd"),
    "checker": ("trimaran.daemon.checker", "Checker"),
    "plane": ("trimaran.daemon.plane", "Plane"),
    "plane-ipvs": ("trimaran.daemon.ipvs_plane", "IpvsPlane"),
}

NAMES = tuple(_BODIES)


def command(name: str, descriptor: int, options: Sequence[str] = ()) -> list[str]:
    """The command line that starts this child with its end of the socket pair.

    `options`: what its body is made with besides.
    """
    return [sys.executable, "-m", "trimaran.daemon", name, *options, "--bus", str(descriptor)]


class _ToSteward(logging.Handler):
    """Log records as messages, so that a full pipe or disk can never stop this process."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(Log(record.levelno, self.format(record)))


def _die(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> NoReturn:
    """An exception that nobody expected: end, and be started again from a known state."""
    logging.critical("%s", describe_defect(context))
    os._exit(EXIT_DEFECT)


def _take_no_notice(number: int, frame: FrameType | None) -> None:
    """As SIG_IGN, but not inherited by the programs that a child starts."""


async def _serve(name: str, descriptor: int, options: Sequence[str]) -> int:
    stopping = asyncio.Event()
    backlog: list[ToChild] = []
    body: Body | None = None
    told = False

    def receive(message: ToChild) -> None:
        nonlocal told
        if isinstance(message, Stop):
            told = True
            link.send(Stopping())
            stopping.set()
        elif body is None:
            backlog.append(message)
        else:
            body.handle(message)

    end = socket.socket(fileno=descriptor)
    link = await bus.to_steward(end, receive, stopping.set)
    to_steward = _ToSteward(link.send)
    to_steward.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[to_steward], force=True)
    for noisy in ("asyncio", "pyroute2"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_die)

    module, class_name = _BODIES[name]
    made: Body = getattr(import_module(module), class_name)(link.send, *options)
    try:
        await made.start()
    except CannotRun as error:
        logging.error("%s", error)
        return EXIT_CANNOT_RUN
    except Exception as error:
        _die(loop, {"message": "start", "exception": error})
    body = made
    link.send(Ready())
    for message in backlog:
        body.handle(message)

    async def show_life() -> None:
        while True:
            link.send(Alive())
            await asyncio.sleep(_SIGN_OF_LIFE_SECONDS)

    life = spawn(show_life(), "show life")
    await stopping.wait()
    life.cancel()
    await body.stop(orphaned=not told)
    link.close()
    await asyncio.sleep(0)
    return 0


def main() -> NoReturn:
    """Entry point of `python -m trimaran.daemon NAME [OPTIONS] --bus FD`."""
    parser = argparse.ArgumentParser(prog="trimaran.daemon")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("options", nargs="*")
    parser.add_argument("--bus", type=int, required=True)
    arguments = parser.parse_args()
    # A terminal's Ctrl-C, or a service manager, may signal the whole group: the steward alone
    # answers, and says in which order its children stop.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _take_no_notice)
    # A checker has a descriptor for each attempt under way.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    status = asyncio.run(_serve(arguments.name, arguments.bus, arguments.options))
    # Nothing is left to flush or free: the interpreter's own farewell would only cost time.
    os._exit(status)
