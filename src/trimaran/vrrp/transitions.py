"""The state of one virtual router, and the ways into each: all that belongs to an entry is here.

Whether a way is to be taken, `machine` decides.
"""

from trimaran.vrrp.actions import State, StateChanged
from trimaran.vrrp.parts import Parts


class Transitions:
    """`state`, why and since when (nanoseconds); `number`: how many transitions there were."""

    def __init__(self, parts: Parts) -> None:
        self.state = State.INIT
        self.reason = ""
        self.since = 0
        self.number = 0
        self._parts = parts

    def become_backup(self, reason: str, now: int) -> None:
        """Wait for the master to fail."""
        self._leave()
        self._parts.waiting.begin(now)
        self._enter(State.BACKUP, reason, now)

    def become_master(self, reason: str, now: int) -> None:
        """Advertise, take the addresses, and announce them."""
        parts = self._parts
        parts.end_timers()
        parts.waiting.know(parts.situation.primary)
        parts.situation.yields = False
        parts.advertising.begin(now)
        parts.possession.take()
        parts.announcing.begin(now)
        if parts.waiting.rival:
            parts.announcing.confirm(now)
        self._enter(State.MASTER, reason, now)

    def become_fault(self, reason: str, now: int) -> None:
        """Take no part, until what is wrong is over."""
        if self._parts.situation.link_fault is None:
            self.bid_farewell()
        self._leave()
        self._parts.waiting.master = None
        self._enter(State.FAULT, reason, now)

    def shut_down(self, reason: str, now: int) -> None:
        """Take no part any more."""
        self.bid_farewell()
        self._leave()
        self._parts.waiting.master = None
        self._enter(State.STOP, reason, now)

    def bid_farewell(self) -> None:
        """Say with priority 0 that the master leaves, if it has not been said."""
        if self.state is State.MASTER and self._parts.handover.purpose is None:
            self._parts.advertising.send(0)

    def _enter(self, state: State, reason: str, now: int) -> None:
        old, self.state = self.state, state
        self.reason, self.since = reason, now
        self.number += 1
        self._parts.outbox.put(StateChanged(old, state, reason))

    def _leave(self) -> None:
        """Leave the present state. From INIT too: an earlier life may have left addresses."""
        self._parts.end_timers()
        if self.state in (State.MASTER, State.INIT):
            others = (None, self._parts.situation.primary)
            succeeded = self._parts.waiting.master not in others
            self._parts.possession.release(succeeded=succeeded)
