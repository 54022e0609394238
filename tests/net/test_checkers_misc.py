"""`MISC_CHECK` with real programs."""

import asyncio
import gc
import os
import stat
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from checked import FAST, first_verdict, watched

from trimaran.daemon.attempts import misc
from trimaran.model.check import FileCheck, MiscCheck
from trimaran.model.duration import SECOND
from trimaran.model.script import Script, ScriptPolicy

ROOT = ScriptPolicy("root")


def shell(command: str, *, dynamic: bool = False, timeout: int = SECOND) -> MiscCheck:
    return MiscCheck(Script(("/bin/sh", "-c", command)), timeout, dynamic, FAST)


@pytest.mark.parametrize(
    ("command", "dynamic", "expected"),
    [
        ("exit 0", False, "up: exit status 0"),
        ("exit 3", False, "down: exit status 3"),
        ("exit 3", True, "up: exit status 3: weight 1"),
        ("exit 1", True, "down: exit status 1"),
        ("kill -9 $$", False, "down: /bin/sh was ended by signal 9"),
    ],
)
def test_exit_status(command: str, dynamic: bool, expected: str) -> None:
    assert first_verdict(shell(command, dynamic=dynamic), policy=ROOT) == expected


def ended(pid: int) -> bool:
    """Whether a process ends soon: one that is killed may still have to be scheduled for it."""
    for _ in range(250):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM; "])
def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, stubborn: str) -> None:
    note = tmp_path / "pids"
    command = f"{stubborn}sleep 60 & echo $$ $! >> {note}; wait; sleep 60"
    started = time.monotonic()
    said = first_verdict(shell(command, timeout=SECOND // 2), policy=ROOT)
    assert said == "down: /bin/sh took longer than 0.5 s"
    assert time.monotonic() - started < 3.5
    first = note.read_text().splitlines()[0]
    assert all(ended(int(pid)) for pid in first.split())
    gc.collect()


async def written(note: Path) -> list[int]:
    """The pids in a file, once there are some."""
    async with asyncio.timeout(5):
        while not note.exists() or not note.read_text().endswith("\n"):
            await asyncio.sleep(0.02)
    return [int(pid) for pid in note.read_text().split()]


def hanging(note: Path) -> MiscCheck:
    command = f"trap '' TERM; sleep 60 & echo $$ $! > {note}; wait; sleep 60"
    return shell(command, timeout=60 * SECOND)


def test_the_end_of_the_checks_ends_what_runs(tmp_path: Path) -> None:
    async def work() -> None:
        async with watched(hanging(tmp_path / "pids"), policy=ROOT):
            first, *others = await written(tmp_path / "pids")
        assert not Path(f"/proc/{first}").exists()
        assert all(map(ended, others))

    asyncio.run(work())
    gc.collect()  # says what nobody has reaped


def test_a_check_that_is_no_longer_wanted_ends_and_is_reaped(tmp_path: Path) -> None:
    async def work() -> None:
        async with watched(hanging(tmp_path / "pids"), policy=ROOT) as server:
            first, *others = await written(tmp_path / "pids")
            server.checker.configure(())
            async with asyncio.timeout(5):
                while Path(f"/proc/{first}").exists():
                    await asyncio.sleep(0.02)
            assert all(map(ended, others))

    asyncio.run(work())
    gc.collect()


def test_one_that_is_cancelled_while_it_starts_is_reaped(tmp_path: Path) -> None:
    async def work() -> None:
        for steps in range(8):
            attempt = asyncio.create_task(misc.attempt(shell("sleep 60"), ROOT))
            for _ in range(steps):
                await asyncio.sleep(0)
            attempt.cancel()
            with pytest.raises(asyncio.CancelledError):
                await attempt
            assert not Path("/proc/self/task", str(os.getpid()), "children").read_text()

    asyncio.run(work())
    gc.collect()


def test_the_weight_follows_the_program(tmp_path: Path) -> None:
    told = tmp_path / "status"
    told.write_text("12")

    async def work() -> list[int | None]:
        weights = []
        async with watched(shell(f"exit $(cat {told})", dynamic=True), policy=ROOT) as server:
            for status, expected in (("12", "up: exit status 12"), ("40", "up: exit status 40")):
                told.write_text(status)
                await server.until(expected)
                assert server.latest is not None
                weights.append(server.latest.weight)
            told.write_text("1")
            await server.until("down: exit status 1")
        return weights

    assert asyncio.run(work()) == [10, 38]


def test_whom_it_runs_as() -> None:
    script = Script(("/bin/sh", "-c", 'test "$(id -un)" = nobody'), "nobody")
    assert first_verdict(MiscCheck(script, SECOND, False, FAST)) == "up: exit status 0"


def test_what_cannot_run_says_nothing_of_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weak = tmp_path / "weak"
    weak.write_text("#!/bin/sh\n")
    weak.chmod(stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
    os.chmod(tmp_path, 0o755)

    async def work(program: str, policy: ScriptPolicy) -> None:
        async with watched(
            MiscCheck(Script((program,)), SECOND, False, FAST), policy=policy
        ) as one:
            await asyncio.sleep(0.3)
            assert one.now() == "unknown: not checked yet"

    asyncio.run(work("/nonexistent", ROOT))
    assert "cannot run /nonexistent: there is no such program" in caplog.text
    asyncio.run(work(str(weak), ScriptPolicy("root", secure=True)))
    assert f"cannot run {weak}: " in caplog.text
    assert "can be written by others than root" in caplog.text


def test_a_file_says_the_weight(tmp_path: Path) -> None:
    path = tmp_path / "number"
    plain, weighty = FileCheck(str(path), 0, FAST), FileCheck(str(path), 10, FAST)

    async def work() -> None:
        async with watched(plain) as server:
            await server.until(f"up: {path} is not there: 0")
            path.write_text("1\n")
            await server.until(f"down: {path} holds 1")
            path.unlink()
            os.mkfifo(path)  # says nothing, and cannot make the checker wait
            await asyncio.sleep(0.3)
            assert server.now() == f"down: {path} holds 1"
            path.unlink()
            path.write_text("0")
            await server.until(f"up: {path} holds 0")
        path.write_text("3")
        async with watched(weighty, shell("exit 9", dynamic=True), policy=ROOT, weight=5) as server:
            await server.until("up")
            assert server.latest is not None
            assert server.latest.weight == 7 + 30
            path.write_text("-1")
            await server.until("nothing", f"up: {path} holds -1")
            assert server.latest.weight == 0

    asyncio.run(work())


def test_all_failures_are_logged_if_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    async def work(log_all: bool) -> int:
        caplog.clear()
        timing = replace(FAST, log_all_failures=log_all)
        check = MiscCheck(Script(("/bin/false",)), SECOND, timing=timing)
        async with watched(check, policy=ROOT):
            await asyncio.sleep(0.8)
        return caplog.text.count("MISC_CHECK by /bin/false failed: exit status 1")

    assert asyncio.run(work(True)) >= 2
    assert asyncio.run(work(False)) == 0


def test_a_check_that_hangs_is_given_up_and_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stuck(*_: object) -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.5)
                return

    monkeypatch.setattr("trimaran.daemon.checker.attempt", stuck)
    monkeypatch.setattr("trimaran.daemon.checker.most_nanoseconds", lambda _: SECOND // 5)
    assert first_verdict(shell("exit 0"), policy=ROOT) == "down: not done within 0.2 s"
    assert "MISC_CHECK by /bin/sh -c exit 0 hangs: given up after 0.2 s" in caplog.text


def test_a_defect_in_one_check_is_said_and_ends_no_other(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def defect(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("trimaran.daemon.checker.attempt", defect)

    async def work() -> str:
        async with watched(shell("exit 0"), policy=ROOT) as server:
            await asyncio.sleep(0.4)
            return server.now()

    assert asyncio.run(work()) == "unknown: not checked yet"
    assert "defect in MISC_CHECK by /bin/sh -c exit 0" in caplog.text
