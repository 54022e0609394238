"""What a machine is made of, and what all of it has in common: timers."""

from trimaran.model.router import VirtualRouter
from trimaran.vrrp.advertising import Advertising
from trimaran.vrrp.announcing import Announcing
from trimaran.vrrp.handover import Handover
from trimaran.vrrp.outbox import Outbox
from trimaran.vrrp.possession import Possession
from trimaran.vrrp.reception import Reception
from trimaran.vrrp.situation import Situation
from trimaran.vrrp.waiting import Waiting


class Parts:
    """The parts of one virtual router's machine: which does what is said there."""

    def __init__(self, router: VirtualRouter) -> None:
        self.situation = Situation(router)
        self.outbox = Outbox()
        self.reception = Reception(self.situation, self.outbox)
        self.waiting = Waiting(self.situation)
        self.advertising = Advertising(self.situation, self.outbox)
        self.announcing = Announcing(self.situation, self.outbox)
        self.possession = Possession(self.situation, self.outbox)
        self.handover = Handover(self.situation, self.advertising)
        self._timed = (self.waiting, self.advertising, self.announcing, self.handover)

    def deadline(self) -> int | None:
        """When the first timer is due."""
        timers = (part.deadline for part in self._timed)
        return min((at for at in timers if at is not None), default=None)

    def end_timers(self) -> None:
        """None is due any more."""
        for part in self._timed:
            part.end()
