"""The BFD process: sessions with neighbours, at real-time priority, with its memory locked.

It is a process of its own because of what may not wait for what. Its packets are as urgent as
advertisements and many times as frequent (100 a second for each session, by default): in the
speaker, a few dozen sessions would delay adverts; in the checker, a check would delay packets,
and the neighbour would take the path for dead. Every decision is a session's machine's
(`trimaran.bfd.machine`). News go to the steward, which passes them on to the speaker and the
checker.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from dataclasses import dataclass

from trimaran.bfd import events, packet
from trimaran.bfd.actions import Action, Missed, SendPacket, StateChanged, Warn
from trimaran.bfd.machine import Machine
from trimaran.bfd.packet import ControlPacket, Discarded, Reason, State
from trimaran.daemon.child import Send
from trimaran.daemon.messages import ConfigureBfd, SessionsStatus, SessionStatus, ToChild
from trimaran.daemon.realtime import become_realtime, keep_collector_quick
from trimaran.daemon.tasks import spawn
from trimaran.daemon.timerfd import TimerFd
from trimaran.model.bfd import BfdSession
from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress
from trimaran.net.bfd_socket import BfdReceiver, BfdSender, Datagram
from trimaran.net.errors import NetError

log = logging.getLogger("bfd")

_STATUS_SECONDS = 1.0
_MOST_STRANGERS = 64
"""Senders without a session that are named in the log; the others are only counted."""


@dataclass(slots=True)
class _Station:
    """One session on this director: its machine, and what it sends by (None: not to be had)."""

    session: BfdSession
    machine: Machine
    discriminator: int
    sender: BfdSender | None = None
    trouble: str = ""


class Bfd:
    """Body of the BFD process."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._stations: dict[IPAddress, _Station] = {}
        self._by_discriminator: dict[int, _Station] = {}
        self._receivers: dict[int, BfdReceiver] = {}
        self._refusals: dict[int, str] = {}
        self._discarded: Counter[str] = Counter()
        self._strangers: set[IPAddress] = set()
        self._timer = TimerFd()
        self._report_due = False

    async def start(self) -> None:
        for refusal in become_realtime():
            log.warning("not to be had: %s; BFD packets may be late under load", refusal)
        asyncio.get_running_loop().add_reader(self._timer.fileno(), self._timer_fired)
        self._reports = spawn(self._report_regularly(), "report")
        keep_collector_quick()

    def handle(self, message: ToChild) -> None:
        match message:
            case ConfigureBfd(sessions):
                self._configure(sessions)

    async def stop(self, *, orphaned: bool) -> None:
        """Tell all neighbours that the sessions end."""
        for station in self._stations.values():
            self._tell(station, events.Shutdown())

    # Configuration

    def _configure(self, sessions: tuple[BfdSession, ...]) -> None:
        wanted = {session.neighbour: session for session in sessions}
        for neighbour in self._stations.keys() - wanted.keys():
            gone = self._stations.pop(neighbour)
            del self._by_discriminator[gone.discriminator]
            self._tell(gone, events.Shutdown())
            if gone.sender is not None:
                gone.sender.close()
        self._open_receivers({neighbour.version for neighbour in wanted})
        for neighbour, session in wanted.items():
            station = self._stations.get(neighbour)
            if station is None:
                self._add(session)
            elif station.session != session:
                self._change(station, session)
        self._arm()
        self._report_soon()

    def _add(self, session: BfdSession) -> None:
        discriminator = self._unused_discriminator()
        machine = Machine(session, discriminator, random.random)
        station = _Station(session, machine, discriminator)
        self._stations[session.neighbour] = self._by_discriminator[discriminator] = station
        self._tell(station, events.Started())

    def _change(self, station: _Station, session: BfdSession) -> None:
        before, station.session = station.session, session
        if (before.source, before.ttl) != (session.source, session.ttl) and station.sender:
            station.sender.close()
            station.sender = None
        self._tell(station, events.Reconfigured(session))

    def _unused_discriminator(self) -> int:
        """Not to be guessed, so that nobody off the path can end a session (RFC 5880, 9)."""
        while (number := random.SystemRandom().randrange(1, 2**32)) in self._by_discriminator:
            pass
        return number

    def _open_receivers(self, versions: set[int]) -> None:
        loop = asyncio.get_running_loop()
        for version in self._receivers.keys() - versions:
            old = self._receivers.pop(version)
            loop.remove_reader(old.fileno())
            old.close()
        refusals, self._refusals = self._refusals, {}
        for version in versions - self._receivers.keys():
            try:
                new = self._receivers[version] = BfdReceiver(version)
            except NetError as error:
                if refusals.get(version) != str(error):
                    log.error("%s", error)
                self._refusals[version] = str(error)
                continue
            loop.add_reader(new.fileno(), self._receive, version)

    # Packets and timers

    def _receive(self, version: int) -> None:
        try:
            datagrams = self._receivers[version].receive()
        except NetError as error:
            log.warning("%s", error)
            return
        for datagram in datagrams:
            self._take(datagram)
        self._arm()

    def _take(self, datagram: Datagram) -> None:
        """Hand a datagram to the session it belongs to (RFC 5880, 6.8.6; RFC 5881, 3)."""
        heard = packet.decode(datagram.payload)
        station = self._stations.get(datagram.sender)
        if isinstance(heard, ControlPacket) and heard.your_discriminator:
            named = self._by_discriminator.get(heard.your_discriminator)
            if named is not None and named is not station:
                detail = f"it is for the session of {named.session.neighbour}"
                self._disregard(Discarded(Reason.SENDER, detail), datagram.sender)
                return
        if station is None:
            if isinstance(heard, ControlPacket):
                heard = Discarded(Reason.SENDER, "there is no bfd_instance of this neighbour")
            self._disregard(heard, datagram.sender)
        elif isinstance(heard, ControlPacket):
            self._tell(station, events.Received(heard, datagram.ttl))
        else:
            self._tell(station, heard)

    def _disregard(self, discarded: Discarded, sender: IPAddress) -> None:
        self._discarded[discarded.reason] += 1
        if sender not in self._strangers and len(self._strangers) < _MOST_STRANGERS:
            self._strangers.add(sender)
            log.info("BFD packet of %s discarded: %s", sender, discarded.detail)

    def _timer_fired(self) -> None:
        self._timer.clear()
        # What has arrived before the deadline counts, however late this process is.
        for version in self._receivers:
            self._receive(version)
        now = time.monotonic_ns()
        for station in self._stations.values():
            deadline = station.machine.deadline()
            if deadline is not None and deadline <= now:
                self._tell(station, events.TimerExpired())
        self._arm()

    def _arm(self) -> None:
        deadlines = (station.machine.deadline() for station in self._stations.values())
        self._timer.set(min((at for at in deadlines if at is not None), default=None))

    # What the machines are told, and what they ask for

    def _tell(self, station: _Station, event: events.Event) -> None:
        """Hand one machine one event and carry out what it asks for. `_arm` is to follow."""
        for action in station.machine.handle(event, time.monotonic_ns()):
            self._perform(station, action)

    def _perform(self, station: _Station, action: Action) -> None:
        name = station.session.name
        match action:
            case SendPacket(control):
                self._transmit(station, packet.encode(control))
            case StateChanged(old, new, reason):
                level = logging.WARNING if old is State.UP else logging.INFO
                log.log(level, "%s: %s -> %s: %s", name, old, new, reason)
                self._report_soon()
            case Missed(reason):
                log.warning("%s: %s is down: %s", name, station.session.neighbour, reason)
                self._report_soon()
            case Warn(text):
                log.warning("%s: %s", name, text)

    def _transmit(self, station: _Station, payload: bytes) -> None:
        session = station.session
        try:
            if station.sender is None:
                station.sender = BfdSender(session.neighbour, session.source, session.ttl)
            station.sender.send(payload)
        except NetError as error:
            if station.trouble != str(error):
                station.trouble = str(error)
                log.warning("%s: %s", session.name, error)
        else:
            station.trouble = ""

    # Reports

    async def _report_regularly(self) -> None:
        while True:
            await asyncio.sleep(_STATUS_SECONDS)
            if self._refusals:
                self._open_receivers({neighbour.version for neighbour in self._stations})
            self._report()

    def _report_soon(self) -> None:
        """Once for all that changes in this turn of the loop: a report names every session."""
        if not self._report_due:
            self._report_due = True
            asyncio.get_running_loop().call_soon(self._report)

    def _report(self) -> None:
        self._report_due = False
        sessions = tuple(map(_status, self._stations.values()))
        self._send(SessionsStatus(sessions, dict(self._discarded)))


def _status(station: _Station) -> SessionStatus:
    view = station.machine.view()
    age = (time.monotonic_ns() - view.since) / SECOND
    return SessionStatus(
        name=station.session.name,
        neighbour=station.session.neighbour,
        state=view.state.value,
        up=view.up,
        since=time.time() - age,
        reason=view.reason,
        transmit_interval=view.transmit_interval,
        detection_time=view.detection_time,
        sent=view.sent,
        received=view.received,
        discarded=view.discarded,
    )
