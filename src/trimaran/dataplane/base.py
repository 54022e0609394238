"""The one interface of every dataplane, and the values that cross it.

A dataplane is told the whole desired state (`apply`) and does the least that brings the kernel
there: nothing is flushed, connections survive, applying twice changes nothing. What the kernel
holds is read back as the views below, whose meaning is that of IPVS.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Protocol as TypingProtocol

from trimaran.model.ip import IPAddress
from trimaran.model.service import FALLBACK as FALLBACK
from trimaran.model.service import HASH_PORT as HASH_PORT
from trimaran.model.service import NO_FLAGS as NO_FLAGS
from trimaran.model.service import Forwarding, ServerKey, ServiceKey
from trimaran.model.service import Persistence as Persistence
from trimaran.model.service import SchedulerFlag as SchedulerFlag
from trimaran.model.service import Tunnel as Tunnel
from trimaran.model.service import TunnelChecksum as TunnelChecksum
from trimaran.model.service import TunnelType as TunnelType
from trimaran.model.timeouts import Timeouts as Timeouts


@dataclass(frozen=True, slots=True)
class Destination:
    """A real server that shall be in a service. Weight 0 is quiescent: no new connections.

    Thresholds are numbers of connections, active and inactive (ipvs-semantics 2.2): from the
    upper one on there are no new ones until they are fewer than the lower; 0 is none.
    `tunnel` matters only for `Forwarding.TUNNEL`.
    """

    key: ServerKey
    weight: int = 1
    forwarding: Forwarding = Forwarding.DIRECT_ROUTING
    upper_threshold: int = 0
    lower_threshold: int = 0
    tunnel: Tunnel = field(default=Tunnel())


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be edited about a virtual service."""

    scheduler: str = "rr"
    flags: SchedulerFlag = NO_FLAGS
    persistence: Persistence | None = None
    one_packet: bool = False
    persistence_engine: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A virtual service that shall be in the dataplane, destinations in order of adding."""

    key: ServiceKey
    settings: Settings = Settings()
    destinations: tuple[Destination, ...] = ()


@dataclass(frozen=True, slots=True)
class Counters:
    """What IPVS counts for a service, a destination and in all, since start or zeroing.

    `bytes` are IP total lengths. Rates are per second, smoothed as by the kernel's estimator
    (ipvs-semantics 5.2), already rounded for display.
    """

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class DestinationView:
    """A destination as the dataplane has it."""

    destination: Destination
    active_connections: int = 0
    inactive_connections: int = 0
    persistent_connections: int = 0
    counters: Counters = field(default=Counters())
    rates: Counters = field(default=Counters())


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service as the dataplane has it; destinations in list order (newest first, as IPVS)."""

    key: ServiceKey
    settings: Settings = Settings()
    destinations: tuple[DestinationView, ...] = ()
    counters: Counters = field(default=Counters())
    rates: Counters = field(default=Counters())


ALWAYS = 3
"""Of the sysctls that IPVS can also have on while memory is short (1 and 2): always."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """IPVS's sysctls net.ipv4.vs.* of these names, with their defaults (ipvs-semantics 4.11).

    All but `conn_reuse_mode` are off (0) or on. Any 32-bit number is accepted, as by the kernel.
    """

    conn_reuse_mode: int = 1
    """What a SYN of a connection that is over (bit 0), or in a one-way FIN_WAIT (bit 1) too, is:
    a new connection. 0: never."""
    expire_nodest_conn: int = 0
    """Connections whose real server was removed, or SYNs of those where it is quiescent, end."""
    expire_quiescent_template: int = 0
    """Persistent clients leave a server of weight 0."""
    sloppy_tcp: int = 0
    """Any TCP segment but RST may begin a connection."""
    secure_tcp: int = 0
    """TCP's stricter table of states; 0 or 3 (`ALWAYS`)."""
    drop_packet: int = 0
    """Of the packets that would begin a connection each `am_droprate`-th is dropped; 0 or 3."""
    am_droprate: int = 10
    drop_entry: int = 0
    """Half-open connections, and templates that nothing came of, are given up; 0 or 3."""


class TcpState(IntEnum):
    """Connection states of TCP in IPVS, numbered as on its sync wire (ipvs-semantics 1.3)."""

    NONE = 0
    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECV = 3
    FIN_WAIT = 4
    TIME_WAIT = 5
    CLOSE = 6
    CLOSE_WAIT = 7
    LAST_ACK = 8
    LISTEN = 9
    SYNACK = 10


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection entry, or a template of a persistent service.

    `protocol` and `state` are the names that ipvsadm prints; `expires` in seconds. `engine`:
    the persistence engine and its data (a Call-ID), if there is one.
    """

    protocol: str
    client: IPAddress
    client_port: int
    virtual: IPAddress
    virtual_port: int
    destination: ServerKey
    state: str
    expires: int
    engine: str = ""
    engine_data: str = ""


class SyncRole(StrEnum):
    """Which side of connection synchronisation; the values are ipvsadm's."""

    MASTER = "master"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class SyncDaemon:
    """A synchronisation daemon (ipvs-semantics 4.10). 0 or None: the dataplane's default."""

    role: SyncRole
    interface: str
    syncid: int = 0
    max_length: int = 0
    group: IPAddress | None = None
    port: int = 0
    ttl: int = 0


class View(TypingProtocol):
    """What can be read from a dataplane, by anyone with the right, without its daemon."""

    def services(self) -> Sequence[ServiceView]: ...
    def connections(self) -> Iterable[Connection]: ...
    def timeouts(self) -> Timeouts: ...
    def connection_table_size(self) -> int: ...
    def sync_daemons(self) -> Sequence[SyncDaemon]: ...


class Dataplane(View, TypingProtocol):
    """What the daemon does to a dataplane. Errors are `DataplaneError`."""

    def apply(self, services: Sequence[Service]) -> Sequence[str]:
        """Make the services so; return one line for each change made (for the log)."""
        ...

    def set_timeouts(self, timeouts: Timeouts) -> None: ...


class DataplaneError(Exception):
    """The kernel refused, or cannot do, what was asked. The text is for an operator.

    `log`: what the kernel said in detail, for whoever looks closer.
    """

    log: tuple[str, ...] = ()


class Refused(DataplaneError):
    """One change was refused for a reason that IPVS has a number for: `errno`, as in C."""

    def __init__(self, errno: int, text: str) -> None:
        super().__init__(text)
        self.errno = errno
