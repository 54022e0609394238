"""What must not bring the steward down, or stop it from stopping: a hostile surrounding."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from watching import child_pid, holds_vip, reconfigure, router, wait_for_state

from trimaran.daemon import rundir
from trimaran.lab.host import ENVIRONMENT, LabHost, wait_until
from trimaran.lab.lab import Lab


@pytest.fixture
def lb1(bare_lab: Lab) -> LabHost:
    """A director that has just become master; no real server answers it."""
    director = bare_lab.host("lb1")
    director.start_service()
    wait_for_state(director, "MASTER")
    return director


@pytest.fixture
def idle(bare_lab: Lab) -> LabHost:
    """A director that does not run yet."""
    return bare_lab.host("lb1")


def control_socket(director: LabHost) -> str:
    return str(rundir.ROOT / f"netns-{director.inode}" / "control.sock")


def still_serves(director: LabHost) -> None:
    time.sleep(0.5)
    assert director.service is not None, director.log
    assert router(director)["state"] == "MASTER"


def xdp(director: LabHost) -> bool:
    return "xdp" in director.output(["ip", "link", "show", "dev", "eth1"])


def ended(process: subprocess.Popen[bytes], seconds: float) -> float:
    """Seconds from SIGTERM until the daemon has ended."""
    begin = time.monotonic()
    process.terminate()
    try:
        process.wait(seconds)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return time.monotonic() - begin


# Control socket


def test_a_deeply_nested_request_does_no_harm(lb1: LabHost) -> None:
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(control_socket(lb1))
            channel.sendall(b"[" * 60000 + b"\n")
            channel.settimeout(2)
            channel.recv(100)
    still_serves(lb1)
    assert "defect" not in lb1.log


def test_garbage_on_the_control_socket_does_no_harm(lb1: LabHost) -> None:
    for garbage in (b"\xff\xfe\x00\n", b"\n", b"{}\n", b'{"command":[]}\n', b"1" * 60000 + b"\n",
                    b"x" * 200_000, b'"\\ud800"\n', b"null\n"):  # fmt: skip
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(control_socket(lb1))
            with suppress(OSError):
                channel.sendall(garbage)
    still_serves(lb1)
    assert "defect" not in lb1.log


def test_more_connections_than_descriptors_do_no_harm(idle: LabHost) -> None:
    """With the soft limit of 64 descriptors here, for the 1024 of a usual system."""
    command = f"ulimit -Sn 64; exec {' '.join(idle.service_command)}"
    daemon = idle.start(["sh", "-c", command], Path("trimaran.log"))
    try:
        wait_for_state(idle, "MASTER")
        with ExitStack() as open_ones:
            for _ in range(100):
                channel = open_ones.enter_context(socket.socket(socket.AF_UNIX))
                channel.settimeout(0.2)
                channel.connect(control_socket(idle))
            time.sleep(0.5)
        time.sleep(0.7)
        assert daemon.poll() is None, idle.log
        assert "defect" not in idle.log
        assert router(idle)["state"] == "MASTER"
    finally:
        ended(daemon, 5)


# The run directory


def test_a_run_directory_that_goes_away_does_not_stop_a_takeover(bare_lab: Lab) -> None:
    director = bare_lab.host("lb2")
    director.start_service()
    wait_until("it speaks", lambda: router(director), 8)
    directory = rundir.ROOT / f"netns-{director.inode}"
    for name in directory.iterdir():
        name.unlink()
    directory.rmdir()
    wait_until("it is master", lambda: holds_vip(director), 8)
    time.sleep(1)
    assert director.service is not None, director.log
    assert holds_vip(director)
    assert "defect" not in director.log


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk_does_not_stop_a_takeover(idle: LabHost, tmp_path: Path) -> None:
    with small_disk(tmp_path / "run") as directory:
        daemon = idle.start(
            [*idle.service_command, "--run-dir", str(directory)], Path("trimaran.log")
        )
        try:
            wait_until("it starts", lambda: (directory / "control.sock").exists(), 5)
            with suppress(OSError):
                (directory / "filler").write_bytes(b"x" * 100_000)
            wait_until("it is master", lambda: holds_vip(idle), 6)
            time.sleep(1)
            assert daemon.poll() is None, idle.log
            assert holds_vip(idle)
            assert ended(daemon, 5) < 1.2
            assert daemon.returncode == 0, idle.log
            assert "Traceback" not in idle.log
        finally:
            daemon.kill()
            daemon.wait()


def test_a_run_directory_too_long_for_a_socket_is_one_message(
    idle: LabHost, tmp_path: Path
) -> None:
    directory = tmp_path / ("long" * 40)
    done = idle.run([*idle.service_command, "--run-dir", str(directory)], timeout=10)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_control_socket_that_cannot_be_made_leaves_nothing(idle: LabHost, tmp_path: Path) -> None:
    reconfigure(idle, ("virtual_router_id 1", "virtual_router_id 1\n  use_vmac"))
    (tmp_path / "control.sock").mkdir()
    done = idle.run([*idle.service_command, "--run-dir", str(tmp_path)], timeout=10)
    assert done.returncode == 1
    assert f"cannot listen on {tmp_path}/control.sock: Is a directory" in done.stderr
    assert "Traceback" not in done.stderr
    assert "vrrp.1" not in idle.output(["ip", "link"]), "its devices were made before"
    assert not (tmp_path / "virtual-macs.json").exists()


# Standard error


@pytest.mark.parametrize("how", ["2>/dev/full", "2>&-", "0<&- 1>&- 2>&-"])
def test_it_runs_and_stops_with_nowhere_to_log(idle: LabHost, how: str) -> None:
    daemon = subprocess.Popen(
        idle.command(["sh", "-c", f"exec {' '.join(idle.service_command)} {how}"]),
        env=ENVIRONMENT,
    )
    try:
        wait_for_state(idle, "MASTER", 8)
        assert all(p["restarts"] == 0 for p in (idle.status() or {})["processes"])
    finally:
        took = ended(daemon, 5)
    assert took < 1.2
    assert daemon.returncode == 0
    assert not holds_vip(idle)
    assert not xdp(idle)


def test_a_log_that_nobody_reads_stops_neither_checks_nor_the_stop(bare_lab: Lab) -> None:
    lb1, web1 = bare_lab.host("lb1"), bare_lab.host("web1")
    reading, writing = os.pipe()
    reconfigure(lb1, ("delay_loop 5", "delay_loop 1"))
    web1.start_service()
    os.set_blocking(writing, False)
    with suppress(OSError):
        while True:
            os.write(writing, b"x" * 4096)
    with suppress(OSError):
        while True:
            os.write(writing, b"x")
    os.set_blocking(writing, True)
    daemon = subprocess.Popen(
        lb1.command(lb1.service_command), env=ENVIRONMENT, stderr=writing, stdin=subprocess.DEVNULL
    )
    try:
        wait_until("it is master", lambda: holds_vip(lb1), 8)
        wait_until("status answers", lambda: lb1.status() is not None, 3)
    finally:
        took = ended(daemon, 5)
        os.close(reading)
        os.close(writing)
    assert took < 1.2
    assert daemon.returncode == 0


# Stopping


@pytest.mark.parametrize("after", [0.0, 0.2, 0.5, 1.0])
def test_stopping_during_the_start(idle: LabHost, after: float) -> None:
    daemon = idle.start(idle.service_command, Path("trimaran.log"))
    directory = rundir.ROOT / f"netns-{idle.inode}"
    wait_until("it begins", directory.exists, 5)
    time.sleep(after)
    took = ended(daemon, 5)
    assert took < 1.0, idle.log
    assert daemon.returncode == 0, idle.log
    wait_until("no process is left", lambda: idle.pids("trimaran") == [], 2)
    assert not directory.exists()
    assert not xdp(idle)
    assert not holds_vip(idle)
    assert "did not stop" not in idle.log, idle.log


@pytest.mark.parametrize("name", ["speaker", "checker", "plane"])
def test_stopping_while_a_child_is_stopped_leaves_nothing(lb1: LabHost, name: str) -> None:
    lb1.send(f"trimaran.daemon {name}", signal.SIGSTOP)
    begin = time.monotonic()
    assert lb1.stop_service() == 0
    assert time.monotonic() - begin < 1.1
    assert not holds_vip(lb1)
    assert not xdp(lb1)
    assert lb1.pids("trimaran") == []


def test_stopping_while_a_child_is_being_started_again(lb1: LabHost) -> None:
    for name in ("checker", "speaker"):
        os.kill(child_pid(lb1, name), signal.SIGKILL)
    time.sleep(0.05)
    begin = time.monotonic()
    assert lb1.stop_service() == 0
    assert time.monotonic() - begin < 1.0
    wait_until("no process is left", lambda: lb1.pids("trimaran") == [], 2)
    assert not holds_vip(lb1)
    assert not xdp(lb1)


def test_terminating_every_process_at_once(lb1: LabHost) -> None:
    """systemd's default KillMode, or an operator's `pkill trimaran`."""
    begin = time.monotonic()
    lb1.send("trimaran", signal.SIGTERM)
    wait_until("no process is left", lambda: lb1.pids("trimaran") == [], 3)
    assert time.monotonic() - begin < 1.1
    assert not holds_vip(lb1)
    assert not xdp(lb1)


@pytest.mark.parametrize("pair", [("run -f", "speaker"), ("run -f", "plane"),
                                  ("speaker", "plane"), ("speaker", "checker")])  # fmt: skip
def test_pairs_killed_at_once(lb1: LabHost, pair: tuple[str, str]) -> None:
    pids = [pid for text in pair for pid in lb1.pids(text)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    time.sleep(1.5)
    if pair[0] == "run -f":
        assert lb1.pids("trimaran") == []
        assert not holds_vip(lb1)
        if pair[1] != "plane":
            assert not xdp(lb1)
    else:
        wait_for_state(lb1, "MASTER", 8)
        wait_until("it holds the VIP", lambda: holds_vip(lb1), 1)
        assert xdp(lb1)


def test_the_reader_of_status_may_leave_early(lb1: LabHost) -> None:
    done = subprocess.run(
        lb1.command(["sh", "-c", "trimaran status | head -1; trimaran status --json | true"]),
        env=ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""


def test_a_configuration_that_became_a_pipe_does_not_hang_the_steward(lb1: LabHost) -> None:
    file = lb1.directory / "trimaran.conf"
    file.unlink()
    os.mkfifo(file)
    lb1.reload_service()
    time.sleep(0.3)
    assert lb1.status() is not None
    assert lb1.stop_service() == 0


def test_stopping_during_the_start_removes_what_was_found(lb1: LabHost) -> None:
    lb1.kill()
    lb1.join_link()
    assert xdp(lb1)
    daemon = lb1.start(lb1.service_command, Path("trimaran.log"))
    wait_until("it begins", lambda: lb1.pids("-m trimaran.daemon "), 5)
    assert ended(daemon, 5) < 1.0
    assert not holds_vip(lb1)
    assert not xdp(lb1)
