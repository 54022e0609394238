"""What the lab remembers, and how it tells its processes from others."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from trimaran.lab import processes, record
from trimaran.lab.errors import LabError
from trimaran.lab.host import wait_until
from trimaran.lab.processes import Process
from trimaran.lab.record import Record


@pytest.mark.parametrize(
    "prefix", ["", "Trimaran", "a b", "-a", "a-", "a--b", "../x", "1a", "a" * 41]
)
def test_a_bad_prefix(prefix: str) -> None:
    with pytest.raises(LabError, match="want lowercase letters"):
        record.directory_of(prefix)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert record.read(tmp_path) == Record({}, {})
    made = Record({"a-lan": 5, "a-lb1": None}, {"lb1": Process(10, 20)})
    record.write(tmp_path, made)
    assert record.read(tmp_path) == made
    assert os.listdir(tmp_path) == ["lab.json"]


def test_no_lab_is_up(tmp_path: Path) -> None:
    with (
        pytest.raises(LabError, match="no lab 'none' is up: start it with 'trimaran lab up"),
        record.locked(tmp_path / "none"),
    ):
        pass


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as child:
        yield child
        child.kill()


def test_a_process_that_ends(sleeper: subprocess.Popen[bytes]) -> None:
    process = processes.identify(sleeper.pid)
    assert process.running
    wait_until("it is sleep", lambda: processes.command_line(sleeper.pid) == "sleep 60", 5)
    processes.send(process, signal.SIGTERM)
    assert sleeper.wait(5) == -signal.SIGTERM
    assert not process.running
    processes.send(process, signal.SIGTERM)  # nothing happens


def test_a_later_process_with_the_same_pid_is_not_signalled(
    sleeper: subprocess.Popen[bytes],
) -> None:
    earlier = Process(sleeper.pid, processes.identify(sleeper.pid).started - 1)
    assert not earlier.running
    processes.send(earlier, signal.SIGKILL)
    assert sleeper.poll() is None


def test_the_processes_of_this_namespace() -> None:
    assert os.getpid() in processes.in_namespace(os.stat("/proc/self/ns/net").st_ino)
    assert processes.in_namespace(0) == []
