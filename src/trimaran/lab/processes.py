"""The processes of a network namespace, found in /proc and signalled without mistaking a pid."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from trimaran.daemon.pace import SLOWNESS
from trimaran.lab.errors import LabError


class Process(msgspec.Struct, frozen=True):
    """A process that cannot be taken for a later one with the same pid.

    `started` is in clock ticks since boot (proc(5), stat, field 22).
    """

    pid: int
    started: int

    @property
    def running(self) -> bool:
        """Whether it still runs; a zombie does not."""
        state, started = _state_and_start(self.pid)
        return started == self.started and state not in "ZX"


def identify(pid: int) -> Process:
    """The process that has this pid now."""
    return Process(pid, _state_and_start(pid)[1])


def _state_and_start(pid: int) -> tuple[str, int]:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0
    return fields[0], int(fields[19])


def in_namespace(inode: int) -> list[int]:
    """The pids, ascending, of the processes in the network namespace with this inode."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and _namespace_of(int(entry.name)) == inode:
            found.append(int(entry.name))
    return sorted(found)


def _namespace_of(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return None  # gone, or a zombie


def command_line(pid: int) -> str:
    """What it was started with; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to this very process; nothing happens when it has ended."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(process.pid)
        try:
            if process.running:  # looked at after the pidfd was taken: it is this one
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def freeze_namespace(inode: int) -> None:
    """Stop (SIGSTOP) every process in the namespace."""
    for pid in in_namespace(inode):
        send(identify(pid), signal.SIGSTOP)


def kill_namespace(inode: int, patience: float = 5.0) -> None:
    """Kill -9 every process in the namespace; `LabError` if some survive `patience` seconds."""
    deadline = time.monotonic() + patience * SLOWNESS
    while pids := in_namespace(inode):
        if time.monotonic() > deadline:
            raise LabError(f"processes {pids} do not die")
        for pid in pids:
            send(identify(pid), signal.SIGKILL)
        time.sleep(0.01)
