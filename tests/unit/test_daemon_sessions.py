"""What is left of a session whose leader was killed, ends; other sessions go on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trimaran.daemon import sessions

# Programs in groups of their own, one with a child, and one that has a session of its own.
LEADER = """
import os, subprocess, sys, time
sleep = ["/bin/sh", "-c", "sleep 60; true"]
for more in ({"process_group": 0}, {"process_group": 0}, {"start_new_session": True}):
    print(subprocess.Popen(sleep, **more, stdout=subprocess.DEVNULL).pid, flush=True)
time.sleep(60)
"""


def members(group: int) -> int:
    """How many processes of a group live."""
    found = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        found += int(fields[2]) == group and fields[0] != "Z"
    return found


def wait_for(group: int, number: int) -> None:
    deadline = time.monotonic() + 20
    while members(group) != number:
        assert time.monotonic() < deadline, f"{members(group)} are left, not {number}"
        time.sleep(0.01)


def test_groups_of_a_session_end_and_a_session_of_its_own_goes_on() -> None:
    leader = subprocess.Popen(
        [sys.executable, "-c", LEADER], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert leader.stdout is not None
    with leader, leader.stdout:
        groups = [int(leader.stdout.readline()) for _ in range(3)]
        try:
            for group in groups:
                wait_for(group, 2)
            leader.kill()
            leader.wait()
            assert sessions.end(leader.pid) == 2
            wait_for(groups[0], 0)
            wait_for(groups[1], 0)
            assert members(groups[2]) == 2
            assert sessions.end(leader.pid) == 0
        finally:
            for group in groups:
                if members(group):
                    os.killpg(group, signal.SIGKILL)


def test_of_a_leader_that_never_was_nothing_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number is 0, and so is the session of all that came from another PID namespace."""
    killed: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _: killed.append(group))
    assert sessions.end(0) == 0
    assert killed == []
