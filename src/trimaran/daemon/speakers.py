"""What the speaker says of virtual routers, and what the one before it said last."""

import time

from trimaran.daemon.messages import RoutersStatus, RouterStatus
from trimaran.model.config import Config
from trimaran.model.duration import SECOND
from trimaran.model.router import RouterKey
from trimaran.vrrp.actions import State


class Speakers:
    """`routers`: how they are, as the speaker that lives said last."""

    def __init__(self) -> None:
        self.routers: tuple[RouterStatus, ...] = ()
        self._heard = 0.0
        self._last_words: tuple[RouterStatus, ...] = ()
        self._last_heard = 0.0

    def hear(self, status: RoutersStatus) -> None:
        """The speaker has said this."""
        self.routers, self._heard = status.routers, time.monotonic()

    def died(self) -> None:
        """The speaker is no more."""
        self._last_words, self._last_heard = self.routers, self._heard
        self.routers = ()

    def resumable(self, config: Config) -> tuple[RouterKey, ...]:
        """The virtual routers that were master so lately that no backup can have noticed."""
        silence = (time.monotonic() - self._last_heard) * SECOND
        intervals = {router.key: router.advertisement_interval for router in config.virtual_routers}
        return tuple(
            router.key
            for router in self._last_words
            if router.state == State.MASTER and silence < 2 * intervals.get(router.key, 0)
        )
