"""What is asked of a running daemon through its control socket, and who answers it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from trimaran.daemon import administration, changes, orders, reloading
from trimaran.daemon.administration import Administration
from trimaran.daemon.encoding import encode
from trimaran.daemon.messages import TellServers
from trimaran.daemon.orders import Orders
from trimaran.daemon.reloading import Reloads
from trimaran.daemon.status import Status, render_json
from trimaran.daemon.supervision import Supervised

_CHECKER_SECONDS = 1.0


class Requests:
    """`status` says how everything is now; `maintain` begins (True) or ends maintenance."""

    def __init__(
        self,
        reloads: Reloads,
        administration: Administration,
        orders: Orders,
        checker: Supervised,
        status: Callable[[], Status],
        maintain: Callable[[bool], None],
    ) -> None:
        self._reloads, self._administration, self._orders = reloads, administration, orders
        self._checker, self._checker_told = checker, asyncio.Event()
        self._status, self._maintain = status, maintain

    async def answer(self, request: dict[str, Any]) -> bytes:
        """Do what is asked for; the answer is JSON."""
        match request.get("command"):
            case "status":
                await self._hear_checker()
                return render_json(self._status())
            case reloading.COMMAND:
                return encode(await asyncio.shield(self._reloads.ask()))
            case administration.COMMAND:
                return encode(self._administration.execute(request, self._status().config))
            case changes.COMMAND:
                return encode(await self._orders.change(request))
            case orders.FAILOVER:
                return encode(await self._orders.fail_over(request, self._status().routers))
            case orders.MAINTENANCE:
                self._maintain(request.get("on") is True)
                return encode(orders.Done())
            case _:
                return b'{"error": "unknown command"}'

    def checker_told(self) -> None:
        """The checker has said of all servers when it has last checked them."""
        self._checker_told.set()

    async def _hear_checker(self) -> None:
        """Have it say so; one that hangs is shown with what it said last."""
        self._checker_told.clear()
        self._checker.send(TellServers())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._checker_told.wait(), _CHECKER_SECONDS)
