"""Changes to the dataplane that others ask for (ipvsadm): to the plane, and its answers back."""

import asyncio
import errno
import itertools
from collections.abc import Callable
from typing import Any

import msgspec

from trimaran.daemon.changes import Outcome, Wanted
from trimaran.daemon.messages import Change, Changed

_PATIENCE_SECONDS = 3.0


class Changing:
    """Those that the plane has not answered yet. `send` tells the plane."""

    def __init__(self, send: Callable[[Change], None]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[Outcome]] = {}

    async def ask(self, request: dict[str, Any]) -> Outcome:
        """Have the plane make a change, as a request on the control socket says."""
        try:
            wanted = msgspec.convert(request, Wanted)
        except msgspec.ValidationError as error:
            return Outcome(errno.EINVAL, str(error))
        number = next(self._numbers)
        answer = self._open[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(Change(number, wanted))
            return await asyncio.wait_for(answer, _PATIENCE_SECONDS)
        except TimeoutError:
            return Outcome(errno.EOPNOTSUPP, "the daemon's plane does not answer")
        finally:
            del self._open[number]

    def take(self, answer: Changed) -> None:
        """The plane's answer."""
        if answer.number in self._open:
            self._open[answer.number].set_result(answer.outcome)
