"""The state machine of one session (RFC 5880, 6.8), asynchronous mode.

It has no clock, no socket and no dice: `handle` takes what happened and the time, and returns
what is to be done; `deadline` is the only timer it wants. Its shell owes it

* actions carried out in order,
* packets that have arrived before `TimerExpired` that has come due: after a stall, those in the
  socket's queue prove that the path is good,
* times that never go back (CLOCK_MONOTONIC).

A packet in is answered by one packet at most, so that a flood is not made worse here.
"""

from collections import Counter
from collections.abc import Callable

from trimaran.bfd.actions import Action, Missed, SendPacket, StateChanged, Warn
from trimaran.bfd.events import Event, Received, Reconfigured, Shutdown, Started, TimerExpired
from trimaran.bfd.packet import ControlPacket, Diagnostic, Discarded, Reason, State
from trimaran.bfd.view import View
from trimaran.model.bfd import BfdSession
from trimaran.model.duration import MICROSECOND, SECOND

_NEXT = {
    (State.DOWN, State.DOWN): State.INIT,
    (State.DOWN, State.INIT): State.UP,
    (State.INIT, State.ADMIN_DOWN): State.DOWN,
    (State.INIT, State.INIT): State.UP,
    (State.INIT, State.UP): State.UP,
    (State.UP, State.ADMIN_DOWN): State.DOWN,
    (State.UP, State.DOWN): State.DOWN,
}
"""Our state and the neighbour's → our next one, if it is another (RFC 5880, 6.8.6)."""

_FIRST_WAIT = 3
"""Idle intervals after which a neighbour that has never answered is said to be down."""
_UNHEARD = MICROSECOND
"""bfd.RemoteMinRxInterval before anything has been heard (RFC 5880, 6.8.1)."""


class Machine:
    """One session, from its start to its shutdown."""

    def __init__(
        self, session: BfdSession, discriminator: int, chance: Callable[[], float]
    ) -> None:
        """`discriminator`: of this session alone, not 0. `chance`: of [0, 1), for jitter."""
        self._session = session
        self._discriminator = discriminator
        self._chance = chance
        self._actions: list[Action] = []

        self._state = State.DOWN
        self._diagnostic = Diagnostic.NONE
        self._up: bool | None = None
        self._since = 0
        self._reason = "not heard of yet"
        self._ended = False

        self._their_discriminator = 0
        self._their_state = State.DOWN
        self._their_min_rx = _UNHEARD
        self._their_min_tx = 0
        self._their_multiplier = 0
        self._their_demand = False

        # What holds, and what is told; they differ until a poll sequence has ended (6.8.3).
        self._tx_in_force = session.idle_tx
        self._rx_in_force = session.required_min_rx
        self._polling = False

        self._send_at: int | None = None
        self._detect_at: int | None = None
        self._missed_at: int | None = None

        self._sent = 0
        self._received = 0
        self._discarded: Counter[str] = Counter()
        self._warned: set[str] = set()

    def handle(self, event: Event, now: int) -> list[Action]:
        """What to do about `event`, which happened at `now` (nanoseconds)."""
        self._actions = []
        if self._ended:
            return self._actions
        match event:
            case Received(packet, ttl):
                self._receive(packet, ttl, now)
            case TimerExpired():
                self._expire(now)
            case Discarded(reason, detail):
                self._discard(reason, detail)
            case Started():
                self._since = now
                self._missed_at = now + _FIRST_WAIT * self._session.idle_tx
                self._transmit(now)
            case Reconfigured(session):
                self._reconfigure(session, now)
            case Shutdown():
                self._shut_down(now)
        return self._actions

    def deadline(self) -> int | None:
        """When `TimerExpired` is wanted."""
        timers = (self._send_at, self._detect_at, self._missed_at)
        return min((at for at in timers if at is not None), default=None)

    def view(self) -> View:
        """A snapshot."""
        return View(
            state=self._state,
            up=self._up,
            since=self._since,
            reason=self._reason,
            transmit_interval=self._transmit_interval(),
            detection_time=self._detection_time(),
            sent=self._sent,
            received=self._received,
            discarded=dict(self._discarded),
        )

    # States

    def _enter(self, state: State, reason: str, now: int, diagnostic: Diagnostic) -> None:
        old, self._state = self._state, state
        self._since, self._reason, self._diagnostic = now, reason, diagnostic
        if state is State.UP:
            self._up, self._missed_at = True, None
            self._tx_in_force = min(self._tx_in_force, self._desired_min_tx())
            self._polling = True  # the intervals that we tell have changed
        elif self._up is not None or state is State.ADMIN_DOWN:
            self._up = False
        if state is not State.UP:
            self._tx_in_force = self._session.idle_tx
            self._rx_in_force = self._session.required_min_rx
            self._polling = False
        self._actions.append(StateChanged(old, state, reason))

    # Timers

    def _expire(self, now: int) -> None:
        if self._detect_at is not None and now >= self._detect_at:
            self._lose(now)
        if self._missed_at is not None and now >= self._missed_at:
            self._missed_at = None
            self._up = False
            self._actions.append(Missed(self._reason))
        if self._send_at is not None and now >= self._send_at:
            self._transmit(now)

    def _lose(self, now: int) -> None:
        """The detection time has passed without a packet (6.8.4)."""
        silence = f"no packet for {self._detection_time() / SECOND:g} s"
        self._detect_at = None
        self._their_discriminator = 0
        self._their_state = State.DOWN
        self._their_min_rx = _UNHEARD
        self._their_demand = False
        self._their_multiplier = 0
        if self._state in (State.INIT, State.UP):
            self._enter(State.DOWN, silence, now, Diagnostic.DETECTION_TIME_EXPIRED)
            self._transmit(now)

    def _detection_time(self) -> int:
        return self._their_multiplier * max(self._rx_in_force, self._their_min_tx)

    # Receiving (6.8.6)

    def _receive(self, packet: ControlPacket, ttl: int, now: int) -> None:
        if ttl < self._session.least_ttl:
            detail = f"TTL {ttl} instead of {self._session.least_ttl} or more"
            self._discard(Reason.TTL, detail)
            return
        if packet.your_discriminator not in (0, self._discriminator):
            self._discard(Reason.DISCRIMINATOR, "it is for another session")
            return
        self._received += 1
        self._their_discriminator = packet.my_discriminator
        self._their_state = packet.state
        self._their_min_rx = packet.required_min_rx
        self._their_min_tx = packet.desired_min_tx
        self._their_multiplier = packet.multiplier
        self._their_demand = packet.demand
        if packet.final and self._polling:
            self._polling = False
            self._tx_in_force = self._desired_min_tx()
            self._rx_in_force = self._session.required_min_rx
        changed = self._follow(packet, now)
        self._detect_at = now + self._detection_time()
        if changed or packet.poll:
            self._transmit(now, final=packet.poll)
        else:
            self._send_sooner(now)

    def _follow(self, packet: ControlPacket, now: int) -> bool:
        """Change state as the neighbour's state asks for; whether it did."""
        state = _NEXT.get((self._state, packet.state))
        if state is None:
            return False
        if state is State.DOWN:
            said = f"the neighbour says {packet.state}"
            if packet.diagnostic:
                said += f" (diagnostic {packet.diagnostic})"
            self._enter(state, said, now, Diagnostic.NEIGHBOUR_SIGNALED_DOWN)
        else:
            self._enter(state, f"the neighbour says {packet.state}", now, Diagnostic.NONE)
        return True

    def _discard(self, reason: Reason, detail: str) -> None:
        self._discarded[reason] += 1
        self._warn(reason, f"packet discarded: {detail}")

    # Sending (6.8.7)

    def _transmit(self, now: int, *, final: bool = False) -> None:
        """Send a packet now, if one may be sent at all, and see when the next is due."""
        self._send_at = None
        if self._may_speak() or final:
            self._sent += 1
            packet = ControlPacket(
                state=self._state,
                my_discriminator=self._discriminator,
                your_discriminator=self._their_discriminator,
                desired_min_tx=self._desired_min_tx(),
                required_min_rx=self._session.required_min_rx,
                multiplier=self._session.multiplier,
                diagnostic=self._diagnostic,
                poll=self._polling and not final,
                final=final,
            )
            self._actions.append(SendPacket(packet))
        self._send_sooner(now)

    def _send_sooner(self, now: int) -> None:
        """See when the next periodic packet is due, which may be earlier than it was."""
        if not self._may_speak():
            self._send_at = None
            return
        share = 1 - self._chance() / 4
        if self._session.multiplier == 1:
            share = min(share, 0.9)
        due = now + int(self._transmit_interval() * share)
        self._send_at = due if self._send_at is None else min(self._send_at, due)

    def _may_speak(self) -> bool:
        """Whether packets go out periodically."""
        if self._their_min_rx == 0:
            return False
        if self._session.passive and self._their_discriminator == 0:
            return False
        asleep = self._their_demand and self._state is self._their_state is State.UP
        return self._polling or not asleep

    def _transmit_interval(self) -> int:
        return max(self._tx_in_force, self._their_min_rx)

    def _desired_min_tx(self) -> int:
        """What we tell: slow while there is nothing to lose (6.8.3)."""
        session = self._session
        return session.desired_min_tx if self._state is State.UP else session.idle_tx

    # Changes from outside

    def _reconfigure(self, session: BfdSession, now: int) -> None:
        if session.neighbour != self._session.neighbour:
            raise ValueError("another neighbour is another session")
        before = (self._desired_min_tx(), self._session.required_min_rx)
        self._session = session
        self._warned.clear()
        if self._state is not State.UP:
            self._tx_in_force = session.idle_tx
            self._rx_in_force = session.required_min_rx
        elif before != (session.desired_min_tx, session.required_min_rx):
            self._tx_in_force = min(self._tx_in_force, session.desired_min_tx)
            self._rx_in_force = max(self._rx_in_force, session.required_min_rx)
            self._polling = True
        self._transmit(now)

    def _shut_down(self, now: int) -> None:
        self._enter(State.ADMIN_DOWN, "shut down", now, Diagnostic.ADMINISTRATIVELY_DOWN)
        self._transmit(now)
        self._send_at = self._detect_at = self._missed_at = None
        self._ended = True

    def _warn(self, kind: str, text: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            self._actions.append(Warn(text))
