"""When a master announces its addresses (gratuitous ARP): at once, and again when it may help."""

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import MILLISECOND
from trimaran.vrrp.actions import Announce
from trimaran.vrrp.outbox import Outbox
from trimaran.vrrp.situation import Situation

_YIELDED = 150 * MILLISECOND
"""A master that hears another one has its addresses no longer than this."""


class Announcing:
    """The announcements of one master."""

    def __init__(self, situation: Situation, outbox: Outbox) -> None:
        self._situation, self._outbox = situation, outbox
        self._again_at: int | None = None
        self._confirm_at: int | None = None

    @property
    def deadline(self) -> int | None:
        """When the next one is due."""
        timers = (self._again_at, self._confirm_at)
        return min((at for at in timers if at is not None), default=None)

    def begin(self, now: int) -> None:
        """Now, and again after a while, when bridges have learnt where the addresses are."""
        self.send(self._situation.router.addresses)
        delay = self._situation.router.gratuitous_arp.delay
        self._again_at = now + delay if delay > 0 else None

    def confirm(self, now: int) -> None:
        """Announce again once a lesser master must have heard us and yielded.

        It may announce the addresses after we did: it advertises first, then adds them, then
        announces, and only then hears us. And it may answer for them a moment longer. Clients
        would send it what it no longer takes.
        """
        interval = self._situation.router.advertisement_interval
        self._confirm_at = now + max(interval, _YIELDED)

    def end(self) -> None:
        """Announce nothing more."""
        self._again_at = self._confirm_at = None

    def expire(self, now: int) -> None:
        """Send what is due."""
        if self._again_at is not None and now >= self._again_at:
            self._again_at = None
            self.send(self._situation.router.addresses)
        if self._confirm_at is not None and now >= self._confirm_at:
            self._confirm_at = None
            self.send(self._situation.router.addresses)

    def send(self, addresses: tuple[VirtualAddress, ...]) -> None:
        """Announce these once, outside of any schedule."""
        repeat = self._situation.router.gratuitous_arp.repeat
        if addresses and repeat > 0:
            self._outbox.put(Announce(addresses, repeat))
