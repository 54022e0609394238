"""Programs that outlive the process that has started them: found by their session, and ended.

A process that runs programs begins a session of its own (setsid(2)); each of them has a process
group in it. After a SIGKILL the kernel still knows the session, whoever their parent is now. A
program that wants to go on by itself, a service, begins a session of its own.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MOST_ROUNDS = 10
_PROCESS_GROUP, _SESSION = 2, 3
"""Fields of /proc/PID/stat (proc(5)) behind the name, which may hold anything."""


def end(session: int) -> int:
    """Kill all that is left of a session whose leader is gone; how many process groups.

    0 is no session, but what proc(5) shows of sessions of another PID namespace: nothing is killed.
    """
    if session == 0:
        return 0
    killed: set[int] = set()
    for _ in range(_MOST_ROUNDS):  # one may start another meanwhile
        groups = set(_groups(session)) - killed
        if not groups:
            break
        for group in groups:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        killed |= groups
    return len(killed)


def _groups(session: int) -> Iterator[int]:
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        with suppress(OSError):  # it ended meanwhile
            fields = (process / "stat").read_text().rpartition(") ")[2].split()
            if int(fields[_SESSION]) == session and fields[0] != "Z":
                yield int(fields[_PROCESS_GROUP])
