"""Runs a history on both dataplanes and compares what can be seen, step by step."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from families import FOUR, SIX
from golden import masked
from seen import directors_error, to_the_stack
from traffic import FOLD, Event, Frame, History, Wait, Zero
from worlds import KernelWorld, XdpWorld, attempt, by_key

from trimaran.dataplane.base import Behaviour, Connection, Counters, ServiceView, Settings, Timeouts
from trimaran.dataplane.steps import AddService, DeleteDestination, DeleteService
from trimaran.model.service import Protocol, ServiceKey

ANCHORS = [
    AddService(ServiceKey(Protocol.TCP, family.vip, 9), Settings("rr")) for family in (FOUR, SIX)
]
BATCH_SECONDS = 1.0
HORIZON = 1.5
"""Seconds. No frame is sent while an entry is about to end within this: IPVS's timers are late."""
TIMELY = HORIZON - 0.3
"""Seconds after which an entry may have ended that was not about to."""
EXPIRY_SLACK = 1 + TIMELY
"""Seconds: one of rounding, and what a frame, or the reading of a table, may come apart."""
PATIENCE = 20.0
"""Seconds for what the kernel does by and by: end entries (timers of up to 131 s are up to 3 s
late, ipvs-semantics 1.9), fold counters (every 2 s, 5.3), end the connections of removed servers
(expire_nodest_conn). A busy machine may be much later."""


class Difference(Exception):
    """The two did not do the same; with the events that led there."""


class Stalled(Exception):
    """The machine stood still for so long that entries may have ended between the one dataplane's
    frame and the other's: nothing can be said of this history."""


@dataclass
class Tally:
    """What a run came to."""

    histories: int = 0
    events: int = 0
    frames: int = 0
    emitted: int = 0
    comparisons: int = 0
    connections: int = 0
    ended: int = 0
    """Entries whose end was waited for."""
    stalls: int = 0


@dataclass
class Judge:
    """Of one pair of dataplanes, for as many histories as wanted."""

    kernel: KernelWorld
    xdp: XdpWorld
    tally: Tally = field(default_factory=Tally)

    def run(self, history: History, length: int) -> None:
        """Raises `Difference` at the first one, and `Stalled`."""
        for world in (self.kernel, self.xdp):
            world.clear()
            assert not any(attempt(world.operator, anchor) for anchor in ANCHORS)
        self._before = self.kernel.totals(), self.xdp.totals()
        self._done: list[str] = []
        self._told = False
        self._calm = time.monotonic()
        self._history = history
        events = history.events(length)
        while self._batch(events):
            self._let_end()
            self._compare_tables()
        self._take(FOLD)
        self._compare_counters()
        self.tally.histories += 1

    def _batch(self, events: Iterator[Event]) -> bool:
        """A few events; false if there are no more."""
        end = time.monotonic() + BATCH_SECONDS
        for _ in range(8):
            event = next(events, None)
            if event is None:
                return False
            self._done.append(str(event))
            self.tally.events += 1
            self._take(event)
            if time.monotonic() > end or isinstance(event, Wait):
                break
        return True

    def _take(self, event: Event) -> None:
        kernel, xdp = self.kernel, self.xdp
        match event:
            case Frame():
                self._send(event)
            case Wait(seconds):
                time.sleep(seconds)
                self._let_end()
                if event == FOLD:
                    self._wait(lambda: self._grown(0) == self._grown(1))
            case Zero(service):
                kernel.operator.zero(service)
                xdp.operator.zero(service)
                if service is None:
                    self._before = Counters(), Counters()
            case Behaviour():
                kernel.set_behaviour(event)
                xdp.set_behaviour(event)
            case Timeouts():
                kernel.operator.set_timeouts(event)
                xdp.operator.set_timeouts(event)
            case step:
                refused = attempt(kernel.operator, step), attempt(xdp.operator, step)
                if refused[0] != refused[1]:
                    self._fail(f"errno: kernel {refused[0]}, XDP {refused[1]}")
                if isinstance(step, DeleteService | DeleteDestination):
                    xdp.sweep()
                    self._wait(lambda: not self._kernels_own())

    def _wait(self, predicate: Callable[[], bool]) -> None:
        """For what the kernel does by and by. Whether it has is for the comparisons to say."""
        end = time.monotonic() + PATIENCE
        while not predicate() and time.monotonic() < end:
            time.sleep(0.02)

    def _kernels_own(self) -> set[tuple[object, ...]]:
        """The entries that only IPVS still has."""
        ours = _entries(self.xdp.connections()).keys()
        return _entries(self.kernel.connections()).keys() - ours

    def _be_timely(self) -> None:
        if time.monotonic() > self._calm + TIMELY:
            raise Stalled

    def _send(self, frame: Frame) -> None:
        self.tally.frames += 1
        if time.monotonic() > self._calm + TIMELY / 2:
            self._let_end()
        emitted = self.kernel.send(frame.data)
        left, out = self.xdp.send(frame.data)
        self._be_timely()
        self.tally.emitted += len(emitted)
        if len(emitted) > 1:
            self._fail(f"kernel sent {len(emitted)} frames:\n" + "\n".join(map(_shown, emitted)))
        theirs = emitted[0] if emitted else None
        # Which IPVS counts as outgoing (docs/ipvs-differences.md).
        self._told |= theirs is not None and directors_error(theirs)
        if left:
            if not to_the_stack(frame.data, theirs):
                self._fail(f"XDP left it to the kernel, which sent {_shown(theirs)}")
        elif _masked(theirs) != _masked(out):
            self._fail(f"frames:\nkernel {_shown(theirs)}\nXDP    {_shown(out)}")
        servers = self._history.family.server_mac(100)[:5]
        if out and frame.conversation is not None and out[:5] == servers:
            self._history.went_to(frame.conversation, 100 + out[5])

    def _compare_tables(self) -> None:
        self.tally.comparisons += 1
        theirs, ours = _entries(self.kernel.connections()), _entries(self.xdp.connections())
        services = self._services()
        self._be_timely()
        self.tally.connections += len(theirs)
        for key in theirs.keys() | ours.keys():
            kernel, xdp = theirs.get(key), ours.get(key)
            if kernel is None or xdp is None:
                only = kernel or xdp
                assert only is not None
                if only.expires > 0:
                    self._fail(f"an entry that only {'kernel' if kernel else 'XDP'} has: {only}")
            elif replace(kernel, expires=0) != replace(xdp, expires=0):
                self._fail(f"entries:\nkernel {kernel}\nXDP    {xdp}")
            elif abs(kernel.expires - xdp.expires) > EXPIRY_SLACK:
                self._fail(f"expiry:\nkernel {kernel}\nXDP    {xdp}")
        for kernel_view, xdp_view in services:
            for a, b in zip_longest(_said(kernel_view), _said(xdp_view)):
                if a != b:
                    self._fail(f"{kernel_view.key}:\nkernel {a}\nXDP    {b}")

    def _services(self) -> list[tuple[ServiceView, ServiceView]]:
        theirs = by_key(self.kernel.operator.services())
        ours = by_key(self.xdp.operator.services())
        if [view.key for view in theirs] != [view.key for view in ours]:
            self._fail(f"services: kernel {[*theirs]}, XDP {[*ours]}")
        return list(zip(theirs, ours, strict=True))

    def _compare_counters(self) -> None:
        self._compare_tables()
        for kernel, xdp in self._services():
            counted = [(kernel.key, kernel.counters, xdp.counters)]
            for d, e in zip(kernel.destinations, xdp.destinations, strict=True):
                counted.append((d.destination.key, d.counters, e.counters))  # type: ignore[arg-type]
            for key, theirs, ours in counted:
                if self._counted(theirs) != self._counted(ours):
                    self._fail(f"counters of {kernel.key}, {key}:\nkernel {theirs}\nXDP    {ours}")
        if (theirs := self._grown(0)) != (ours := self._grown(1)):
            self._fail(f"totals: kernel {theirs}, XDP {ours}")

    def _grown(self, which: int) -> list[int]:
        """How the totals of the kernel (0) or of XDP (1) have grown in this history."""
        now, before = (self.kernel, self.xdp)[which].totals(), self._before[which]
        return [a - b for a, b in zip(self._counted(now), self._counted(before), strict=True)]

    def _counted(self, counters: Counters) -> tuple[int, ...]:
        """What both count alike in this history."""
        c = counters
        incoming = c.connections, c.packets_in, c.bytes_in
        return incoming if self._told else (*incoming, c.packets_out, c.bytes_out)

    def _let_end(self) -> None:
        """Waits until no entry of either is about to end, and those that ended are gone."""
        ended = 0
        while True:
            self._calm = time.monotonic()
            due = [left for left in self.xdp.lifetimes() if left < HORIZON]
            if not due:
                break
            time.sleep(max(0.0, *due) + 0.1)
            self.xdp.sweep()
            ended += len(due)
            self._wait(lambda: not self._kernels_own())
            self.xdp.sweep()
        if ended:
            self.tally.ended += ended
            self._compare_tables()

    def _fail(self, what: str) -> None:
        history = "\n".join(self._done)
        raise Difference(f"{history}\n--> {what}")


def _entries(connections: list[Connection]) -> dict[tuple[object, ...], Connection]:
    return {_identity(entry): entry for entry in connections}


def _identity(entry: Connection) -> tuple[object, ...]:
    """Templates that no one is led to any more all have the port 65535."""
    retired = entry.destination if entry.virtual_port == 65535 else None
    client = entry.client, entry.client_port
    return entry.protocol, client, entry.virtual, entry.virtual_port, retired


def _said(view: ServiceView) -> list[object]:
    """What a listing without counters says of a service, destinations in list order."""
    return [
        view.settings,
        *(
            (d.destination, d.active_connections, d.inactive_connections, d.persistent_connections)
            for d in view.destinations
        ),
    ]


def _masked(frame: bytes | None) -> str:
    return masked(frame) if frame else ""


def _shown(frame: bytes | None) -> str:
    return frame.hex(" ", -4) if frame else "nothing"
