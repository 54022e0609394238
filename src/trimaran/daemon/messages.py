"""What the processes of a director say to one another, over the steward's socket pairs.

One tagged, typed value a line (JSON). The steward is the middle of a star: children never
talk to each other, so any of them can die and come back without the others noticing.
"""

import msgspec

from trimaran.daemon.changes import Outcome, Wanted
from trimaran.daemon.news import News
from trimaran.dataplane.base import Service
from trimaran.model.address import VirtualAddress
from trimaran.model.bfd import BfdSession
from trimaran.model.ip import IPAddress
from trimaran.model.router import RouterKey, VirtualRouter
from trimaran.model.routing import NO_ROUTING, Routing
from trimaran.model.script import ScriptPolicy
from trimaran.model.service import ServerKey, ServiceKey, VirtualService
from trimaran.model.sync import Synchronisation
from trimaran.model.timeouts import NO_TIMEOUTS, Timeouts
from trimaran.model.tracking import Definition, Tracker
from trimaran.vrrp.notices import Happened


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""


# From the steward


class ConfigureSpeaker(Message, frozen=True):
    """The whole set of virtual routers to run.

    `resumed`: those that were master when the speaker before this one
    died, so short a time ago that no backup can have noticed. `maintenance`: none shall take part.
    `routing`: routes and rules besides those of virtual routers.
    """

    routers: tuple[VirtualRouter, ...]
    resumed: tuple[RouterKey, ...] = ()
    maintenance: bool = False
    routing: Routing = NO_ROUTING


class FailOver(Message, frozen=True):
    """The virtual router of this name shall hand over; `HandedOver` answers, if it is master."""

    name: str


class ConfigureChecker(Message, frozen=True):
    """The virtual services whose real servers are to be checked.

    `scripts`: whom the programs of checks run as.
    """

    services: News[VirtualService]
    scripts: ScriptPolicy = ScriptPolicy()


class ConfigureBfd(Message, frozen=True):
    """The whole set of BFD sessions to run."""

    sessions: tuple[BfdSession, ...]


class ConfigurePlane(Message, frozen=True):
    """The desired state of the dataplane, and the interfaces that clients come in by.

    `timeouts`: 0 for those that are to be as they were. `Applied` answers, with this number or
    that of a later one. `watched`: real servers whose connections are to be counted (`Remaining`).
    `beneath`: devices with virtual MAC addresses, and the interfaces that their packets come in by.
    """

    services: News[Service]
    interfaces: tuple[str, ...]
    timeouts: Timeouts = NO_TIMEOUTS
    synchronisation: Synchronisation | None = None
    number: int = 0
    watched: tuple[tuple[ServiceKey, ServerKey], ...] = ()
    beneath: dict[str, str] = {}


class HoldAddresses(Message, frozen=True):
    """The addresses about to be, or being, held by virtual routers (the whole set).

    The dataplane serves them from now on; `AddressesHeld` with the same number answers, so
    that no packet for a fresh VIP can meet a dataplane that does not know it yet. It serves those
    that are `expected` too, which may be held soon.
    """

    number: int
    addresses: tuple[VirtualAddress, ...]
    expected: tuple[VirtualAddress, ...] = ()


class Unserved(Message, frozen=True):
    """Interfaces that the dataplane cannot serve, and why: no virtual router may be master."""

    interfaces: dict[str, str]


class ConfigureTrackers(Message, frozen=True):
    """The whole set of trackers to look after. `scripts`: whom their programs run as."""

    trackers: tuple[Definition, ...]
    scripts: ScriptPolicy = ScriptPolicy()


class Change(Message, frozen=True):
    """Somebody's change to the dataplane; `Changed` with the same number answers."""

    number: int
    wanted: Wanted


class TellServers(Message, frozen=True):
    """Say how all real servers stand (`ServersStatus`), though nothing may have changed."""


class Stop(Message, frozen=True):
    """Leave the kernel as if this process had never run, then exit with status 0.

    `Stopping` answers at once.
    """


# From the children


class Ready(Message, frozen=True):
    """The process has set up what it needs and takes configurations."""


class Alive(Message, frozen=True):
    """A sign of life, once a second, from the child's own event loop."""


class Stopping(Message, frozen=True):
    """The process has heard that it shall stop, and is about it."""


class Log(Message, frozen=True):
    """A line for the log. Children never write it themselves: a full pipe would stop them."""

    level: int
    text: str


class RouterStatus(Message, frozen=True):
    """What a virtual router is doing. `since`: seconds since the epoch.

    `strangers`: who else uses its VRID on the segment, and what of its advertisements is strange.
    """

    name: str
    key: RouterKey
    state: str
    reason: str
    since: float
    priority: int
    master: IPAddress | None
    addresses: tuple[str, ...]
    transitions: int
    adverts_sent: int
    adverts_received: int
    discarded: dict[str, int]
    worst_lateness: int
    """Nanoseconds by which the latest advert ever was late."""
    strangers: dict[str, str] = {}


class RouterNews(Message, frozen=True):
    """Something that is to be told of a virtual router or a sync group, as soon as it happens."""

    happened: Happened


class HandedOver(Message, frozen=True):
    """A hand-over is over: this one is master now; None: nobody took over."""

    name: str
    successor: IPAddress | None


class RoutersStatus(Message, frozen=True):
    """All virtual routers of the speaker."""

    routers: tuple[RouterStatus, ...]


class SessionStatus(Message, frozen=True):
    """What a BFD session is doing. `up` None: not known yet. `since`: seconds since the epoch.

    Intervals in nanoseconds. `discarded`: packets that were invalid, by reason.
    """

    name: str
    neighbour: IPAddress
    state: str
    up: bool | None
    since: float
    reason: str
    transmit_interval: int
    detection_time: int
    sent: int
    received: int
    discarded: dict[str, int]


class SessionsStatus(Message, frozen=True):
    """All BFD sessions. `discarded`: packets that belong to none, by reason.

    The steward passes it on to those who depend on sessions, when one came up or went down.
    """

    sessions: tuple[SessionStatus, ...]
    discarded: dict[str, int] = {}


class HoldRequest(Message, frozen=True):
    """The speaker is about to hold, or has let go, so that these are all the addresses it holds.

    The steward notes them down (they must not outlive the speaker), makes the dataplane serve
    them and answers with `AddressesHeld`. `expected`: those of masters that are late, which it may
    add without asking again.
    """

    number: int
    addresses: tuple[VirtualAddress, ...]
    expected: tuple[VirtualAddress, ...] = ()


class AddressesHeld(Message, frozen=True):
    """The dataplane serves the addresses of the `HoldAddresses` with this number."""

    number: int


class Synchronised(Message, frozen=True):
    """What other directors know of connections is entered here, as far as they answer."""


class ServerStatus(Message, frozen=True):
    """What the checks say of one real server of one service. `up` None: not known yet.

    `weight`: what they say that it shall be instead of the configured one, if they do.
    `checked`: when the oldest of their last attempts ended, seconds since the epoch; 0: never.
    """

    service: ServiceKey
    server: ServerKey
    up: bool | None
    since: float
    reason: str
    weight: int | None = None
    checked: float = 0.0


class ServersStatus(Message, frozen=True):
    """What became of real servers of the checker. `gone`: those that it does not check any more;
    `whole`: there are no others."""

    servers: tuple[ServerStatus, ...]
    gone: tuple[tuple[ServiceKey, ServerKey], ...] = ()
    whole: bool = True


class TrackerReading(Message, frozen=True):
    """What is known of a tracker, since when (seconds since the epoch), and why."""

    tracker: Tracker
    value: bool | int | None
    since: float
    reason: str


class TrackerReadings(Message, frozen=True):
    """All trackers of the checker; the steward passes on to the speaker what it knows of them."""

    readings: tuple[TrackerReading, ...]


class PlaneStatus(Message, frozen=True):
    """What the dataplane process runs."""

    dataplane: str
    interfaces: dict[str, str]
    """Interface → attachment mode: native or generic."""
    unserved: dict[str, str] = {}
    """Interface → the reason why the dataplane is not attached to it."""


class Applied(Message, frozen=True):
    """The `ConfigurePlane` with this number is in force, but for what had to be `left_out`."""

    number: int
    left_out: tuple[str, ...] = ()


class ServerConnections(msgspec.Struct, frozen=True):
    """How many connections a real server has, active and inactive ones (ipvs-semantics 2.2)."""

    service: ServiceKey
    server: ServerKey
    connections: int


class Remaining(Message, frozen=True):
    """What the real servers have that are `watched`, once a second."""

    servers: tuple[ServerConnections, ...]


class Changed(Message, frozen=True):
    """What became of the `Change` with this number."""

    number: int
    outcome: Outcome


ToChild = (
    ConfigureSpeaker
    | FailOver
    | ConfigureChecker
    | ConfigureBfd
    | ConfigurePlane
    | SessionsStatus
    | HoldAddresses
    | Unserved
    | AddressesHeld
    | ConfigureTrackers
    | TrackerReadings
    | Change
    | TellServers
    | Stop
)
FromChild = (
    Ready
    | Alive
    | Stopping
    | Log
    | RoutersStatus
    | SessionsStatus
    | HandedOver
    | RouterNews
    | HoldRequest
    | AddressesHeld
    | Applied
    | Remaining
    | Changed
    | ServersStatus
    | TrackerReadings
    | PlaneStatus
    | Synchronised
)
