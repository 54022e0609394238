"""The one interface of every dataplane, and the values that cross it.

A dataplane is told the whole desired state (`apply`) and does the least that brings the kernel
there: nothing is flushed, connections survive, applying twice changes nothing. What the kernel
holds is read back as the views below, whose meaning is that of IPVS.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Protocol as TypingProtocol

from trimaran.model.service import Forwarding, ServerKey, ServiceKey


@dataclass(frozen=True, slots=True)
class Destination:
    """A real server that shall be in a service. Weight 0 is quiescent: no new connections."""

    key: ServerKey
    weight: int = 1
    forwarding: Forwarding = Forwarding.DIRECT_ROUTING


@dataclass(frozen=True, slots=True)
class Service:
    """A virtual service that shall be in the dataplane, destinations in order of adding."""

    key: ServiceKey
    scheduler: str = "rr"
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
    counters: Counters = field(default=Counters())
    rates: Counters = field(default=Counters())


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service as the dataplane has it; destinations in list order (newest first, as IPVS)."""

    key: ServiceKey
    scheduler: str
    destinations: tuple[DestinationView, ...] = ()
    counters: Counters = field(default=Counters())
    rates: Counters = field(default=Counters())


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
    """One connection entry. `state` is the name that ipvsadm prints; `expires` in seconds."""

    service: ServiceKey
    client: IPv4Address
    client_port: int
    destination: ServerKey
    state: str
    expires: int


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The three timeouts that `ipvsadm --set` changes, in seconds."""

    tcp: int = 900
    tcp_fin: int = 120
    udp: int = 300


class View(TypingProtocol):
    """What can be read from a dataplane, by anyone with the right, without its daemon."""

    def services(self) -> Sequence[ServiceView]: ...
    def connections(self) -> Sequence[Connection]: ...
    def timeouts(self) -> Timeouts: ...
    def connection_table_size(self) -> int: ...


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
