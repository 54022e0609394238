"""Changes to the dataplane that ipvsadm asks the daemon for, as they travel to its plane."""

import errno
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from trimaran.daemon.encoding import decoder, encode
from trimaran.dataplane.base import DataplaneError, Refused, Timeouts
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    DeleteService,
    EditDestination,
    EditService,
    Operator,
    Step,
)
from trimaran.model.service import ServiceKey

_STEPS: Final[Mapping[str, msgspec.json.Decoder[Any]]] = {
    kind.__name__: decoder(kind)
    for kind in (
        *(AddService, EditService, DeleteService),
        *(AddDestination, EditDestination, DeleteDestination),
    )
}
COMMAND: Final = "change"
"""What a request to the control socket begins with, whose rest is a `Wanted`."""

_ZERO: Final = "Zero"
_FLUSH: Final = "Flush"
_TIMEOUTS: Final = "Timeouts"

_service = decoder(ServiceKey | None)
_timeouts = decoder(Timeouts)


class Wanted(msgspec.Struct, frozen=True):
    """A change: its kind, and what it is about, as JSON."""

    kind: str
    value: str


class Outcome(msgspec.Struct, frozen=True):
    """What became of it. `errno` 0: done."""

    errno: int = 0
    text: str = ""

    def check(self) -> None:
        """Raise `Refused` if it was not done."""
        if self.errno:
            raise Refused(self.errno, self.text)


def step(wanted: Step) -> Wanted:
    """To take a step."""
    return _wanted(type(wanted).__name__, wanted)


def zero(service: ServiceKey | None) -> Wanted:
    """To set counters to zero."""
    return _wanted(_ZERO, service)


def flush() -> Wanted:
    """To remove all services."""
    return _wanted(_FLUSH, None)


def set_timeouts(timeouts: Timeouts) -> Wanted:
    """To set the timeouts of connections."""
    return _wanted(_TIMEOUTS, timeouts)


def make(wanted: Wanted, operator: Operator) -> Outcome:
    """Make the change on a dataplane."""
    try:
        if wanted.kind in _STEPS:
            operator.execute(_STEPS[wanted.kind].decode(wanted.value))
        elif wanted.kind == _ZERO:
            operator.zero(_service.decode(wanted.value))
        elif wanted.kind == _FLUSH:
            operator.flush()
        elif wanted.kind == _TIMEOUTS:
            operator.set_timeouts(_timeouts.decode(wanted.value))
        else:
            return Outcome(errno.EOPNOTSUPP, f"the daemon knows no change {wanted.kind}")
    except msgspec.MsgspecError as error:
        return Outcome(errno.EINVAL, str(error))
    except Refused as refused:
        return Outcome(refused.errno, str(refused))
    except DataplaneError as error:
        return Outcome(errno.EIO, str(error))
    return Outcome()


def _wanted(kind: str, value: Any) -> Wanted:
    return Wanted(kind, encode(value).decode())
