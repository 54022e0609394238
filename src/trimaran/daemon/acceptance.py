"""Keeps the rules of `no_accept` as the configuration has them, as long as the daemon runs."""

import asyncio
import logging

from trimaran.daemon.tasks import spawn
from trimaran.model.config import Config
from trimaran.model.ip import IPAddress
from trimaran.net import firewall
from trimaran.net.errors import NetError
from trimaran.vrrp.packet import OWNER_PRIORITY

log = logging.getLogger("steward")


class Acceptance:
    """The addresses for which packets are dropped. What an earlier daemon has left is replaced."""

    def __init__(self) -> None:
        self._wanted: frozenset[IPAddress] | None = None
        self._work: asyncio.Task[None] | None = None

    def configure(self, config: Config) -> None:
        """Drop what comes for addresses of others, where `no_accept` says so."""
        self._want(
            frozenset(
                address.address
                for router in config.virtual_routers
                if not router.accept and router.priority != OWNER_PRIORITY
                for address in router.addresses
            )
        )

    async def end(self) -> None:
        """Leave nothing behind."""
        self._want(frozenset())
        if self._work is not None:
            await self._work

    def _want(self, wanted: frozenset[IPAddress]) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            before = self._work
            self._work = spawn(self._apply(wanted, before), "rules of no_accept")

    async def _apply(
        self, wanted: frozenset[IPAddress], before: "asyncio.Task[None] | None"
    ) -> None:
        if before is not None:
            await before
        if wanted is self._wanted:  # or the next one does it
            try:
                await firewall.drop(wanted)
            except NetError as error:
                log.error("%s: what comes for virtual addresses is accepted", error)
