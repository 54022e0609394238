"""What commands have a running daemon do, through its control socket."""

import asyncio
import errno
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from trimaran.daemon import changes
from trimaran.daemon.messages import (
    Change,
    Changed,
    FailOver,
    HandedOver,
    Message,
    RouterStatus,
)
from trimaran.vrrp.actions import State

FAILOVER: Final = "failover"
MAINTENANCE: Final = "maintenance"

_PLANE_SECONDS = 3.0
_SPEAKER_SECONDS = 3.0


class Done(msgspec.Struct, frozen=True):
    """What became of an order. `error`: why nothing came of it. `text`: what did."""

    error: str | None = None
    text: str = ""


class Orders:
    """Passes orders on to the processes that carry them out, and waits for their answers."""

    def __init__(
        self, to_speaker: Callable[[Message], object], to_plane: Callable[[Message], object]
    ) -> None:
        self._to_speaker, self._to_plane = to_speaker, to_plane
        self._number = 0
        self._changes: dict[int, asyncio.Future[changes.Outcome]] = {}
        self._failovers: dict[str, asyncio.Future[HandedOver]] = {}

    def take(self, answer: HandedOver | Changed) -> None:
        """An answer has come; nobody may be waiting for it."""
        match answer:
            case Changed(number, outcome):
                if number in self._changes:
                    self._changes[number].set_result(outcome)
            case HandedOver(name):
                if name in self._failovers and not self._failovers[name].done():
                    self._failovers[name].set_result(answer)

    async def change(self, request: dict[str, Any]) -> changes.Outcome:
        """Have the plane change the dataplane, as ipvsadm asks for."""
        try:
            wanted = msgspec.convert(request, changes.Wanted)
        except msgspec.ValidationError as error:
            return changes.Outcome(errno.EINVAL, str(error))
        self._number += 1
        number = self._number
        answer = self._changes[number] = asyncio.get_running_loop().create_future()
        try:
            self._to_plane(Change(number, wanted))
            return await asyncio.wait_for(answer, _PLANE_SECONDS)
        except TimeoutError:
            return changes.Outcome(errno.EOPNOTSUPP, "the daemon's plane does not answer")
        finally:
            del self._changes[number]

    async def fail_over(self, request: dict[str, Any], routers: Sequence[RouterStatus]) -> Done:
        """Have a virtual router hand over to another director."""
        name = request.get("name")
        router = next((router for router in routers if router.name == name), None)
        if router is None:
            known = ", ".join(router.name for router in routers) or "none"
            return Done(f"there is no virtual router '{name}' here; there are: {known}")
        if router.state != State.MASTER:
            return Done(f"{name} is {router.state} here, so there is nothing to hand over")
        if router.name in self._failovers:
            return Done(f"{name} is being handed over already")
        answer = self._failovers[router.name] = asyncio.get_running_loop().create_future()
        try:
            self._to_speaker(FailOver(router.name))
            handed_over = await asyncio.wait_for(answer, _SPEAKER_SECONDS)
        except TimeoutError:
            return Done("the speaker does not answer")
        finally:
            del self._failovers[router.name]
        if handed_over.successor is None:
            return Done(f"nobody has taken {name} over: it stays here")
        return Done(text=f"{name} is at {handed_over.successor} now")
