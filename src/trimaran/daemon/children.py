"""The children: which there are, what is done when one is ready or dies, and how they end."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from trimaran.daemon import leftovers, systemd
from trimaran.daemon.messages import FromChild
from trimaran.daemon.status import ProcessStatus
from trimaran.daemon.supervision import Hooks, Supervised
from trimaran.model.duration import SECOND
from trimaran.vrrp.handover import PATIENCE

log = logging.getLogger("steward")

XDP_PLANE, IPVS_PLANE = "plane", "plane-ipvs"
_SPEAKER_SECONDS = 0.45
_HAND_OVER_SECONDS = PATIENCE / SECOND
_OTHERS_SECONDS = 0.35
_ALL_SECONDS = 1.0
"""All that a stop may take; what a hand-over takes of it is not there for a plane that hangs."""
_LAST_SECONDS = 0.12
"""What is there all the same; of a plane that takes longer the steward removes the programs."""
_IPVS_SECONDS = 3.0
"""Thousands of services take their time to be removed."""


class Children:
    """All of them, each kept running from `start` to `stop`. BFD's has to be wanted first.

    `ready`, `died`: what to do whenever one of this name is ready, or has died. `plane`: which
    one it is, and its options. `hopeless`: a child says that it cannot run on this machine.
    """

    def __init__(
        self,
        receive: Callable[[FromChild], None],
        ready: Mapping[str, Callable[[], None]],
        died: Mapping[str, Callable[[], Awaitable[None]]],
        hopeless: Callable[[], None],
        plane: Sequence[str],
    ) -> None:
        self._receive, self._ready, self._hopeless = receive, ready, hopeless
        self._died, self._running = died, False
        self._ipvs = plane[0] == IPVS_PLANE
        self.speaker = self._supervise("speaker")
        self.checker = self._supervise("checker")
        self.plane = self._supervise("plane", body=plane)
        self.bfd = self._supervise("bfd")
        self._all = [self.speaker, self.checker, self.plane]

    def start(self) -> None:
        """Start all that are wanted."""
        for supervised in self._all:
            supervised.start()

    def want_bfd(self, *, start: bool) -> None:
        """From now on there are BFD sessions."""
        if self.bfd not in self._all:
            self._all.append(self.bfd)
            if start:
                self.bfd.start()

    def status(self) -> tuple[ProcessStatus, ...]:
        """How they are."""
        return tuple(ProcessStatus(c.name, c.pid, c.since, c.restarts) for c in self._all)

    async def stop(self, let_go: Callable[[], Awaitable[None]], made: Path) -> None:
        """The plane last: packets are served until another director has taken over.

        `let_go` removes the addresses if the speaker cannot. `made`: the note of services in the
        kernel's IPVS.
        """
        begin = time.monotonic()
        handed_over, checks_ended = await asyncio.gather(
            self.speaker.stop(_SPEAKER_SECONDS, more_if_it_answers=_HAND_OVER_SECONDS),
            self.checker.stop(_OTHERS_SECONDS),
        )
        if not checks_ended:
            await self._died["checker"]()
        if not handed_over:
            await let_go()
        left = max(_ALL_SECONDS - (time.monotonic() - begin), _LAST_SECONDS)
        cleaned, _ = await asyncio.gather(
            self.plane.stop(_IPVS_SECONDS if self._ipvs else min(left, _OTHERS_SECONDS)),
            self.bfd.stop(min(left, _OTHERS_SECONDS)),
        )
        if not cleaned and self._ipvs:
            leftovers.remove_services(made)
        elif not cleaned:
            leftovers.remove_programs()

    def _supervise(self, name: str, body: Sequence[str] = ()) -> Supervised:
        async def nothing() -> None: ...

        def ready() -> None:
            self._ready[name]()
            if not self._running and all(child.ready for child in self._all):
                self._running = True
                log.info("running")
                systemd.notify("READY=1")

        hooks = Hooks(self._receive, ready, self._died.get(name, nothing), self._hopeless)
        return Supervised(name, hooks, body)
