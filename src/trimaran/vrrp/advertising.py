"""A master's side: its advertisements."""

from dataclasses import replace

from trimaran.model.duration import SECOND
from trimaran.vrrp.actions import SendAdvertisement
from trimaran.vrrp.exchange import advertisement
from trimaran.vrrp.outbox import Outbox
from trimaran.vrrp.situation import Situation
from trimaran.vrrp.timers import next_advertisement


class Advertising:
    """Advertisements at regular times, and those out of turn. `sent` counts both."""

    def __init__(self, situation: Situation, outbox: Outbox) -> None:
        self._situation, self._outbox = situation, outbox
        self.deadline: int | None = None
        self.sent = 0
        self._answered_at: int | None = None

    def begin(self, now: int) -> None:
        """Advertise now and from now on."""
        self.send()
        self.restart(now)

    def restart(self, now: int) -> None:
        """The next one is due an interval from now."""
        self.deadline = now + self._situation.router.advertisement_interval

    def hurry(self, now: int) -> None:
        """The interval may have become shorter: the next one is due within it."""
        if self.deadline is not None:
            self.deadline = min(self.deadline, now + self._situation.router.advertisement_interval)

    def end(self) -> None:
        """Advertise no more."""
        self.deadline = self._answered_at = None

    @property
    def patience(self) -> int:
        """For how long after the time of an advertisement all backups wait for it."""
        router = self._situation.router
        return (router.manners.down_adverts - 1) * router.advertisement_interval

    def overdue(self, now: int) -> str | None:
        """By how much the advertisement is late that is due, if so late that backups may have
        taken over."""
        if self.deadline is None or now - self.deadline <= self.patience:
            return None
        return f"{(now - self.deadline) / SECOND:.3f} s"

    def expire(self, now: int) -> None:
        """Send the one that is due."""
        if self.deadline is not None and now >= self.deadline:
            interval = self._situation.router.advertisement_interval
            self.deadline = next_advertisement(self.deadline, now, interval)
            self.send()

    def answer(self, now: int) -> bool:
        """Tell a lesser master who is master. False: it was told a moment ago.

        A flood of lesser advertisements must not become a flood of answers.
        """
        interval = self._situation.router.advertisement_interval
        if self._answered_at is not None and now - self._answered_at < interval // 2:
            return False
        self._answered_at = now
        if self._situation.router.manners.answers_lower:
            self.send()
        return True

    def send(self, priority: int | None = None, interval: int | None = None) -> None:
        """Send one out of turn, with what is in force if nothing else is given. 0: farewell."""
        situation = self._situation
        assert situation.primary is not None, "only a router with an address is ever master"
        self.sent += 1
        said = advertisement(situation.router, situation.priority if priority is None else priority)
        if interval is not None:
            said = replace(said, interval=interval)
        situation.sequence += situation.router.sealed
        self._outbox.put(SendAdvertisement(said, situation.primary, situation.sequence))
