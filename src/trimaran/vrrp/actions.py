"""What a machine asks to be done. To be carried out in the order given, which matters:

* A new master advertises first, so that other candidates stop their timers; then it adds the
  addresses; then it announces them, for an announcement of an absent address would draw
  traffic that nobody takes.
* A leaving master says so (priority 0) before it removes the addresses, and mostly long before:
  see `handover`.
* Reports come last: logging never delays the wire.

Adding what is there and removing what is not are no errors.
"""

from dataclasses import dataclass
from enum import StrEnum

from trimaran.model.address import VirtualAddress
from trimaran.model.ip import IPAddress
from trimaran.model.routing import Routing
from trimaran.vrrp.packet import Advertisement


class State(StrEnum):
    """States of a virtual router: RFC 9568, 6.4, and keepalived's FAULT and STOP."""

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    FAULT = "FAULT"
    STOP = "STOP"


@dataclass(frozen=True, slots=True)
class SendAdvertisement:
    """Send this advertisement from `source`, as `exchange.outgoing` makes datagrams of it.

    `sequence`: the number in its authentication header, if the virtual router uses one.
    """

    advertisement: Advertisement
    source: IPAddress
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class AddAddresses:
    """Put these addresses on their devices."""

    addresses: tuple[VirtualAddress, ...]


@dataclass(frozen=True, slots=True)
class RemoveAddresses:
    """Take these addresses off their devices.

    `succeeded`: another master is there. It has said so before it could serve, so it is as well
    to serve a moment longer: a client notices nothing then.
    """

    addresses: tuple[VirtualAddress, ...]
    succeeded: bool = False


@dataclass(frozen=True, slots=True)
class AddRouting:
    """Make these routes and rules, after the addresses that they need."""

    routing: Routing


@dataclass(frozen=True, slots=True)
class RemoveRouting:
    """Remove these routes and rules, before the addresses."""

    routing: Routing


@dataclass(frozen=True, slots=True)
class Announce:
    """Announce each of these addresses `repeat` times, from now on, `interval` between packets."""

    addresses: tuple[VirtualAddress, ...]
    repeat: int
    interval: int = 0


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The state changed, for the reason given: a line for the log."""

    old: State
    new: State
    reason: str


@dataclass(frozen=True, slots=True)
class PriorityChanged:
    """The effective priority changed: a line for the log."""

    old: int
    new: int
    reason: str


@dataclass(frozen=True, slots=True)
class LowerPriorityReceived:
    """This master has answered one of lower priority (`notify_master_rx_lower_pri`)."""


@dataclass(frozen=True, slots=True)
class HandoverEnded:
    """A hand-over is over: this one is master now; None: nobody took over."""

    successor: IPAddress | None


@dataclass(frozen=True, slots=True)
class Warn:
    """Something an operator should look at, said once per kind until reconfigured."""

    text: str


Action = (
    SendAdvertisement
    | AddAddresses
    | RemoveAddresses
    | AddRouting
    | RemoveRouting
    | Announce
    | StateChanged
    | PriorityChanged
    | LowerPriorityReceived
    | HandoverEnded
    | Warn
)

REPORTS = (StateChanged, PriorityChanged, LowerPriorityReceived, HandoverEnded, Warn)
"""The actions that only tell; they change nothing."""
