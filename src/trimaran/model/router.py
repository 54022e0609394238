"""Virtual routers: what VRRP needs to know about one `vrrp_instance`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import SECOND
from trimaran.model.notification import NOBODY, Notify
from trimaran.model.routing import NO_ROUTING, Routing
from trimaran.model.tracking import Track
from trimaran.model.transport import MULTICAST, Transport


class InitialState(StrEnum):
    """`state MASTER|BACKUP`: how a virtual router starts; elections decide from then on."""

    MASTER = "MASTER"
    BACKUP = "BACKUP"


@dataclass(frozen=True, slots=True)
class GratuitousArp:
    """How often a new master announces its addresses (keepalived's `garp_master_*`)."""

    repeat: int = 5
    delay: int = 5 * SECOND


class RouterKey(NamedTuple):
    """What identifies a virtual router on a director (RFC 9568, 5.2.3)."""

    interface: str
    ipv6: bool
    vrid: int


@dataclass(frozen=True, slots=True)
class VirtualRouter:
    """One `vrrp_instance`."""

    name: str
    interface: str
    vrid: int
    priority: int = 100
    initial_state: InitialState = InitialState.BACKUP
    version: int = 2
    advertisement_interval: int = SECOND
    preempt: bool = True
    password: bytes | None = None
    sealed: bool = False
    """Whether the password is proved by an authentication header (`auth_type AH`), not sent."""
    transport: Transport = MULTICAST
    addresses: tuple[VirtualAddress, ...] = ()
    tracked: tuple[Track, ...] = ()
    track_primary: bool = True
    """Whether it is a FAULT that its own interface is down."""
    group: str | None = None
    """The sync group that it belongs to."""
    accept: bool = True
    """Whether a master that does not own the addresses takes packets to them."""
    notify: Notify = NOBODY
    routing: Routing = NO_ROUTING
    gratuitous_arp: GratuitousArp = GratuitousArp()

    @property
    def key(self) -> RouterKey:
        return RouterKey(self.interface, self.transport.ipv6, self.vrid)
