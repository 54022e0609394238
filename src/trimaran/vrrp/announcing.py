"""When a master announces its addresses: at once, and again when it may help.

By gratuitous ARP or unsolicited neighbour advertisements, as the addresses are.
"""

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import MILLISECOND
from trimaran.model.router import Announcements
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
        self._again_repeat = 0
        self._confirm_at: int | None = None
        self._refresh_at: int | None = None

    @property
    def deadline(self) -> int | None:
        """When the next one is due."""
        timers = (self._again_at, self._confirm_at, self._refresh_at)
        return min((at for at in timers if at is not None), default=None)

    @property
    def _settings(self) -> Announcements:
        return self._situation.router.announcements

    def begin(self, now: int) -> None:
        """Now, and again after a while, when bridges have learnt where the addresses are."""
        self._twice(self._settings.repeat, self._settings.delay, now)
        refresh = self._settings.refresh
        self._refresh_at = now + refresh if refresh > 0 else None

    def insist(self, now: int) -> None:
        """A lesser master is heard, or one that leaves: clients may have believed it."""
        settings = self._settings
        repeat, delay = settings.lower_repeat, settings.lower_delay
        self._twice(
            settings.repeat if repeat is None else repeat,
            settings.delay if delay is None else delay,
            now,
        )

    def _twice(self, repeat: int, delay: int, now: int) -> None:
        self._send_all(repeat)
        self._again_at = now + delay if delay > 0 else None
        self._again_repeat = repeat

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
        self._again_at = self._confirm_at = self._refresh_at = None

    def expire(self, now: int) -> None:
        """Send what is due."""
        if self._again_at is not None and now >= self._again_at:
            self._again_at = None
            self._send_all(self._again_repeat)
        if self._confirm_at is not None and now >= self._confirm_at:
            self._confirm_at = None
            self._send_all(self._settings.repeat)
        if self._refresh_at is not None and now >= self._refresh_at:
            self._refresh_at = now + self._settings.refresh
            self._send_all(self._settings.refresh_repeat)

    def send(self, addresses: tuple[VirtualAddress, ...]) -> None:
        """Announce these, outside of any schedule."""
        self._send(addresses, self._settings.repeat)

    def _send_all(self, repeat: int) -> None:
        self._send(self._situation.router.addresses, repeat)

    def _send(self, addresses: tuple[VirtualAddress, ...], repeat: int) -> None:
        if addresses and repeat > 0:
            self._outbox.put(Announce(addresses, repeat, self._settings.interval))
