"""Runs the scripts that are told of events: never two at once for one subject, in order.

While one runs, only the last of each kind that was asked for waits: it tells the state there is
then. Each runs in a process group of its own, without a shell, and is ended if it takes too long.
"""

import asyncio
import logging
import os
import pwd
import signal
import stat
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from shutil import which
from typing import NamedTuple

from trimaran.daemon.tasks import cancel, spawn
from trimaran.model.duration import SECOND
from trimaran.model.notification import Notice
from trimaran.model.script import Script, ScriptPolicy, TimedScript

log = logging.getLogger("scripts")

DEFAULT_USER = "keepalived_script"
"""Whom scripts run as if the configuration does not say, where there is such an account."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LONGEST_SECONDS = 300.0
GRACE_SECONDS = 2.0


class Scripts:
    """The scripts of one daemon."""

    def __init__(self, *, longest_seconds: float = _LONGEST_SECONDS) -> None:
        self._longest = longest_seconds
        self._waiting: dict[str, dict[str, tuple[tuple[Script, ...], ScriptPolicy]]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    def run(self, notices: Iterable[Notice], policy: ScriptPolicy) -> None:
        """Run scripts, each after what still runs for its subject."""
        for notice in notices:
            if not notice.scripts and notice.subject not in self._running:
                continue
            waiting = self._waiting.setdefault(notice.subject, {})
            # The last of its kind, and after all that was asked for before.
            waiting.pop(notice.kind, None)
            if notice.scripts:
                waiting[notice.kind] = (notice.scripts, policy)
            if notice.subject not in self._running:
                work = self._work(notice.subject)
                self._running[notice.subject] = spawn(work, f"scripts: {notice.subject}")

    async def finish(self, seconds: float) -> None:
        """Wait for all that run or wait; those that take longer are ended."""
        if self._running:
            _, late = await asyncio.wait(self._running.values(), timeout=seconds)
            await cancel(late)

    async def _work(self, subject: str) -> None:
        waiting = self._waiting[subject]
        while waiting:
            scripts, policy = waiting.pop(next(iter(waiting)))
            for script in scripts:
                try:
                    await self._run(subject, script, policy)
                except (OSError, LookupError, ValueError) as error:
                    log.error("%s: cannot run %s: %s", subject, script.command[0], error)
        del self._waiting[subject], self._running[subject]

    async def _run(self, subject: str, script: Script, policy: ScriptPolicy) -> None:
        process = await start(script, policy)
        log.info("%s: runs %s (pid %d)", subject, " ".join(script.command), process.pid)
        try:
            status = await asyncio.wait_for(process.wait(), self._longest)
        except TimeoutError:
            log.error("%s: %s took too long: ended", subject, script.command[0])
            return
        except asyncio.CancelledError:
            log.warning("%s: %s still runs: ended, as all is", subject, script.command[0])
            raise
        finally:
            if process.returncode is None:
                await end(process)
        if status:
            log.warning("%s: %s ended with status %d", subject, script.command[0], status)


class Runnable(NamedTuple):
    """What a script comes to on this machine. `weak`: see `writable_by_others`; it runs all the
    same if the policy says so."""

    program: str
    user: pwd.struct_passwd
    group: int
    weak: Path | None


def runnable(script: Script, policy: ScriptPolicy) -> Runnable:
    """What would be run, and as whom. Raises OSError, LookupError, ValueError, with the reason."""
    user, group = account(script, policy)
    program = which(script.command[0], path=_PATH)
    if program is None:
        raise FileNotFoundError("there is no such program, or it is not executable")
    weak = writable_by_others(Path(program)) if user.pw_uid == 0 else None
    if weak is not None and policy.secure:
        raise PermissionError(
            f"{weak} can be written by others than root, and it would run as root: take "
            "that right away, or name another script_user"
        )
    return Runnable(program, user, group, weak)


async def run_alone(subject: str, timed: TimedScript | None, policy: ScriptPolicy) -> None:
    """Run a script and wait for its end. What goes wrong is logged."""
    if timed is not None:
        seconds = timed.timeout / SECOND
        scripts = Scripts(longest_seconds=seconds)
        scripts.run([Notice(subject, (timed.script,))], policy)
        await scripts.finish(seconds + 2 * GRACE_SECONDS)


async def start(
    script: Script, policy: ScriptPolicy, *, own_session: bool = True
) -> asyncio.subprocess.Process:
    """Start a script in a process group of its own. Raises OSError, LookupError, ValueError.

    `own_session`: it may outlive this process, else it is to be found by the session of that.
    """
    program, user, group, weak = runnable(script, policy)
    if weak is not None:
        _warn_of(weak)
    root = os.geteuid() == 0  # who is not stays who he is
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            program,
            *script.command[1:],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env={"PATH": _PATH, "HOME": user.pw_dir, "USER": user.pw_name},
            start_new_session=own_session,
            process_group=None if own_session else 0,
            user=user.pw_uid if root else None,
            group=group if root else None,
            extra_groups=[] if root else None,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # It may run already, and have started others.
        with suppress(OSError):
            await kill(await starting)
        raise


async def end(process: asyncio.subprocess.Process) -> None:
    """End a process and all that it started; SIGTERM first, for `GRACE_SECONDS`."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), GRACE_SECONDS)
    await kill(process)


async def kill(process: asyncio.subprocess.Process) -> None:
    """End a process and all that it started at once, and reap it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


@cache
def _warn_of(weak: Path) -> None:
    """Once: checks run their programs again and again."""
    log.warning("%s can be written by others than root, but runs as root", weak)


def writable_by_others(program: Path) -> Path | None:
    """The first part of a path, as it is and as it resolves, that not only root can write."""
    resolved = program.resolve()
    for path in (*reversed(resolved.parents), resolved):
        status = path.stat()
        others = status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX
        by_group = status.st_mode & stat.S_IWGRP and status.st_gid != 0
        if status.st_uid != 0 or others or by_group:
            return path
    return None


def account(script: Script, policy: ScriptPolicy) -> tuple[pwd.struct_passwd, int]:
    """Whom a script runs as. Raises LookupError for an unknown account."""
    name = script.user or policy.user
    group = script.group if script.user else policy.group
    if name is None:
        with suppress(KeyError):
            user = pwd.getpwnam(DEFAULT_USER)
            return user, user.pw_gid
        user = pwd.getpwuid(os.geteuid())
        return user, user.pw_gid
    try:
        user = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except KeyError:
        raise LookupError(f"there is no user {name}") from None
    if group is None:
        return user, user.pw_gid
    if group.isdecimal():
        return user, int(group)
    # Costly to import for what is seldom said.
    import grp

    try:
        return user, grp.getgrnam(group).gr_gid
    except KeyError:
        raise LookupError(f"there is no group {group}") from None
