"""The VRRP state machine, version 2 (RFC 3768, 6) and version 3 (RFC 9568, 6), for IPv4.

One `Machine` a virtual router. It has no clock and no socket: `handle` takes what happened and
the time, and returns what is to be done; `deadline` is the only timer it wants. Its shell owes it

* actions carried out in order (see `actions`),
* datagrams that have arrived before `TimerExpired` that has come due: after a stall, the
  advertisements in the socket's queue prove that the master lives,
* times that never go back (CLOCK_MONOTONIC).

Where the RFCs leave a choice it does as keepalived does: FAULT while an interface is unfit,
`state MASTER` merely shortens the first wait, a master that hears a lesser one answers at once
and announces its addresses again.
"""

from collections import Counter
from ipaddress import IPv4Address

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import SECOND
from trimaran.model.router import InitialState, VirtualRouter
from trimaran.vrrp.actions import (
    REPORTS,
    Action,
    AddAddresses,
    Announce,
    PriorityChanged,
    RemoveAddresses,
    SendAdvertisement,
    State,
    StateChanged,
    Warn,
)
from trimaran.vrrp.events import (
    AddressMissing,
    Event,
    InterfaceDown,
    InterfaceUp,
    Reconfigured,
    Shutdown,
    Started,
    TimerExpired,
    TrackedChanged,
)
from trimaran.vrrp.exchange import advertisement, objection
from trimaran.vrrp.packet import OWNER_PRIORITY, Advertisement, Discarded, Reason, Received
from trimaran.vrrp.timers import master_down_interval, next_advertisement, skew_time
from trimaran.vrrp.tracking import standing
from trimaran.vrrp.view import View


class Machine:
    """The state of one virtual router, from INIT to STOP."""

    def __init__(self, router: VirtualRouter) -> None:
        self._router = router
        self._state = State.INIT
        self._since = 0
        self._actions: list[Action] = []

        self._primary: IPv4Address | None = None
        self._link_fault: str | None = f"interface {router.interface} not found"
        self._down: frozenset[str] = frozenset()
        self._standing = standing(router, self._down)
        self._eager = router.initial_state is InitialState.MASTER

        self._master: IPv4Address | None = None
        self._master_interval = router.advertisement_interval
        self._waiting_since = 0
        self._expectation = ""  # why an expiring master-down timer is no surprise
        self._rival = False  # a lesser master is about to be preempted

        self._master_down_at: int | None = None
        self._advertise_at: int | None = None
        self._announce_at: int | None = None
        self._confirm_at: int | None = None
        self._answered_at: int | None = None

        self._transitions = 0
        self._adverts_sent = 0
        self._adverts_received = 0
        self._discarded: Counter[str] = Counter()
        self._warned: set[str] = set()

    def handle(self, event: Event, now: int) -> list[Action]:
        """What to do about `event`, which happened at `now` (nanoseconds)."""
        self._actions = []
        if self._state is State.STOP:
            return self._actions
        match event:
            case Received(heard, sender):
                self._receive(heard, sender, now)
            case Discarded(reason, detail, _, sender):
                self._discard(reason, detail, sender)
            case TimerExpired():
                self._expire(now)
            case Started(was_master):
                self._start(was_master, now)
            case InterfaceUp(primary):
                self._primary, self._link_fault = primary, None
                if self._state is State.MASTER:
                    self._master = primary
                self._heed_faults(now)
            case InterfaceDown(text):
                self._link_fault = text
                self._heed_faults(now)
            case TrackedChanged(down):
                self._down = down
                self._take_stand(now)
            case AddressMissing(address):
                self._restore(address)
            case Reconfigured(router):
                self._reconfigure(router, now)
            case Shutdown():
                self._shut_down(now)
        self._actions.sort(key=lambda action: isinstance(action, REPORTS))
        return self._actions

    def deadline(self) -> int | None:
        """When `TimerExpired` is wanted."""
        timers = (self._master_down_at, self._advertise_at, self._announce_at, self._confirm_at)
        return min((at for at in timers if at is not None), default=None)

    def view(self) -> View:
        """A snapshot."""
        return View(
            state=self._state,
            since=self._since,
            priority=self._standing.priority,
            master=self._master,
            interval=self._master_interval,
            transitions=self._transitions,
            adverts_sent=self._adverts_sent,
            adverts_received=self._adverts_received,
            discarded=dict(self._discarded),
        )

    # Entering states: all that belongs to an entry is here

    def _become_backup(self, reason: str, wait: int, now: int) -> None:
        self._leave(now)
        self._wait(wait, now)
        self._enter(State.BACKUP, reason, now)

    def _become_master(self, reason: str, now: int) -> None:
        self._clear_timers()
        self._master = self._primary
        self._master_interval = self._router.advertisement_interval
        self._advertise_at = now + self._router.advertisement_interval
        self._advertise(self._standing.priority)
        self._add(self._router.addresses)
        self._announce(self._router.addresses, now)
        if self._rival:
            self._confirm(now)
        self._enter(State.MASTER, reason, now)

    def _become_fault(self, reason: str, now: int) -> None:
        if self._state is State.MASTER and self._link_fault is None:
            self._advertise(0)
        self._leave(now)
        self._master = None
        self._enter(State.FAULT, reason, now)

    def _enter(self, state: State, reason: str, now: int) -> None:
        old, self._state = self._state, state
        self._since = now
        self._transitions += 1
        self._actions.append(StateChanged(old, state, reason))

    def _leave(self, now: int) -> None:
        """Leave the present state. From INIT too: an earlier life may have left addresses."""
        self._clear_timers()
        if self._state in (State.MASTER, State.INIT):
            self._remove(self._router.addresses)

    def _clear_timers(self) -> None:
        self._master_down_at = self._advertise_at = None
        self._announce_at = self._confirm_at = self._answered_at = None

    # Elections

    def _start(self, was_master: bool, now: int) -> None:
        if self._state is State.INIT:
            fault = self._fault()
            if fault is not None:
                self._become_fault(fault, now)
            elif was_master:
                self._become_master("was master until a moment ago", now)
            else:
                self._elect("started", now)

    def _elect(self, reason: str, now: int) -> None:
        """Come into play (RFC 9568, 6.4.1)."""
        eager, self._eager = self._eager, False
        self._master = None
        self._master_interval = self._router.advertisement_interval
        if self._standing.priority == OWNER_PRIORITY:
            self._become_master(f"{reason}, owner of the addresses (priority 255)", now)
        elif eager:
            self._become_backup(reason, self._master_interval + self._skew(), now)
        else:
            self._become_backup(reason, self._master_down_interval(), now)

    def _fault(self) -> str | None:
        return self._link_fault or self._standing.fault

    def _heed_faults(self, now: int) -> None:
        """FAULT if there is reason for it, and back when there is none any more."""
        fault = self._fault()
        if self._state is State.INIT:
            return
        if fault is not None and self._state is not State.FAULT:
            self._become_fault(fault, now)
        elif fault is None and self._state is State.FAULT:
            self._elect("fault is over", now)

    def _take_stand(self, now: int) -> None:
        old, self._standing = self._standing, standing(self._router, self._down)
        if old.priority != self._standing.priority:
            down = ", ".join(sorted(self._down)) or "none"
            reason = f"configured {self._router.priority}, tracked interfaces down: {down}"
            self._actions.append(PriorityChanged(old.priority, self._standing.priority, reason))
        self._heed_faults(now)

    # Timers

    def _expire(self, now: int) -> None:
        if self._master_down_at is not None and now >= self._master_down_at:
            silence = f"no advertisement for {(now - self._waiting_since) / SECOND:.3f} s"
            self._become_master(self._expectation or silence, now)
        if self._advertise_at is not None and now >= self._advertise_at:
            interval = self._router.advertisement_interval
            self._advertise_at = next_advertisement(self._advertise_at, now, interval)
            self._advertise(self._standing.priority)
        if self._announce_at is not None and now >= self._announce_at:
            self._announce_at = None
            self._emit_announce(self._router.addresses)
        if self._confirm_at is not None and now >= self._confirm_at:
            self._confirm_at = None
            self._emit_announce(self._router.addresses)

    def _skew(self) -> int:
        return skew_time(self._router.version, self._standing.priority, self._master_interval)

    def _master_down_interval(self) -> int:
        return master_down_interval(
            self._router.version, self._standing.priority, self._master_interval
        )

    def _wait(self, wait: int, now: int) -> None:
        self._waiting_since = now
        self._expectation = ""
        self._rival = False
        self._master_down_at = now + wait

    # Receiving

    def _receive(self, heard: Advertisement, sender: IPv4Address, now: int) -> None:
        if self._state not in (State.BACKUP, State.MASTER):
            return
        if complaint := objection(self._router, self._primary, heard, sender):
            self._discard(*complaint, sender)
            return
        self._adverts_received += 1
        if set(heard.addresses) != {a.address for a in self._router.addresses}:
            theirs = ", ".join(map(str, heard.addresses)) or "none"
            self._warn("addresses", f"{sender} advertises other addresses than ours: {theirs}")
        if self._state is State.MASTER:
            self._receive_as_master(heard, sender, now)
        else:
            self._receive_as_backup(heard, sender, now)

    def _receive_as_backup(self, heard: Advertisement, sender: IPv4Address, now: int) -> None:
        """RFC 9568, 6.4.2, (420) to (465)."""
        mine = self._standing.priority
        if heard.priority == 0:
            soon = now + self._skew()
            if self._master_down_at is None or soon < self._master_down_at:
                self._master_down_at = soon
            self._expectation = f"{sender} has left (priority 0)"
        elif heard.priority >= mine or not self._router.preempt:
            self._follow(heard, sender)
            self._wait(self._master_down_interval(), now)
        else:
            self._expectation = f"priority {mine}, {sender} has only {heard.priority}"
            self._rival = True

    def _receive_as_master(self, heard: Advertisement, sender: IPv4Address, now: int) -> None:
        """RFC 9568, 6.4.3, (700) to (760)."""
        mine = self._standing.priority
        if self._primary is not None and (heard.priority, sender) > (mine, self._primary):
            self._follow(heard, sender)
            reason = f"received priority {heard.priority} from {sender}, ours is {mine}"
            self._become_backup(reason, self._master_down_interval(), now)
            return
        if heard.priority == OWNER_PRIORITY:
            self._warn("owners", f"{sender} has priority 255 as we have: two owners")
        # A flood of lesser advertisements must not become a flood of answers.
        interval = self._router.advertisement_interval
        if self._answered_at is not None and now - self._answered_at < interval // 2:
            return
        self._answered_at = now
        self._advertise(mine)
        if heard.priority == 0:
            self._advertise_at = now + interval
        self._announce(self._router.addresses, now)
        if heard.priority != 0:
            self._confirm(now)

    def _follow(self, heard: Advertisement, sender: IPv4Address) -> None:
        self._master = sender
        self._master_interval = heard.interval

    def _discard(self, reason: Reason, detail: str, sender: IPv4Address | None) -> None:
        self._discarded[reason.value] += 1
        self._warn(reason.value, f"discarded an advertisement from {sender}: {detail}")

    # Changes from outside

    def _restore(self, address: IPv4Address) -> None:
        lost = tuple(a for a in self._router.addresses if a.address == address)
        if self._state is State.MASTER and lost:
            self._add(lost)
            self._emit_announce(lost)
            self._warn(f"missing {address}", f"{address} was removed by somebody: put back")

    def _reconfigure(self, router: VirtualRouter, now: int) -> None:
        old, self._router = self._router, router
        if (old.interface, old.vrid) != (router.interface, router.vrid):
            raise ValueError("another interface or VRID is another virtual router")
        self._warned.clear()
        if self._state is State.MASTER:
            added = tuple(a for a in router.addresses if a not in old.addresses)
            self._remove(tuple(a for a in old.addresses if a not in router.addresses))
            self._add(added)
            self._emit_announce(added)
            self._master_interval = router.advertisement_interval
            if self._advertise_at is not None:
                self._advertise_at = min(self._advertise_at, now + self._master_interval)
        self._take_stand(now)
        own_interval_counts = router.version == 2 or self._master is None
        if self._state is State.BACKUP and own_interval_counts:
            changed = self._master_interval != router.advertisement_interval
            self._master_interval = router.advertisement_interval
            if changed:
                self._wait(self._master_down_interval(), now)

    def _shut_down(self, now: int) -> None:
        if self._state is State.MASTER:
            self._advertise(0)
        self._leave(now)
        self._master = None
        self._enter(State.STOP, "shut down", now)

    # Emitting

    def _advertise(self, priority: int) -> None:
        assert self._primary is not None, "only a router with an address is ever master"
        self._adverts_sent += 1
        self._actions.append(
            SendAdvertisement(advertisement(self._router, priority), self._primary)
        )

    def _add(self, addresses: tuple[VirtualAddress, ...]) -> None:
        if movable := self._movable(addresses):
            self._actions.append(AddAddresses(movable))

    def _remove(self, addresses: tuple[VirtualAddress, ...]) -> None:
        if movable := self._movable(addresses):
            self._actions.append(RemoveAddresses(movable))

    def _movable(self, addresses: tuple[VirtualAddress, ...]) -> tuple[VirtualAddress, ...]:
        """Without the interface's own address, which an owner keeps whatever happens."""
        if self._router.priority == OWNER_PRIORITY:
            return tuple(a for a in addresses if a.address != self._primary)
        return addresses

    def _announce(self, addresses: tuple[VirtualAddress, ...], now: int) -> None:
        """Now, and again after a while, when bridges have learnt where the address is."""
        self._emit_announce(addresses)
        delay = self._router.gratuitous_arp.delay
        self._announce_at = now + delay if delay > 0 else None

    def _confirm(self, now: int) -> None:
        """Announce again once a lesser master must have heard us and yielded.

        It may announce the addresses after we did: it advertises first, then adds them, then
        announces, and only then hears us. Clients would send it what it no longer takes.
        """
        self._confirm_at = now + self._router.advertisement_interval

    def _emit_announce(self, addresses: tuple[VirtualAddress, ...]) -> None:
        if addresses and self._router.gratuitous_arp.repeat > 0:
            self._actions.append(Announce(addresses, self._router.gratuitous_arp.repeat))

    def _warn(self, kind: str, text: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            self._actions.append(Warn(text))
