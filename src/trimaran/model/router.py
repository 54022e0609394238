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
from trimaran.model.virtual_mac import VirtualMac


class InitialState(StrEnum):
    """`state MASTER|BACKUP`: how a virtual router starts; elections decide from then on."""

    MASTER = "MASTER"
    BACKUP = "BACKUP"


@dataclass(frozen=True, slots=True)
class Announcements:
    """When and how often a master announces its addresses (keepalived's `garp_...`).

    `repeat` times as it becomes master and again `delay` later; `lower_...`: when it has heard a
    lesser master, None: the same; `refresh_repeat` times every `refresh`, 0: never. `interval`:
    between packets.
    """

    repeat: int = 5
    delay: int = 5 * SECOND
    refresh: int = 0
    refresh_repeat: int = 1
    lower_repeat: int | None = None
    lower_delay: int | None = None
    interval: int = 0


@dataclass(frozen=True, slots=True)
class Manners:
    """How a virtual router deals with other masters.

    It leaves a lesser one alone for `preempt_delay`; `down_adverts` missing advertisements mean
    that one is gone. `answers_lower`: it tells a lesser one at once who is master; `last_word`: it
    advertises once more as it yields to a better one. `owner_alone`: an owner of the addresses
    ignores what others advertise.
    """

    preempt_delay: int = 0
    down_adverts: int = 3
    answers_lower: bool = True
    last_word: bool = False
    owner_alone: bool = False


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
    excluded: tuple[VirtualAddress, ...] = ()
    """Addresses that the master holds besides, of either IP version: no advertisement has them."""
    tracked: tuple[Track, ...] = ()
    track_primary: bool = True
    """Whether it is a FAULT that its own interface is down."""
    group: str | None = None
    """The sync group that it belongs to."""
    accept: bool = True
    """Whether a master that does not own the addresses takes packets to them."""
    notify: Notify = NOBODY
    routing: Routing = NO_ROUTING
    announcements: Announcements = Announcements()
    manners: Manners = Manners()
    virtual_mac: VirtualMac | None = None
    """None: addresses are on interfaces, and have their MAC addresses."""

    @property
    def held(self) -> tuple[VirtualAddress, ...]:
        """All that the master holds."""
        return (*self.addresses, *self.excluded)

    @property
    def key(self) -> RouterKey:
        return RouterKey(self.interface, self.transport.ipv6, self.vrid)
