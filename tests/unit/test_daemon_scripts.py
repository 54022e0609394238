"""Running scripts: in order, one at a time, as whom, and what becomes of those that hang."""

import asyncio
import gc
import logging
import os
import time
from pathlib import Path

import pytest

from trimaran.daemon.scripts import Scripts, run_alone, writable_by_others
from trimaran.model.duration import SECOND
from trimaran.model.notification import Notice
from trimaran.model.script import Script, ScriptPolicy, TimedScript

ROOT = ScriptPolicy("root") if os.geteuid() == 0 else ScriptPolicy()


def shell(command: str, **more: str) -> Script:
    return Script(("sh", "-c", command), **more)


def run(
    *notices: Notice, policy: ScriptPolicy = ROOT, longest: float = 20, patience: float = 20
) -> None:
    async def main() -> None:
        scripts = Scripts(longest_seconds=longest)
        for notice in notices:
            scripts.run([notice], policy)
            await asyncio.sleep(0)
        await scripts.finish(patience)

    asyncio.run(main())
    gc.collect()  # says what nobody has reaped


def test_the_last_state_wins_and_no_two_run_at_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    one = [
        Notice("a", (shell(f"echo start {n} >>{log}; sleep 0.2; echo end {n} >>{log}"),))
        for n in range(9)
    ]
    run(*one)
    lines = log.read_text().splitlines()
    assert lines[-2:] == ["start 8", "end 8"]
    assert [line.split()[0] for line in lines] == ["start", "end"] * (len(lines) // 2)
    assert len(lines) <= 4


def test_subjects_do_not_wait_for_each_other() -> None:
    start = time.monotonic()
    run(*(Notice(f"s{n}", (shell("sleep 0.5"),)) for n in range(4)))
    assert time.monotonic() - start < 1.9


@pytest.mark.parametrize("limits", [{"longest": 0.3}, {"patience": 0.3}], ids=str)
def test_what_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, limits: dict[str, float]
) -> None:
    start = time.monotonic()
    run(Notice("a", (shell(f"sleep 60 & echo $! >{tmp_path}/pid; wait"),)), **limits)
    assert time.monotonic() - start < 10
    pid = int((tmp_path / "pid").read_text())
    time.sleep(0.1)
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_what_cannot_run_is_said(caplog: pytest.LogCaptureFixture) -> None:
    run(
        Notice("a", (Script(("/nowhere/notify.sh",)),)),
        Notice("b", (shell("exit 3"),)),
        Notice("c", (Script(("sh",), user="no-such-user"),)),
        Notice("d", (Script(("sh",), user="root", group="no-such-group"),)),
        policy=ScriptPolicy(),
    )
    said = "\n".join(caplog.messages)
    assert "a: cannot run /nowhere/notify.sh: there is no such program" in said
    assert "ended with status 3" in said
    assert "there is no user no-such-user" in said
    assert "there is no group no-such-group" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_whom_a_script_runs_as(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:-2]:  # all of pytest's below /tmp
        parent.chmod(0o755)
    (tmp_path / "out").mkdir(mode=0o777)
    (tmp_path / "out").chmod(0o777)
    for name, script in {
        "given": shell(f"id -un >{tmp_path}/out/given", user="nobody"),
        "group": shell(f"id -gn >{tmp_path}/out/group", user="nobody", group="daemon"),
        "policy": shell(f"id -un >{tmp_path}/out/policy; env >{tmp_path}/out/env"),
    }.items():
        run(Notice(name, (script,)), policy=ScriptPolicy("daemon"))
    out = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert out["given"] == "nobody\n"
    assert out["group"] == "daemon\n"
    assert out["policy"] == "daemon\n"
    assert {line.split("=")[0] for line in out["env"].splitlines()} <= {
        *("PATH", "HOME", "USER", "PWD", "SHLVL", "_", "OLDPWD"),
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_security(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    script = tmp_path / "notify.sh"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    assert writable_by_others(Path("/bin/sh")) is None
    assert writable_by_others(script) is None
    tmp_path.chmod(0o777)
    assert writable_by_others(script) == tmp_path
    run(Notice("a", (Script((str(script),)),)), policy=ScriptPolicy("root", secure=True))
    assert not (tmp_path / "ran").exists()
    assert f"{tmp_path} can be written by others than root, and it would run as root" in caplog.text
    run(Notice("a", (Script((str(script),)),)), policy=ScriptPolicy("root"))
    assert (tmp_path / "ran").exists()


def test_a_script_of_the_start_is_waited_for_but_not_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "log"
    asyncio.run(run_alone("startup_script", None, ROOT))
    whole = TimedScript(shell(f"sleep 0.2; echo whole >>{log}"), 60 * SECOND)
    asyncio.run(run_alone("startup_script", whole, ROOT))
    assert log.read_text() == "whole\n"
    hanging = TimedScript(shell(f"sleep 60; echo never >>{log}"), SECOND // 10)
    asyncio.run(run_alone("startup_script", hanging, ROOT))
    assert log.read_text() == "whole\n"
    assert "took too long: ended" in caplog.text
    gc.collect()
