"""The small parts of the daemon: bus, run directory, timer, service manager, log lines."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from trimaran.daemon import bus, control, logs, systemd
from trimaran.daemon.messages import (
    AddressesHeld,
    ConfigureSpeaker,
    FromChild,
    HoldRequest,
    Message,
    ToChild,
)
from trimaran.daemon.rundir import RunDirectory, RunDirectoryError
from trimaran.daemon.timerfd import TimerFd
from trimaran.model.address import VirtualAddress
from trimaran.model.router import VirtualRouter

ADDRESS = VirtualAddress(IPv4Address("192.168.1.10"), 24, "eth1", "eth1:10")


def test_messages_cross_the_bus_both_ways_and_its_end_is_noticed() -> None:
    async def scenario() -> tuple[list[Message], list[Message], bool]:
        ours, theirs = socket.socketpair()
        at_steward: list[Message] = []
        at_child: list[Message] = []
        closed = asyncio.Event()

        def to_steward(message: FromChild) -> None:
            at_steward.append(message)

        def to_child(message: ToChild) -> None:
            at_child.append(message)

        steward = await bus.to_child(ours, to_steward, lambda: None)
        child = await bus.to_steward(theirs, to_child, closed.set)
        child.send(HoldRequest(7, (ADDRESS,)))
        for number in range(500):
            steward.send(AddressesHeld(number))
        routers = tuple(
            VirtualRouter(f"ip{n}", "eth1", n, password=b"secret", addresses=(ADDRESS,) * 20)
            for n in range(1, 255)
        )
        steward.send(ConfigureSpeaker(routers))  # far longer than one read
        while not at_steward:
            await asyncio.sleep(0.01)
        steward.close()
        await asyncio.wait_for(closed.wait(), 5)
        assert at_child[-1] == ConfigureSpeaker(routers)
        return at_steward, at_child, closed.is_set()

    at_steward, at_child, closed = asyncio.run(scenario())
    assert at_steward == [HoldRequest(7, (ADDRESS,))]
    assert at_child[:-1] == [AddressesHeld(number) for number in range(500)]
    assert closed


def test_a_run_directory_belongs_to_one_daemon(tmp_path: Path) -> None:
    first = RunDirectory(tmp_path / "run")
    with pytest.raises(RunDirectoryError, match=f"pid {os.getpid()}"):
        RunDirectory(tmp_path / "run")
    first.release()
    RunDirectory(tmp_path / "run").release()


def test_a_run_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="Not a directory"):
        RunDirectory(tmp_path / "file" / "run")


@pytest.mark.parametrize("wait", [0, 20_000_000])
def test_a_timer_fires_at_its_instant_and_not_before(wait: int) -> None:
    async def scenario() -> int:
        loop = asyncio.get_running_loop()
        fired: asyncio.Future[int] = loop.create_future()
        timer = TimerFd()

        def expired() -> None:
            timer.clear()
            fired.set_result(time.monotonic_ns())

        loop.add_reader(timer.fileno(), expired)
        deadline = time.monotonic_ns() + wait
        timer.set(deadline)
        lateness = await asyncio.wait_for(fired, 5) - deadline
        loop.remove_reader(timer.fileno())
        timer.close()
        return lateness

    assert asyncio.run(scenario()) >= 0


def test_a_disarmed_timer_stays_quiet() -> None:
    async def scenario() -> bool:
        loop = asyncio.get_running_loop()
        fired = asyncio.Event()
        timer = TimerFd()
        loop.add_reader(timer.fileno(), fired.set)
        timer.set(time.monotonic_ns() + 10_000_000)
        timer.set(None)
        await asyncio.sleep(0.05)
        loop.remove_reader(timer.fileno())
        timer.close()
        return fired.is_set()

    assert not asyncio.run(scenario())


def test_the_service_manager_hears_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        systemd.notify("READY=1")
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "10000000"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(
    environment: dict[str, str], interval: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert systemd.watchdog_interval() == interval


def _asked(path: Path, ask: Callable[[], bytes]) -> bytes:
    async def answer(request: dict[str, Any]) -> bytes:
        return json.dumps(request).encode()

    async def scenario() -> bytes:
        server = await control.serve(path, answer)
        async with server:
            return await asyncio.to_thread(ask)

    return asyncio.run(scenario())


def test_the_control_socket_answers_requests_of_root_only(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    answer = _asked(path, lambda: control.ask(path, {"command": "status"}))
    assert json.loads(answer) == {"command": "status"}
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("line", [b"[1]\n", b"{\n", b"\xff\n", b"x" * 200_000 + b"\n"])
def test_the_control_socket_survives_nonsense(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "control.sock"

    def nonsense_then_sense() -> bytes:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(str(path))
            with contextlib.suppress(BrokenPipeError):
                channel.sendall(line)
        return control.ask(path, {"command": "status"})

    assert json.loads(_asked(path, nonsense_then_sense)) == {"command": "status"}


def test_without_a_daemon_the_message_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(control.ControlError, match=r"control\.sock.*trimaran run -f FILE"):
        control.ask(tmp_path / "control.sock", {})


@pytest.fixture
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logging, "raiseExceptions", logging.raiseExceptions)
    loggers = [logging.getLogger(name) for name in ("", "asyncio", "pyroute2")]
    levels, handlers = [logger.level for logger in loggers], loggers[0].handlers[:]
    yield
    loggers[0].handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.usefixtures("_logging_as_it_was")
def test_log_lines_as_json_are_one_object_each(capsys: pytest.CaptureFixture[str]) -> None:
    flush = logs.configure("json")
    logging.getLogger("steward").warning('a "quoted" text\nof two lines')
    flush()
    line = json.loads(capsys.readouterr().err)
    assert line["process"] == "steward"
    assert line["level"] == "warning"
    assert line["message"] == 'a "quoted" text\nof two lines'
