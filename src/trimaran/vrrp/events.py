"""What happens to a virtual router. Besides these, `packet.Received` and `packet.Discarded`."""

from dataclasses import dataclass

from trimaran.model.ip import IPAddress
from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import Readings
from trimaran.vrrp.packet import Discarded, Received


@dataclass(frozen=True, slots=True)
class Started:
    """The virtual router shall take part from now on. What is known of interfaces comes first.

    `was_master`: an earlier life of this machine was master a moment ago, shorter than any
    backup's master-down interval. It goes on as master then.
    """

    was_master: bool = False


@dataclass(frozen=True, slots=True)
class InterfaceUp:
    """Its interface is up and has this primary address; also says that the address changed."""

    primary: IPAddress


@dataclass(frozen=True, slots=True)
class InterfaceDown:
    """Its interface is gone, down or without an address to send from; `reason` says which."""

    reason: str


@dataclass(frozen=True, slots=True)
class TrackersChanged:
    """This is known now of what it watches (`tracking.watched`); nothing of what is not named."""

    readings: Readings


@dataclass(frozen=True, slots=True)
class GroupFault:
    """Another member of its sync group is in FAULT, for this reason; None: none is any more."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class Promoted:
    """All members of its sync group are ready to be master: those that wait for it are now."""


@dataclass(frozen=True, slots=True)
class Demoted:
    """Its sync group cannot be master, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class TimerExpired:
    """The machine's deadline has come. Too early is harmless."""


@dataclass(frozen=True, slots=True)
class Suspended:
    """The host was suspended for so long (nanoseconds), and has heard nothing meanwhile."""

    duration: int


@dataclass(frozen=True, slots=True)
class AddressMissing:
    """Somebody else removed this virtual address from its device."""

    address: IPAddress


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The configuration has changed to this. Interface and VRID stay the same."""

    router: VirtualRouter


@dataclass(frozen=True, slots=True)
class Failover:
    """Another shall be master, if there is one, and stay so as long as it lives."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """From now on the virtual router shall take no part, or do so again."""

    on: bool


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The virtual router shall leave: a master hands over first, or goes at once."""

    hand_over: bool = False


Event = (
    Started
    | InterfaceUp
    | InterfaceDown
    | TrackersChanged
    | GroupFault
    | Promoted
    | Demoted
    | Received
    | Discarded
    | TimerExpired
    | Suspended
    | AddressMissing
    | Reconfigured
    | Failover
    | Maintenance
    | Shutdown
)
