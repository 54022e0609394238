"""A planned hand-over: a master that leaves serves on until its successor is heard.

It says that it leaves (priority 0). Backups then wait for their skew time, which is up to a second
in version 2 and up to an interval in version 3, before the best of them takes over. All that time
the leaving master keeps the addresses and forwards; the first advertisement of another one ends
it. If none comes within `PATIENCE`, nobody is there to take over.

Version 3 lets a master change the interval, which backups adopt with its next advertisement (RFC
9568, 6.4.2). So one with a long interval says a shorter one before it leaves, for a shorter skew.
In version 2 a backup of a priority below 39 takes over later than `PATIENCE`.
"""

from enum import Enum, auto

from trimaran.model.duration import MILLISECOND
from trimaran.vrrp.advertising import Advertising
from trimaran.vrrp.situation import Situation

PATIENCE = 850 * MILLISECOND
"""A daemon that is told to end ends within a second, so this is as long as can be waited."""
_INTERVAL = 500 * MILLISECOND


class Purpose(Enum):
    """What is to come after it."""

    STOP = auto()
    MAINTENANCE = auto()
    FAILOVER = auto()
    """The other one shall be master, if there is one; this router stays its backup."""


class Handover:
    """The hand-over that is under way, if one is: it has a `purpose` then."""

    def __init__(self, situation: Situation, advertising: Advertising) -> None:
        self._situation, self._advertising = situation, advertising
        self.purpose: Purpose | None = None
        self.deadline: int | None = None

    def begin(self, purpose: Purpose, now: int) -> None:
        """Tell the backups, unless they have been told already."""
        if self.purpose is None:
            self.deadline = now + PATIENCE
            self._advertising.end()
            router = self._situation.router
            if router.version == 3 and router.advertisement_interval > _INTERVAL:
                self._advertising.send(interval=_INTERVAL)
                self._advertising.send(0, interval=_INTERVAL)
            else:
                self._advertising.send(0)
        self.purpose = purpose

    def end(self) -> None:
        """It is over, or there is no sense in it any more."""
        self.purpose = self.deadline = None

    def expired(self, now: int) -> bool:
        """Whether nobody has taken over in time."""
        return self.deadline is not None and now >= self.deadline
