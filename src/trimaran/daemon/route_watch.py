"""Routes and rules of the daemon's life, and the watch over these and those of virtual routers."""

import asyncio
from collections.abc import Callable, Iterable

from trimaran.daemon.holding import Holder
from trimaran.daemon.tasks import spawn
from trimaran.model.routing import NO_ROUTING, Routing
from trimaran.net import routing
from trimaran.vrrp.actions import AddRouting, RemoveRouting

_SHARED_SECONDS = 0.05


class RouteWatch:
    """Has everybody put back what somebody has taken away. Watches nothing if nobody has routes:
    a router's table may change a thousand times a second, which is no business of VRRP's."""

    def __init__(self, static: Holder, others: Callable[[], Iterable[Holder]]) -> None:
        self._holder = static
        self._others = others
        self._static = NO_ROUTING
        self._task: asyncio.Task[None] | None = None

    def configure(self, static: Routing, *, needed: bool) -> None:
        """Hold these from now on; watch them, and if `needed` the others'."""
        before, self._static = self._static, static
        if (gone := before.without(static)) != NO_ROUTING:
            self._holder.put(RemoveRouting(gone))
        if (fresh := static.without(before)) != NO_ROUTING:
            self._holder.put(AddRouting(fresh))
        needed = needed or static != NO_ROUTING
        if needed and self._task is None:
            self._task = spawn(self._watch(), "watch routes")
        elif not needed and self._task is not None:
            self._task.cancel()
            self._task = None

    async def finish(self) -> None:
        """Let go of everything."""
        self.configure(NO_ROUTING, needed=False)
        await self._holder.finish()

    def put_back(self) -> None:
        """Something may be gone, or be possible again."""
        for holder in (self._holder, *self._others()):
            holder.route_again()

    async def _watch(self) -> None:
        async for _ in routing.removals():
            self.put_back()
            await asyncio.sleep(_SHARED_SECONDS)  # what goes with it shares a look
