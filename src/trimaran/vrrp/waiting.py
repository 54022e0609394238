"""A backup's side: what it knows of the master, and how long it waits for the next sign of it."""

from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.router import VirtualRouter
from trimaran.vrrp.packet import Advertisement
from trimaran.vrrp.situation import Situation


class Waiting:
    """The master-down timer, and why it runs.

    `master` is whoever was heard last and is fit to be master, `interval` the time between its
    advertisements; this router's own as long as nobody is known.
    """

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self.master: IPAddress | None = None
        self.interval = situation.router.advertisement_interval
        self.deadline: int | None = None
        self.rival = False
        """Whether the master that was heard is about to yield: a lesser one, or one that left."""
        self.candidacy: str | None = None
        """Why it would be master but for its sync group, which is not ready."""
        self._preempt_at: int | None = None
        self._since = 0
        self._expectation = ""  # why an expiring timer is no surprise

    def know(self, master: IPAddress | None) -> None:
        """This one is master: this router itself, or nobody that is known."""
        self.master = master
        self.interval = self._situation.router.advertisement_interval
        self._preempt_at = None

    def bides(self, now: int) -> bool:
        """Whether a lesser master is to be left alone yet (`preempt_delay`)."""
        delay = self._situation.router.manners.preempt_delay
        if delay and self._preempt_at is None:
            self._preempt_at = now + delay
        return self._preempt_at is not None and now < self._preempt_at

    def follow(self, heard: Advertisement, sender: IPAddress) -> None:
        """The sender is master. Its interval counts (RFC 9568, 6.1)."""
        self.master, self.interval = sender, heard.interval
        if heard.priority >= self._situation.priority:
            self._preempt_at = None

    def begin(self, now: int, wait: int | None = None) -> None:
        """Wait afresh, for the master-down interval if nothing else is said."""
        self._since = now
        self._expectation = ""
        self.rival = False
        self.candidacy = None
        self.deadline = now + (self._master_down_interval() if wait is None else wait)

    def begin_eagerly(self, now: int) -> None:
        """Wait afresh for one advertisement only (`state MASTER`)."""
        self.begin(now, self.interval + self._situation.skew(self.interval))

    def end(self) -> None:
        """Wait no more."""
        self.deadline = self.candidacy = None

    def stand(self, reason: str) -> None:
        """Wait for the other members of the sync group from now on."""
        self.deadline, self.candidacy = None, reason

    def expect_takeover(self, sender: IPAddress, now: int) -> None:
        """The master has left (priority 0): wait for the skew time at most."""
        soon = now + self._situation.skew(self.interval)
        if self.deadline is None or soon < self.deadline:
            self.deadline = soon
        self._expectation = f"{sender} has left (priority 0)"
        self.rival = True

    def expect_preemption(self, heard: Advertisement, sender: IPAddress) -> None:
        """A lesser one is master: its advertisements do not put the timer off."""
        mine = self._situation.priority
        self._expectation = f"priority {mine}, {sender} has only {heard.priority}"
        self.rival = True

    def expired(self, now: int) -> str | None:
        """Why to become master now, if so it is."""
        if self.deadline is None or now < self.deadline:
            return None
        silence = f"no advertisement for {(now - self._since) / SECOND:.3f} s"
        return self._expectation or silence

    def adopt(self, router: VirtualRouter, now: int) -> None:
        """A new configuration: its interval counts, unless a master of version 3 has said one."""
        changed = self.interval != router.advertisement_interval
        if changed and (router.version == 2 or self.master is None):
            self.interval = router.advertisement_interval
            self.begin(now)

    def _master_down_interval(self) -> int:
        return self._situation.master_down_interval(self.interval)
