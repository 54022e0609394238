"""Trackers with real programs, files and processes."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

from trimaran.daemon.messages import TrackerReadings
from trimaran.daemon.trackers import Trackers
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.script import Script, ScriptPolicy
from trimaran.model.tracking import Definition, TrackFile, TrackProcess, TrackScript

POLICY = ScriptPolicy("root") if os.geteuid() == 0 else ScriptPolicy()


class Told:
    """What was reported, at last."""

    def __init__(self) -> None:
        self.readings: dict[str, object] = {}
        self.reasons: dict[str, str] = {}
        self._news = asyncio.Event()

    def take(self, told: TrackerReadings) -> None:
        self.readings = {one.tracker.name: one.value for one in told.readings}
        self.reasons = {one.tracker.name: one.reason for one in told.readings}
        self._news.set()

    async def until(self, **wanted: object) -> None:
        async with asyncio.timeout(20):
            while not all(
                self.readings.get(name) is value
                or (type(value) is int and self.readings.get(name) == value)
                for name, value in wanted.items()
            ):
                self._news.clear()
                await self._news.wait()

    async def only(self, *names: str) -> None:
        async with asyncio.timeout(20):
            while self.readings.keys() != set(names):
                self._news.clear()
                await self._news.wait()


def run(work: Callable[[Trackers, Told], Awaitable[None]]) -> None:
    async def main() -> None:
        told = Told()
        trackers = Trackers(told.take)
        try:
            await work(trackers, told)
        finally:
            await trackers.close()

    asyncio.run(main())


def shell(command: str, name: str = "chk", timeout: int = 5 * SECOND) -> TrackScript:
    return TrackScript(name, Script(("sh", "-c", command)), 50 * MILLISECOND, timeout)


def test_a_program_is_run_again_and_again(tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    async def work(trackers: Trackers, told: Told) -> None:
        trackers.configure((shell(f"test -e {flag}"),), POLICY)
        await told.until(chk=False)
        flag.touch()
        await told.until(chk=True)
        flag.unlink()
        await told.until(chk=False)
        assert told.reasons["chk"] == "sh ended with exit status 1"

    run(work)


def test_one_that_hangs_is_ended_and_has_failed() -> None:
    async def work(trackers: Trackers, told: Told) -> None:
        trackers.configure((shell("sleep 60", timeout=SECOND // 5),), POLICY)
        await told.until(chk=False)
        assert told.reasons["chk"] == "sh took longer than 0.2 s"

    run(work)


def test_one_that_cannot_be_started_has_failed() -> None:
    async def work(trackers: Trackers, told: Told) -> None:
        trackers.configure((TrackScript("chk", Script(("/nowhere/x",))),), POLICY)
        await told.until(chk=False)
        assert told.reasons["chk"].startswith("cannot run /nowhere/x: there is no such program")

    run(work)


def test_a_reload_keeps_what_is_known_until_a_changed_program_has_run(tmp_path: Path) -> None:
    async def work(trackers: Trackers, told: Told) -> None:
        stays: Definition = shell(f"echo >> {tmp_path}/runs", "stays")
        trackers.configure((stays, shell("exit 0")), POLICY)
        await told.until(stays=True, chk=True)
        trackers.configure((stays, shell("sleep 0.3; exit 1")), POLICY)
        await asyncio.sleep(0)
        assert told.readings == {"stays": True, "chk": True}
        await told.until(chk=False)
        trackers.configure((stays,), POLICY)
        await told.only("stays")

    run(work)


def test_init_fail() -> None:
    async def work(trackers: Trackers, told: Told) -> None:
        script = Script(("sh", "-c", "sleep 0.3"))
        trackers.configure((TrackScript("chk", script, init_fail=True),), POLICY)
        await told.until(chk=False)
        await told.until(chk=True)

    run(work)


def test_a_file_is_read_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "load"

    async def work(trackers: Trackers, told: Told) -> None:
        trackers.configure((TrackFile("load", str(path)),), POLICY)
        await told.until(load=0)
        path.write_text("7\n")
        await told.until(load=7)
        path.write_text("many")
        await asyncio.sleep(0.3)
        assert told.readings == {"load": 7}
        path.write_text("-3")
        await told.until(load=-3)
        path.unlink()
        await told.until(load=0)
        assert told.reasons["load"] == f"{path} is not there: 0"

    run(work)


def test_a_file_is_begun_with_a_number_once(tmp_path: Path) -> None:
    path = tmp_path / "load"

    async def work(trackers: Trackers, told: Told) -> None:
        trackers.configure((TrackFile("load", str(path), 5),), POLICY)
        await told.until(load=5)
        path.write_text("6")
        await told.until(load=6)
        trackers.configure((TrackFile("load", str(path), 5, True),), POLICY)
        await asyncio.sleep(0.3)
        assert path.read_text() == "6", "a reload is no start"

    run(work)


def test_processes_are_counted() -> None:
    async def work(trackers: Trackers, told: Told) -> None:
        wanted = TrackProcess("sleeper", "sleep", ("77.125",))
        trackers.configure((wanted,), POLICY)
        await told.until(sleeper=False)
        process = subprocess.Popen(["sleep", "77.125"])
        try:
            await told.until(sleeper=True)
        finally:
            process.kill()
        await told.until(sleeper=False)  # though it is a zombie still
        process.wait()

    run(work)
