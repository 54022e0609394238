"""An operator's word on real servers: drain, disable, enable, weight; and who is leaving.

Orders hold through reloads, as long as there is the server, and through restarts of the daemon:
a note in the run directory has them, which is empty after a boot. Nothing else remembers them.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from trimaran.daemon.encoding import decoder, encode
from trimaran.daemon.messages import Remaining
from trimaran.daemon.orders import Done
from trimaran.health.administration import Leaving, Mode, Order, Place, departures, describe
from trimaran.health.verdict import MOST_WEIGHT
from trimaran.model.config import Config
from trimaran.model.service import ServerKey, ServiceKey

COMMAND: Final = "server"
"""What a request to the control socket begins with whose rest is a `Request`."""
CONNECTIONS: Final = "connections"
_ACTIONS: Final = ("drain", "disable", "enable", "weight", CONNECTIONS)

log = logging.getLogger("steward")

_Noted = tuple[tuple[ServiceKey, ServerKey, Order], ...]
_note = decoder(_Noted)


class Request(msgspec.Struct, frozen=True):
    """An order: `action` is drain, disable, enable or weight; or the question how many connections
    are left. `service` None: in all services."""

    action: str
    server: str
    service: str | None = None
    weight: int | None = None


class Administration:
    """The orders in force, who is leaving, and what connections these servers have.

    `changed` is called when the dataplane has to follow.
    """

    def __init__(self, note: Path, changed: Callable[[], None]) -> None:
        self.orders: dict[Place, Order] = {}
        self.leaving: dict[Place, Leaving] = {}
        self.remaining: Mapping[Place, int] = {}
        self._path = note
        self._changed = changed

    def recall(self, config: Config) -> None:
        """Take what the note says that an earlier daemon has left."""
        noted: _Noted = ()
        with suppress(OSError, msgspec.DecodeError):
            noted = _note.decode(self._path.read_bytes())
        places = _places(config)
        self.orders = {(s, r): order for s, r, order in noted if (s, r) in places}
        for (service, server), order in self.orders.items():
            log.warning("%s: server %s: still %s, as ordered", service, server, describe(order))

    def configure(self, before: Config, after: Config) -> None:
        """A reload: forget orders for servers that are gone, and let these leave slowly."""
        now = time.monotonic_ns()
        leaving = departures(before.virtual_services, after.virtual_services, now)
        if not (leaving or self.leaving or self.orders):
            return
        places = _places(after)
        services = {service.key for service in after.virtual_services}
        self.leaving = {
            place: one
            for place, one in (self.leaving | leaving).items()
            if place not in places and place[0] in services
        }
        for service, server in self.leaving.keys() & leaving.keys():
            log.info("%s: server %s: removed, but drains first", service, server)
        kept = {place: order for place, order in self.orders.items() if place in places}
        if kept != self.orders:
            self.orders = kept
            self._write()

    def watched(self) -> tuple[Place, ...]:
        """Whose connections the plane shall count."""
        draining = (place for place, one in self.orders.items() if one.mode is Mode.DRAIN)
        return (*draining, *self.leaving)

    def take(self, told: Remaining) -> None:
        """The plane has counted: who has no connection any more, or no time, is gone."""
        self.remaining = {(one.service, one.server): one.connections for one in told.servers}
        now = time.monotonic_ns()
        gone = [
            place
            for place, one in self.leaving.items()
            if self.remaining.get(place) == 0 or now >= one.until
        ]
        for service, server in gone:
            del self.leaving[service, server]
            number = self.remaining.get((service, server), 0)
            why = f"cut {number} connections off" if number else "drained"
            log.info("%s: server %s: %s, now removed", service, server, why)
        if gone:
            self._changed()

    def execute(self, raw: dict[str, Any], config: Config) -> Done:
        """Carry an order out, or say why not."""
        try:
            request = msgspec.convert(raw, Request)
        except msgspec.ValidationError as error:
            return Done(str(error))
        if request.weight is not None and not 0 <= request.weight <= MOST_WEIGHT:
            return Done(f"weight {request.weight}: want a number from 0 to {MOST_WEIGHT}")
        meant = [place for place in _places(config) if _is_meant(place, request)]
        if request.action not in _ACTIONS or (request.action == "weight") != (
            request.weight is not None
        ):
            return Done(f"there is no order '{request.action}' like this")
        if not meant:
            what = f" in service {request.service}" if request.service else ""
            return Done(f"there is no real server {request.server}{what}")
        if request.action == CONNECTIONS:
            counted = [self.remaining[place] for place in meant if place in self.remaining]
            return Done(text=str(sum(counted)) if len(counted) == len(meant) else "")
        for place in meant:
            order = _ordered(self.orders.get(place, Order()), request)
            if order == Order():
                self.orders.pop(place, None)
            else:
                self.orders[place] = order
            log.info("%s: server %s: %s by order", *place, describe(order))
        problem = self._write()
        self._changed()
        return Done(problem, "".join(f"{service}: server {s}\n" for service, s in meant))

    def _write(self) -> str | None:
        """Note the orders down; what is wrong, if they are in force but cannot be."""
        noted = tuple((*place, order) for place, order in self.orders.items())
        try:
            if noted:
                draft = self._path.with_suffix(".new")
                draft.write_bytes(encode(noted))
                draft.rename(self._path)
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            problem = f"in force, but a restart will not know it: {self._path}: {error.strerror}"
            log.error("%s", problem)
            return problem
        return None


def _ordered(before: Order, request: Request) -> Order:
    if request.action == "enable":
        return Order()
    if request.action == "weight":
        return replace(before, weight=request.weight)
    return replace(before, mode=Mode(request.action))


def _is_meant(place: Place, request: Request) -> bool:
    service, server = place
    if request.server not in (str(server), str(server.address)):
        return False
    wanted = request.service
    return wanted is None or wanted in (str(service), re.sub(r"^\w+ ", "", str(service)))


def _places(config: Config) -> dict[Place, None]:
    return {
        (service.key, server.key): None
        for service in config.virtual_services
        for server in service.real_servers
    }
