"""The checker: makes the attempts that the schedules ask for, and says what came of them.

Attempts at all kinds of checks but TCP's are tasks (`trimaran.daemon.attempts`).

A TCP check is half a handshake. The kernel is told not to acknowledge the server's SYN-ACK at
once (TCP_QUICKACK off), and closing sends a reset instead (SO_LINGER 0): the server's kernel
drops the half-open connection, so that its application never sees the check, its accept queue
stays empty, and neither side is left with an entry in TIME_WAIT.

Cost decides the form (`bench/checks.py`): plain non-blocking connects, one epoll for all their
answers, which the loop watches as one descriptor, and one timer over a heap for all starts and
all timeouts.
"""

import asyncio
import errno
import itertools
import logging
import os
import random
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from trimaran.daemon.attempts import attempt, most_nanoseconds
from trimaran.daemon.attempts.failure import Failed
from trimaran.daemon.attempts.sockets import open_socket
from trimaran.daemon.logs import few
from trimaran.daemon.messages import (
    ConfigureChecker,
    ConfigureTrackers,
    ServersStatus,
    ServerStatus,
    SessionsStatus,
    TellServers,
    ToChild,
    TrackerReadings,
)
from trimaran.daemon.news import Heard
from trimaran.daemon.tasks import end_of, spawn
from trimaran.daemon.trackers import Trackers
from trimaran.health import bfd, tcp
from trimaran.health.administration import Place
from trimaran.health.roster import Roster, Standing
from trimaran.health.schedule import Schedule
from trimaran.health.verdict import Verdict
from trimaran.model.check import BfdCheck, Probed, TcpCheck, title
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.script import ScriptPolicy
from trimaran.model.service import VirtualService

log = logging.getLogger("checker")

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_PLAIN = ScriptPolicy()
_BATCH = 64
"""Attempts started in a row before the loop gets to look at the answers."""
_TICK = 20 * MILLISECOND
"""Alarms ring on multiples of this, so that many share one turn of the loop."""
_REPORT_GAP_SECONDS = 0.01
"""Changes that come in a rush share a report."""
_COMPLAINT_GAP = 10 * SECOND

# Successive multiples of this, modulo 1, divide a circle evenly however many there are.
_GOLDEN_RATIO = 0.6180339887498949


class _Probe:
    """A check that is being made: its schedule, the attempt under way, the next alarm."""

    __slots__ = ("alarm", "check", "checked", "connection", "schedule", "target", "task")

    def __init__(self, check: Probed, schedule: Schedule) -> None:
        self.check = check
        self.schedule = schedule
        self.target = (str(check.address), check.port) if isinstance(check, TcpCheck) else ("", 0)
        self.connection: socket.socket | None = None
        self.task: asyncio.Task[None] | None = None
        self.alarm: int | None = None
        self.checked = 0.0


class Checker:
    """Checks real servers in the running event loop, until `close`.

    `report` gets the standing of all real servers first, then what became of some; it is called
    from the loop, never from within a method. `chance` gives numbers in [0, 1).
    """

    def __init__(
        self,
        report: Callable[[ServersStatus | TrackerReadings], None],
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.attempts = 0
        self._report_to = report
        self._trackers = Trackers(report)
        self._chance = chance
        self._phase = chance()
        self._loop = asyncio.get_running_loop()
        self._roster = Roster()
        self._policy = ScriptPolicy()
        self._probes: dict[Probed, _Probe] = {}
        self._sessions = SessionsStatus(())
        self._open: dict[int, _Probe] = {}
        # Attempts that are no longer wanted, but have not put away what they hold.
        self._ending: set[asyncio.Task[None]] = set()
        self._answers = select.epoll()
        self._loop.add_reader(self._answers.fileno(), self._take_answers)
        self._alarms: list[tuple[int, int, _Probe]] = []
        self._serial = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_alarm = 0
        self._next_report: asyncio.TimerHandle | None = None
        self._last_report = float("-inf")
        self._told: Heard[VirtualService] = Heard()
        # What the next report is about.
        self._tell_all = True
        self._news: dict[Place, Standing] = {}
        self._gone: dict[Place, None] = {}
        self._next_complaint = 0

    # Body of the checker process

    async def start(self) -> None:
        """Checks start with the configuration. Their programs are to be found by the session
        (`daemon.sessions`)."""
        os.setsid()

    def handle(self, message: ToChild) -> None:
        match message:
            case ConfigureChecker(news, policy):
                self.configure(self._told.take(news), policy)
            case TellServers():
                self._tell_all = True
                self._report_soon()
            case SessionsStatus():
                self._sessions = message
                self._heed_sessions()
            case ConfigureTrackers(trackers, policy):
                self._trackers.configure(trackers, policy)

    async def stop(self, *, orphaned: bool) -> None:
        await self.close()

    def configure(
        self, services: tuple[VirtualService, ...], policy: ScriptPolicy = _PLAIN
    ) -> None:
        """Check the real servers of these services, and no others, from now on.

        A check that stays keeps its state and its place in the schedule. `policy`: whom the
        programs of checks run as.
        """
        self._policy = policy
        before = self._roster.places()
        changed = self._roster.configure(services, time.time_ns())
        self._gone |= dict.fromkeys(before - self._roster.places())
        wanted = {check for check in self._roster.checks() if not isinstance(check, BfdCheck)}
        for check in self._probes.keys() - wanted:
            self._stop(self._probes.pop(check))
        now = time.monotonic_ns()
        for check in wanted:
            if check not in self._probes:
                self._probes[check] = self._plan(check, now)
        self._arm()
        self._changed(changed)
        self._heed_sessions()

    def _heed_sessions(self) -> None:
        """Judge the checks of BFD sessions, of which nothing but news ever comes."""
        news = bfd.judge({session.name: session.up for session in self._sessions.sessions})
        for check in list(self._roster.checks()):
            if isinstance(check, BfdCheck) and (verdict := news.get(check.session)) is not None:
                self._changed(self._roster.decide(check, verdict, time.time_ns()))

    async def close(self) -> None:
        """Stop all checks, wait until nothing of them is left, and report nothing more."""
        for probe in self._probes.values():
            self._stop(probe)
        self._probes.clear()
        self._alarms.clear()
        for timer in (self._timer, self._next_report):
            if timer is not None:
                timer.cancel()
        self._loop.remove_reader(self._answers.fileno())
        self._answers.close()
        await end_of(tuple(self._ending))
        await self._trackers.close()

    # Alarms: each probe has at most one, for its next start or for its attempt's time limit.

    def _plan(self, check: Probed, now: int) -> _Probe:
        self._phase = (self._phase + _GOLDEN_RATIO) % 1.0
        share = self._chance() if check.timing.warmup else 0.0
        schedule = Schedule(check.timing, now, warmup_share=share, phase=self._phase)
        probe = _Probe(check, schedule)
        self._set_alarm(probe, schedule.deadline())
        return probe

    def _set_alarm(self, probe: _Probe, instant: int | None) -> None:
        probe.alarm = instant
        if instant is not None:
            heappush(self._alarms, (instant, next(self._serial), probe))

    def _arm(self) -> None:
        """Set the timer to the earliest alarm. Superseded alarms are dropped as they come up."""
        while self._alarms and self._alarms[0][2].alarm != self._alarms[0][0]:
            heappop(self._alarms)
        if not self._alarms:
            return
        alarm = -(-self._alarms[0][0] // _TICK) * _TICK
        if self._timer is not None:
            if self._timer_alarm <= alarm:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(alarm / SECOND, self._ring)
        self._timer_alarm = alarm

    def _ring(self) -> None:
        self._timer = None
        now = time.monotonic_ns()
        for _ in range(_BATCH):
            if not self._alarms or self._alarms[0][0] > now:
                break
            alarm, _, probe = heappop(self._alarms)
            if probe.alarm != alarm:
                continue
            if probe.connection is None and probe.task is None:
                self._start(probe)
            else:
                self._give_up(probe)
        self._arm()

    # Attempts

    def _start(self, probe: _Probe) -> None:
        probe.schedule.started()
        self.attempts += 1
        if isinstance(probe.check, TcpCheck):
            self._connect(probe, probe.check)
            return
        probe.task = spawn(self._attempt(probe), "attempt at a check")
        self._set_alarm(probe, time.monotonic_ns() + most_nanoseconds(probe.check))

    async def _attempt(self, probe: _Probe) -> None:
        try:
            verdict = await attempt(probe.check, self._policy)
        except Exception as error:
            # What a server sends must not end the checks of all others.
            log.exception("defect in %s", title(probe.check))
            verdict = Verdict(None, f"defect in this check: {error!r}")
        if probe.task is asyncio.current_task():
            self._finish(probe, verdict)
            self._arm()

    def _give_up(self, probe: _Probe) -> None:
        """The time of an attempt is over."""
        if isinstance(probe.check, TcpCheck):
            self._finish(probe, tcp.unanswered(probe.check))
            return
        seconds = most_nanoseconds(probe.check) / SECOND
        log.warning("%s hangs: given up after %g s", title(probe.check), seconds)
        self._finish(probe, Verdict(False, f"not done within {seconds:g} s"))

    def _connect(self, probe: _Probe, check: TcpCheck) -> None:
        try:
            connection = open_socket(check, socket.SOCK_STREAM)
        except Failed as failure:
            self._finish(probe, failure.verdict)
            return
        except OSError as error:
            self._finish(probe, tcp.judge(error.errno or errno.EMFILE))
            return
        probe.connection = connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        result = connection.connect_ex(probe.target)
        if result == errno.EINPROGRESS:
            descriptor = connection.fileno()
            self._open[descriptor] = probe
            self._answers.register(descriptor, select.EPOLLOUT)
            self._set_alarm(probe, time.monotonic_ns() + check.connect_timeout)
        else:
            self._finish(probe, tcp.judge(result))

    def _take_answers(self) -> None:
        for descriptor, _ in self._answers.poll(0, _BATCH):
            probe = self._open[descriptor]
            assert probe.connection is not None
            error = probe.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error == 0 and probe.connection.getsockname()[:2] == probe.target:
                self._finish(probe, tcp.connected_to_itself())
            else:
                self._finish(probe, tcp.judge(error))
        self._arm()

    def _finish(self, probe: _Probe, result: Verdict) -> None:
        self._hang_up(probe)
        now, probe.checked = time.monotonic_ns(), time.time()
        changed = probe.schedule.finished(result, now)
        self._set_alarm(probe, probe.schedule.deadline())
        if result.up is None and now >= self._next_complaint:
            self._next_complaint = now + _COMPLAINT_GAP
            log.error("checks cannot be made, servers stay as they were: %s", result.reason)
        if result.up is False and not changed and probe.check.timing.log_all_failures:
            log.warning("%s failed: %s", title(probe.check), result.reason)
        if changed:
            verdict = probe.schedule.verdict
            self._changed(self._roster.decide(probe.check, verdict, time.time_ns()))

    def _hang_up(self, probe: _Probe) -> None:
        if probe.connection is not None:
            self._open.pop(probe.connection.fileno(), None)
            probe.connection.close()  # and the epoll forgets it
            probe.connection = None
        if probe.task is not None:
            task, probe.task = probe.task, None
            if task is not asyncio.current_task():
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
                task.cancel()

    def _stop(self, probe: _Probe) -> None:
        self._hang_up(probe)
        self._set_alarm(probe, None)

    # What is said

    def _changed(self, changed: Sequence[Standing]) -> None:
        self._log(changed)
        self._news |= {standing.place: standing for standing in changed}
        self._report_soon()

    def _log(self, changed: Sequence[Standing]) -> None:
        for up, level in ((True, logging.INFO), (False, logging.WARNING)):
            lines = [
                f"real server {standing.server} of {standing.service} is "
                f"{'up' if up else 'down'}: {standing.verdict.reason}"
                for standing in changed
                if standing.verdict.up is up
            ]
            for line in few(lines):
                log.log(level, "%s", line)

    def _report_soon(self) -> None:
        if self._next_report is None:
            instant = max(self._loop.time(), self._last_report + _REPORT_GAP_SECONDS)
            self._next_report = self._loop.call_at(instant, self._report)

    def _checked(self, standing: Standing) -> float:
        checks = self._roster.checks_of(standing)
        probes = (self._probes.get(check) for check in checks if not isinstance(check, BfdCheck))
        return min((probe.checked for probe in probes if probe is not None), default=0.0)

    def _report(self) -> None:
        self._next_report = None
        self._last_report = self._loop.time()
        whole, self._tell_all = self._tell_all, False
        present = self._roster.places()
        told = (
            self._roster.standings()
            if whole
            else [standing for place, standing in self._news.items() if place in present]
        )
        gone = [place for place in self._gone if place not in present]
        self._news, self._gone = {}, {}
        servers = tuple(map(self._status, told))
        if whole or servers or gone:
            self._report_to(ServersStatus(servers, () if whole else tuple(gone), whole))

    def _status(self, standing: Standing) -> ServerStatus:
        return ServerStatus(
            standing.service,
            standing.server,
            standing.verdict.up,
            standing.since / SECOND,
            standing.verdict.reason,
            standing.verdict.weight,
            self._checked(standing),
        )
