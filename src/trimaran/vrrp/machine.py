"""The VRRP state machine, version 2 (RFC 3768, 6) and version 3 (RFC 9568, 6).

One `Machine` a virtual router. It has no clock and no socket: `handle` takes what happened and
the time, and returns what is to be done; `deadline` is the only timer it wants. Its shell owes it

* actions carried out in order (see `actions`),
* datagrams that have arrived before `TimerExpired` that has come due: after a stall, the
  advertisements in the socket's queue prove that the master lives,
* times that never go back (CLOCK_MONOTONIC).

Where the RFCs leave a choice it does as keepalived does: FAULT while an interface is unfit,
`state MASTER` merely shortens the first wait, a master that hears a lesser one answers at once
and announces its addresses again.

What each event means in each state is here; the ways into a state are in `transitions`. What a
state has to do is in its parts:

    situation    what the machine knows of itself           all states
    reception    which advertisements count                 BACKUP, MASTER
    election     what an advertisement means                BACKUP, MASTER
    waiting      the master-down timer                      BACKUP
    advertising  advertisements                             MASTER
    announcing   gratuitous ARP                             MASTER
    possession   which addresses come and go                into and out of MASTER
    handover     a planned farewell                         the last moments of MASTER
"""

from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.router import InitialState, VirtualRouter
from trimaran.vrrp import events
from trimaran.vrrp.actions import (
    Action,
    HandoverEnded,
    LowerPriorityReceived,
    PriorityChanged,
    State,
)
from trimaran.vrrp.election import Verdict, as_backup, as_master
from trimaran.vrrp.events import Event
from trimaran.vrrp.group import Member
from trimaran.vrrp.handover import Purpose
from trimaran.vrrp.packet import OWNER_PRIORITY, Advertisement, Discarded, Received
from trimaran.vrrp.parts import Parts
from trimaran.vrrp.transitions import Transitions
from trimaran.vrrp.view import View

_OWNER = "owner of the addresses (priority 255)"


class Machine:
    """The state of one virtual router, from INIT to STOP."""

    def __init__(self, router: VirtualRouter) -> None:
        self._parts = parts = Parts(router)
        self._situation, self._outbox = parts.situation, parts.outbox
        self._reception, self._waiting = parts.reception, parts.waiting
        self._advertising, self._announcing = parts.advertising, parts.announcing
        self._possession, self._handover = parts.possession, parts.handover
        self._transitions = Transitions(parts)
        self._eager = router.initial_state is InitialState.MASTER
        self._resumes: bool | None = None  # once started: whether as master

    @property
    def _router(self) -> VirtualRouter:
        return self._situation.router

    @property
    def state(self) -> State:
        """The state it is in."""
        return self._transitions.state

    def handle(self, event: Event, now: int) -> list[Action]:
        """What to do about `event`, which happened at `now` (nanoseconds)."""
        if self.state is not State.STOP:
            self._take(event, now)
        return self._outbox.empty()

    def deadline(self) -> int | None:
        """When `TimerExpired` is wanted."""
        return self._parts.deadline()

    def view(self) -> View:
        """A snapshot."""
        return View(
            state=self.state,
            reason=self._transitions.reason,
            since=self._transitions.since,
            priority=self._situation.priority,
            master=self._waiting.master,
            interval=self._waiting.interval,
            transitions=self._transitions.number,
            adverts_sent=self._advertising.sent,
            adverts_received=self._reception.received,
            discarded=dict(self._reception.discarded),
            strangers=tuple(self._reception.strangers.values()),
        )

    def member(self) -> Member:
        """What its sync group has to know of it."""
        waiting, situation = self._waiting, self._situation
        candidate = waiting.candidacy is not None
        return Member(
            self.state,
            candidate=candidate,
            follows=self.state is State.BACKUP and waiting.master is not None and not candidate,
            leaving=self._handover.purpose is not None,
            fault=situation.own_fault,
            shared_fault=situation.shared_fault,
        )

    def _take(self, event: Event, now: int) -> None:
        match event:
            case Received():
                self._receive(event, now)
            case Discarded(reason, detail, _, sender):
                self._reception.discard(reason, detail, sender, now)
            case events.TimerExpired():
                self._expire(now)
            case events.Started(was_master):
                self._start(was_master, now)
            case events.InterfaceUp(primary):
                self._situation.primary, self._situation.link_fault = primary, None
                if self.state is State.MASTER:
                    self._waiting.master = primary
                self._heed_faults(now)
            case events.InterfaceDown(text):
                self._situation.link_fault = text
                self._heed_faults(now)
            case events.TrackersChanged(readings):
                self._situation.readings = readings
                self._take_stand(now)
            case events.GroupFault(reason):
                self._situation.shared_fault = reason
                self._heed_faults(now)
            case events.Promoted():
                if self._waiting.candidacy is not None:
                    self._transitions.become_master(self._waiting.candidacy, now)
            case events.Demoted(reason):
                if self.state is State.MASTER:
                    self._transitions.bid_farewell()
                    self._waiting.know(None)
                    self._transitions.become_backup(reason, now)
            case events.AddressMissing(address):
                self._restore(address)
            case events.Reconfigured(router):
                self._reconfigure(router, now)
            case events.Suspended(duration):
                self._wake(duration, now)
            case events.Failover():
                if self.state is State.MASTER:
                    self._handover.begin(Purpose.FAILOVER, now)
            case events.Maintenance(on):
                self._maintain(on, now)
            case events.Shutdown(hand_over):
                if hand_over and self.state is State.MASTER:
                    self._handover.begin(Purpose.STOP, now)
                else:
                    self._transitions.shut_down("shut down", now)

    # Coming into play, and out of it

    def _start(self, was_master: bool, now: int) -> None:
        """Begin, unless a tracker has to be waited for: then as soon as it is known."""
        self._resumes = was_master
        if self.state is not State.INIT:
            return
        fault = self._situation.fault
        if fault is not None:
            self._transitions.become_fault(fault, now)
        elif self._situation.standing.waits_for is not None:
            return
        elif was_master:
            self._transitions.become_master("was master until a moment ago", now)
        else:
            self._elect("started", now)

    def _elect(self, reason: str, now: int) -> None:
        """Come into play (RFC 9568, 6.4.1)."""
        eager, self._eager = self._eager, False
        self._waiting.know(None)
        owner = self._situation.priority == OWNER_PRIORITY
        if owner and self._router.group is None:
            self._transitions.become_master(f"{reason}, {_OWNER}", now)
            return
        self._transitions.become_backup(reason, now)
        if owner:
            self._waiting.stand(_OWNER)
        elif eager:
            self._waiting.begin_eagerly(now)

    def _heed_faults(self, now: int) -> None:
        """FAULT if there is reason for it, and back when there is none any more."""
        fault = self._situation.fault
        if self.state is State.INIT:
            if self._resumes is not None:
                self._start(self._resumes, now)
        elif fault is not None and self.state is not State.FAULT:
            self._transitions.become_fault(fault, now)
        elif (fault or self._situation.standing.waits_for) is None and self.state is State.FAULT:
            self._elect("fault is over", now)

    def _take_stand(self, now: int) -> None:
        before = self._situation.priority
        self._situation.weigh()
        if before != self._situation.priority:
            reason = self._situation.standing.reason
            self._outbox.put(PriorityChanged(before, self._situation.priority, reason))
        self._heed_faults(now)

    # Leaving as planned

    def _maintain(self, on: bool, now: int) -> None:
        if self.state is State.MASTER and on:
            self._handover.begin(Purpose.MAINTENANCE, now)
        elif self._handover.purpose is Purpose.MAINTENANCE:
            self._stay(now)
        else:
            self._situation.maintenance = on
            self._heed_faults(now)

    def _succeed(self, heard: Advertisement, sender: IPAddress, now: int) -> None:
        """The successor is here."""
        purpose = self._handover.purpose
        self._waiting.follow(heard, sender)
        self._outbox.put(HandoverEnded(sender))
        if purpose is Purpose.FAILOVER:
            self._situation.yields = True
            self._transitions.become_backup(f"handed over to {sender}", now)
        else:
            self._part(f"handed over to {sender}", now)

    def _end_in_vain(self, now: int) -> None:
        """Nobody has taken over."""
        self._outbox.put(HandoverEnded(None))
        if self._handover.purpose is Purpose.FAILOVER:
            self._stay(now)
        else:
            self._part("nobody has taken over", now)

    def _part(self, how: str, now: int) -> None:
        if self._handover.purpose is Purpose.STOP:
            self._transitions.shut_down(f"shut down, {how}", now)
        else:
            self._situation.maintenance = True
            self._transitions.become_fault(f"maintenance, {how}", now)

    def _stay(self, now: int) -> None:
        """Be master as before."""
        self._handover.end()
        self._advertising.begin(now)
        self._announcing.begin(now)

    # Timers

    def _expire(self, now: int) -> None:
        if self._handover.expired(now):
            self._end_in_vain(now)
        if reason := self._waiting.expired(now):
            if self._router.group is None:
                self._transitions.become_master(reason, now)
            else:
                self._waiting.stand(reason)
        self._advertising.expire(now)
        self._announcing.expire(now)

    # Receiving

    def _receive(self, received: Received, now: int) -> None:
        if self.state not in (State.BACKUP, State.MASTER):
            return
        if not self._reception.admit(received, now):
            return
        heard, sender = received.advertisement, received.sender
        if self._handover.purpose is not None:
            if heard.priority != 0:
                self._succeed(heard, sender, now)
        elif self.state is State.BACKUP:
            self._receive_as_backup(heard, sender, now)
        elif late := self._advertising.overdue(now):
            self._waiting.follow(heard, sender)
            self._transitions.become_backup(f"was late by {late}, and {sender} has taken over", now)
            self._receive_as_backup(heard, sender, now)
        elif not (self._situation.owner and self._router.manners.owner_alone):
            self._receive_as_master(heard, sender, now)

    def _receive_as_backup(self, heard: Advertisement, sender: IPAddress, now: int) -> None:
        verdict = as_backup(self._situation, heard)
        if verdict is Verdict.PREEMPT and self._waiting.bides(now):
            verdict = Verdict.FOLLOW
        match verdict:
            case Verdict.FOLLOW:
                self._waiting.follow(heard, sender)
                self._waiting.begin(now)
            case Verdict.SUCCEED:
                self._waiting.expect_takeover(sender, now)
            case Verdict.PREEMPT:
                self._waiting.expect_preemption(heard, sender)

    def _receive_as_master(self, heard: Advertisement, sender: IPAddress, now: int) -> None:
        mine = self._situation.priority
        if as_master(self._situation, heard, sender) is Verdict.FOLLOW:
            if self._router.manners.last_word:
                self._advertising.send()
            self._waiting.follow(heard, sender)
            self._transitions.become_backup(
                f"received priority {heard.priority} from {sender}, ours is {mine}", now
            )
            return
        if heard.priority == OWNER_PRIORITY:
            self._outbox.warn("owners", f"{sender} has priority 255 as we have: two owners")
        if not self._advertising.answer(now):
            return
        if heard.priority == 0:
            self._advertising.restart(now)
        self._announcing.insist(now)
        if heard.priority != 0:
            self._announcing.confirm(now)
            self._outbox.put(LowerPriorityReceived())

    # Changes from outside

    def _wake(self, duration: int, now: int) -> None:
        """The whole machine was suspended: what came in meanwhile nobody has heard."""
        serves = self.state is State.MASTER and self._handover.purpose is None
        if serves and duration > self._advertising.patience:
            self._waiting.know(None)
            self._transitions.become_backup(f"was suspended for {duration / SECOND:.3f} s", now)

    def _restore(self, address: IPAddress) -> None:
        if self.state is State.MASTER and (lost := self._possession.restore(address)):
            self._announcing.send(lost)
            self._outbox.warn(f"missing {address}", f"{address} was removed by somebody: put back")

    def _reconfigure(self, router: VirtualRouter, now: int) -> None:
        old = self._router
        if (old.interface, old.vrid) != (router.interface, router.vrid):
            raise ValueError("another interface or VRID is another virtual router")
        self._situation.router = router
        self._outbox.forget_warnings()
        self._reception.forget_strangers()
        if router.group != old.group:
            self._situation.shared_fault = None
            if self._waiting.candidacy is not None:
                self._waiting.begin(now, 0)
        if self.state is State.MASTER:
            self._announcing.send(self._possession.change(old.held))
            self._possession.change_routing(old.routing)
            self._waiting.know(self._situation.primary)
            self._advertising.hurry(now)
        self._take_stand(now)
        if self.state is State.BACKUP:
            self._waiting.adopt(router, now)
