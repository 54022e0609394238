"""When a director that has just started begins to serve, and to stand for election.

Before every real server has been checked once, a director that took over would refuse clients,
and one that found connections of an earlier life would drop them. Before other directors have
told of their connections it would cut these off. What hangs holds this up for a moment only.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from trimaran.daemon.pace import seconds_to_wait
from trimaran.model.config import Config

log = logging.getLogger("steward")

_CHECKS_SECONDS = 5.0
_SYNCHRONISING_SECONDS = 10.0


class Settling:
    """`settled`: the servers have been checked. `serve` is called when they have, and `heard`
    when other directors have told of their connections."""

    def __init__(self, serve: Callable[[], None], heard: Callable[[], None]) -> None:
        self.settled = False
        self._serve, self._heard = serve, heard
        self._synchronised = False
        self._stands_at = 0.0

    def begin(self, config: Config, stand: Callable[[], None]) -> None:
        """The checks begin now. `stand`: what to do when a delay that is configured is over."""
        loop = asyncio.get_running_loop()
        loop.call_later(_CHECKS_SECONDS, self.settle)
        if (delay := seconds_to_wait(config)) > 0:
            log.info("taking no part in elections for %.1f s, as configured", delay)
            self._stands_at = time.monotonic() + delay
            loop.call_later(delay, stand)

    def settle(self) -> None:
        """Every real server has been checked once."""
        if not self.settled:
            self.settled = True
            self._serve()
            asyncio.get_running_loop().call_later(_SYNCHRONISING_SECONDS, self.synchronise)

    def synchronise(self) -> None:
        """Other directors have told of their connections."""
        if not self._synchronised:
            self._synchronised = True
            self._heard()

    def stands(self, config: Config) -> bool:
        """Whether it takes part in elections."""
        heard = self._synchronised or config.synchronisation is None
        return self.settled and heard and time.monotonic() >= self._stands_at
