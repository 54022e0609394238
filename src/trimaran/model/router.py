"""Virtual routers: what VRRP needs to know about one `vrrp_instance`."""

from dataclasses import dataclass
from enum import StrEnum

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import SECOND
from trimaran.model.notification import NOBODY, Notify
from trimaran.model.tracking import Track


class InitialState(StrEnum):
    """`state MASTER|BACKUP`: how a virtual router starts; elections decide from then on."""

    MASTER = "MASTER"
    BACKUP = "BACKUP"


@dataclass(frozen=True, slots=True)
class GratuitousArp:
    """How often a new master announces its addresses (keepalived's `garp_master_*`)."""

    repeat: int = 5
    delay: int = 5 * SECOND


@dataclass(frozen=True, slots=True)
class VirtualRouter:
    """One `vrrp_instance`. The VRID identifies it on its interface (RFC 9568, 5.2.3)."""

    name: str
    interface: str
    vrid: int
    priority: int = 100
    initial_state: InitialState = InitialState.BACKUP
    version: int = 2
    advertisement_interval: int = SECOND
    preempt: bool = True
    password: bytes | None = None
    addresses: tuple[VirtualAddress, ...] = ()
    tracked: tuple[Track, ...] = ()
    track_primary: bool = True
    """Whether it is a FAULT that its own interface is down."""
    group: str | None = None
    """The sync group that it belongs to."""
    notify: Notify = NOBODY
    gratuitous_arp: GratuitousArp = GratuitousArp()
