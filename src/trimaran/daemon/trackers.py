"""Looks after trackers: runs programs, reads files, counts processes, and says what it finds.

This runs in the checker's process. Programs are many and files may be slow, and no advertisement
may wait for either, so the speaker is no place for them; the steward, which all other processes
wait for, is none either. The checker has what it takes, is watched for hanging, and may end at
any time: what was known stays true until its successor says otherwise.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from trimaran.daemon import scripts
from trimaran.daemon.attempts.file import content
from trimaran.daemon.messages import TrackerReading, TrackerReadings
from trimaran.daemon.tasks import cancel, end_of, spawn
from trimaran.health.file import number
from trimaran.health.tracking import Process, Quorum, Streak
from trimaran.model.duration import SECOND
from trimaran.model.script import ScriptPolicy
from trimaran.model.tracking import (
    Definition,
    Reading,
    Tracker,
    TrackFile,
    TrackProcess,
    TrackScript,
)

log = logging.getLogger("checker")

_FILES_SECONDS: Final = 0.1
_PROCESSES_SECONDS: Final = 0.5
Report = Callable[[TrackerReadings], None]


class _Watch:
    """One tracker that is looked after. `reading` outlives a change of its definition."""

    def __init__(self, definition: Definition, before: "_Watch | None", report: Callable[[], None]):
        self.definition = definition
        self.reading: Reading = before.reading if before else None
        self.since: float = before.since if before else time.time()
        self.reason: str = before.reason if before else "nothing is known yet"
        self._report = report

    def find(self, reading: Reading, reason: str) -> None:
        """Take what was found."""
        if reading != self.reading or type(reading) is not type(self.reading):
            self.reading, self.reason, self.since = reading, reason, time.time()
            log.info("%s: %s", self.definition.tracker, reason)
            self._report()


class Trackers:
    """The trackers of one daemon, in the running event loop, until `close`."""

    def __init__(self, report: Report) -> None:
        self._report_to = report
        self._policy = ScriptPolicy()
        self._watches: dict[Tracker, _Watch] = {}
        self._runs: dict[Tracker, asyncio.Task[None]] = {}
        self._rounds: list[asyncio.Task[None]] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._report_due = False

    def configure(self, definitions: tuple[Definition, ...], policy: ScriptPolicy) -> None:
        """Look after these, and no others, from now on; what stays as it was goes on."""
        policy_stays = policy == self._policy
        self._policy = policy
        wanted = {definition.tracker: definition for definition in definitions}
        for tracker, watch in list(self._watches.items()):
            if not (policy_stays and wanted.get(tracker) == watch.definition):
                self._stop_run(tracker)
                if tracker not in wanted:
                    del self._watches[tracker]
        for tracker, definition in wanted.items():
            before = self._watches.get(tracker)
            if before is not None and before.definition == definition and policy_stays:
                continue
            self._watches[tracker] = _Watch(definition, before, self._report_soon)
            self._start(tracker, definition, before)
        self._start_rounds()
        self._report_soon()

    async def close(self) -> None:
        """Look after nothing any more, and wait until nothing that was started is left."""
        await cancel([*self._runs.values(), *self._rounds])
        await end_of(tuple(self._ending))

    def _start(self, tracker: Tracker, definition: Definition, before: _Watch | None) -> None:
        match definition:
            case TrackScript():
                run = self._run(self._watches[tracker], definition)
                self._runs[tracker] = spawn(run, f"run {tracker}")
            case TrackFile():
                if before is None:
                    _initialise(definition)

    def _stop_run(self, tracker: Tracker) -> None:
        if (run := self._runs.pop(tracker, None)) is not None:
            run.cancel()
            self._ending.add(run)
            run.add_done_callback(self._ending.discard)

    # Programs

    async def _run(self, watch: _Watch, script: TrackScript) -> None:
        """Run a program at each point of its grid that does not fall into the run before."""
        streak = Streak(script)
        if watch.reading is not None:
            streak.resume(bool(watch.reading))
        elif script.init_fail:
            watch.find(False, "counts as failed until it succeeds (init_fail)")
        loop = asyncio.get_running_loop()
        due = loop.time()
        interval = script.interval / SECOND
        while True:
            success, reason = await _outcome(script, self._policy)
            if streak.take(success):
                watch.find(streak.well, reason)
            due += interval * max(1, -((due - loop.time()) // interval))
            await asyncio.sleep(due - loop.time())

    # Files and processes

    def _start_rounds(self) -> None:
        for task in self._rounds:
            task.cancel()
        self._rounds.clear()
        files = [
            (watch, watch.definition)
            for watch in self._watches.values()
            if isinstance(watch.definition, TrackFile)
        ]
        if files:
            self._rounds.append(spawn(_read_again_and_again(files), "read tracked files"))
        quorums = [
            (watch, _quorum(watch, watch.definition))
            for watch in self._watches.values()
            if isinstance(watch.definition, TrackProcess)
        ]
        if quorums:
            self._rounds.append(spawn(_count_again_and_again(quorums), "count processes"))

    # Reports

    def _report_soon(self) -> None:
        if not self._report_due:
            self._report_due = True
            asyncio.get_running_loop().call_soon(self._report)

    def _report(self) -> None:
        self._report_due = False
        self._report_to(
            TrackerReadings(
                tuple(
                    TrackerReading(tracker, watch.reading, watch.since, watch.reason)
                    for tracker, watch in self._watches.items()
                )
            )
        )


async def _outcome(script: TrackScript, policy: ScriptPolicy) -> tuple[bool, str]:
    """Run the program once: whether that is a success, and what there is to say of it."""
    name = script.script.command[0]
    try:
        process = await scripts.start(script.script, policy, own_session=False)
    except (OSError, LookupError, ValueError) as error:
        return False, f"cannot run {name}: {error}"
    try:
        async with asyncio.timeout(script.timeout / SECOND):
            status = await process.wait()
    except TimeoutError:
        await scripts.end(process)
        return False, f"{name} took longer than {script.timeout / SECOND:g} s"
    finally:
        if process.returncode is None:
            await scripts.kill(process)
    if status < 0:
        return False, f"{name} was ended by signal {-status}"
    return status == 0, f"{name} ended with exit status {status}"


def _initialise(file: TrackFile) -> None:
    """Write the number that a file shall begin with."""
    if file.initial is None:
        return
    try:
        with suppress(FileExistsError), open(file.path, "w" if file.overwrite else "x") as opened:
            opened.write(f"{file.initial}\n")
    except OSError as error:
        log.error("%s: cannot write %s: %s", file.tracker, file.path, error.strerror)


async def _read_again_and_again(files: list[tuple[_Watch, TrackFile]]) -> None:
    while True:
        for watch, file in files:
            _read(watch, file.path)
        await asyncio.sleep(_FILES_SECONDS)


def _read(watch: _Watch, path: str) -> None:
    """What a file holds; if that is no number, what it held before stays true."""
    before = 0 if watch.reading is None else watch.reading
    try:
        held = content(path)
    except OSError as error:
        watch.find(before, f"cannot read {path}: {error.strerror}")
        return
    if held is None:
        watch.find(0, f"{path} is not there: 0")
    elif (value := number(held)) is not None:
        watch.find(value, f"{path} holds {value}")
    else:
        watch.find(before, f"{path} does not hold a number: {int(before)} still counts")


def _quorum(watch: _Watch, wanted: TrackProcess) -> Quorum:
    quorum = Quorum(wanted)
    quorum.resume(None if watch.reading is None else bool(watch.reading))
    return quorum


async def _count_again_and_again(quorums: list[tuple[_Watch, Quorum]]) -> None:
    lines = any(quorum.needs_command_lines for _, quorum in quorums)
    while True:
        processes = list(_processes(command_lines=lines))
        for watch, quorum in quorums:
            if quorum.take(processes, time.monotonic_ns()):
                watch.find(quorum.well, f"{quorum.count} running")
        await asyncio.sleep(_PROCESSES_SECONDS)


def _processes(*, command_lines: bool) -> Iterator[Process]:
    """All processes that there are, but for zombies, which run no more."""
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        directory = Path("/proc", pid)
        with suppress(OSError):
            head, _, rest = (directory / "stat").read_text(errors="replace").rpartition(")")
            if rest.startswith(" Z"):
                continue
            line: tuple[str, ...] = ()
            if command_lines:
                raw = (directory / "cmdline").read_bytes().decode(errors="replace")
                line = tuple(raw.removesuffix("\0").split("\0")) if raw else ()
            yield Process(head.partition("(")[2], line)
