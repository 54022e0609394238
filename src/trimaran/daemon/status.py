"""What a director is doing, as one document: the answer to `trimaran status`.

The steward collects what its children last said (`Status`); what goes out is a `Document`, whose
JSON is for programs and whose table (`trimaran.views.status`) is for people. Instants in it are
ISO 8601 in UTC.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from trimaran.daemon.encoding import encode
from trimaran.daemon.messages import (
    PlaneStatus,
    RouterStatus,
    ServerStatus,
    SessionStatus,
    TrackerReading,
)
from trimaran.health.administration import Leaving, Order, Place, administered, describe
from trimaran.health.weights import weighted
from trimaran.model.config import Config
from trimaran.model.service import RealServer, ServiceKey, VirtualService


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """A child of the steward. `pid` 0: it does not run; `since`: seconds since the epoch."""

    name: str
    pid: int
    since: float
    restarts: int


@dataclass(frozen=True, slots=True)
class Status:
    """What the steward knows: what is asked for, and what the children last said."""

    config: Config
    routers: tuple[RouterStatus, ...]
    servers: tuple[ServerStatus, ...]
    plane: PlaneStatus
    processes: tuple[ProcessStatus, ...]
    quorate: Mapping[ServiceKey, bool] = field(default_factory=dict)
    sessions: tuple[SessionStatus, ...] = ()
    maintenance: bool = False
    trackers: tuple[TrackerReading, ...] = ()
    orders: Mapping[Place, Order] = field(default_factory=dict)
    leaving: Mapping[Place, Leaving] = field(default_factory=dict)
    connections: Mapping[Place, int] = field(default_factory=dict)


class RouterDocument(msgspec.Struct, frozen=True):
    """A virtual router. `reason`: why it is in its state.

    `discarded`: adverts that were invalid, by reason. `strangers`: hosts on the segment that use
    its VRID otherwise than it is configured here, and how.
    """

    name: str
    interface: str
    vrid: int
    state: str
    reason: str
    since: datetime
    priority: int
    master: str | None
    addresses: tuple[str, ...]
    transitions: int
    adverts_sent: int
    adverts_received: int
    discarded: dict[str, int]
    worst_lateness_us: int
    """Microseconds by which the latest advert ever was late."""
    strangers: dict[str, str] = {}


class ServerDocument(msgspec.Struct, frozen=True):
    """A real server. `up` None and no `since`: nothing is known of it yet.

    `checked`: when the last attempt at its checks ended, the oldest of them if it has several.
    `weight`: the one in force, which checks may have changed, or an `order` of an operator:
    "draining", "disabled, weight 3". `connections`: how many it has, of one that drains.
    """

    address: str
    port: int
    weight: int
    up: bool | None
    since: datetime | None
    reason: str
    checked: datetime | None = None
    order: str | None = None
    connections: int | None = None


class ServiceDocument(msgspec.Struct, frozen=True):
    """A virtual service and its real servers, in the order of the file.

    With a firewall mark (not 0) the address only says which IP version is meant. `quorate`: enough
    of its servers are fit; if not, and there is one, `sorry_server` answers.
    """

    protocol: str
    address: str
    port: int
    scheduler: str
    forwarding: str
    servers: tuple[ServerDocument, ...]
    mark: int = 0
    quorate: bool = True
    sorry_server: str | None = None


class SessionDocument(msgspec.Struct, frozen=True):
    """A BFD session. `up` None: nothing is known yet; `detection_time_us` 0: nothing heard yet.

    `discarded`: packets that were invalid, by reason.
    """

    name: str
    neighbour: str
    state: str
    up: bool | None
    since: datetime
    reason: str
    transmit_interval_us: int
    detection_time_us: int
    packets_sent: int
    packets_received: int
    discarded: dict[str, int]


class TrackerDocument(msgspec.Struct, frozen=True):
    """A tracker that some virtual router uses. `value`: whether it is well, or a file's number;
    None and no `since`: nothing is known of it yet."""

    kind: str
    name: str
    value: bool | int | None
    since: datetime | None
    reason: str


class PlaneDocument(msgspec.Struct, frozen=True):
    """The dataplane, and how it is attached to each interface (or why it is not)."""

    kind: str
    interfaces: dict[str, str]


class ProcessDocument(msgspec.Struct, frozen=True):
    """A process of the daemon. `pid` None: it does not run at the moment."""

    name: str
    pid: int | None
    restarts: int
    since: datetime | None


class Document(msgspec.Struct, frozen=True):
    """Everything, at one moment. `maintenance`: an operator has taken this director out."""

    time: datetime
    virtual_routers: tuple[RouterDocument, ...]
    services: tuple[ServiceDocument, ...]
    dataplane: PlaneDocument
    processes: tuple[ProcessDocument, ...]
    bfd_sessions: tuple[SessionDocument, ...] = ()
    maintenance: bool = False
    trackers: tuple[TrackerDocument, ...] = ()


def document(status: Status, now: float) -> Document:
    """Write down a status. `now`: seconds since the epoch."""
    return Document(
        time=_instant(now),
        virtual_routers=tuple(_router(router) for router in status.routers),
        services=_services(status),
        dataplane=PlaneDocument(
            status.plane.dataplane, status.plane.unserved | status.plane.interfaces
        ),
        processes=tuple(_process(process) for process in status.processes),
        bfd_sessions=tuple(_session(session) for session in status.sessions),
        maintenance=status.maintenance,
        trackers=tuple(_trackers(status)),
    )


def render_json(status: Status, now: float | None = None) -> bytes:
    """The document of a status as one line of JSON; at this moment if no other is given."""
    moment = datetime.now(UTC).timestamp() if now is None else now
    return encode(document(status, moment))


def _router(router: RouterStatus) -> RouterDocument:
    return RouterDocument(
        name=router.name,
        interface=router.key.interface,
        vrid=router.key.vrid,
        state=router.state,
        reason=router.reason,
        since=_instant(router.since),
        priority=router.priority,
        master=None if router.master is None else str(router.master),
        addresses=router.addresses,
        transitions=router.transitions,
        adverts_sent=router.adverts_sent,
        adverts_received=router.adverts_received,
        discarded=router.discarded,
        worst_lateness_us=router.worst_lateness // 1000,
        strangers=router.strangers,
    )


def _trackers(status: Status) -> Iterator[TrackerDocument]:
    found = {reading.tracker: reading for reading in status.trackers}
    for tracker in (definition.tracker for definition in status.config.trackers):
        one = found.get(tracker)
        yield TrackerDocument(
            kind=tracker.kind.value,
            name=tracker.name,
            value=one.value if one else None,
            since=_instant(one.since) if one else None,
            reason=one.reason if one else "nothing is known yet",
        )


def _services(status: Status) -> tuple[ServiceDocument, ...]:
    said = {(server.service, server.server): server for server in status.servers}
    gone: dict[ServiceKey, list[ServerDocument]] = {}
    for place in status.leaving:
        gone.setdefault(place[0], []).append(_leaving(place, status))
    services = weighted(
        status.config.virtual_services,
        {place: one.weight for place, one in said.items() if one.weight is not None},
    )
    documents = []
    for service in administered(services, status.orders, {}):
        members = [
            _server(service, server, said.get((service.key, server.key)), status)
            for server in service.real_servers
        ]
        members += gone.get(service.key, ())
        documents.append(
            ServiceDocument(
                protocol=service.key.protocol.value,
                address=str(service.key.address),
                port=service.key.port,
                scheduler=service.scheduler,
                forwarding=service.forwarding.value,
                servers=tuple(members),
                mark=service.key.mark,
                quorate=status.quorate.get(service.key, True),
                sorry_server=str(service.sorry_server.key) if service.sorry_server else None,
            )
        )
    return tuple(documents)


def _server(
    service: VirtualService, server: RealServer, said: ServerStatus | None, status: Status
) -> ServerDocument:
    place = (service.key, server.key)
    unknown = "not checked: its address is not here" if service.ha_suspend else "not checked yet"
    order = status.orders.get(place)
    return ServerDocument(
        address=str(server.key.address),
        port=server.key.port,
        weight=server.weight,
        up=said.up if said else None,
        since=_instant(said.since) if said and said.up is not None else None,
        reason=said.reason if said else unknown,
        checked=_instant(said.checked) if said and said.checked else None,
        order=describe(order) if order else None,
        connections=status.connections.get(place),
    )


def _leaving(place: Place, status: Status) -> ServerDocument:
    return ServerDocument(
        address=str(place[1].address),
        port=place[1].port,
        weight=0,
        up=None,
        since=None,
        reason="removed by a reload",
        order="draining",
        connections=status.connections.get(place),
    )


def _session(session: SessionStatus) -> SessionDocument:
    return SessionDocument(
        name=session.name,
        neighbour=str(session.neighbour),
        state=session.state,
        up=session.up,
        since=_instant(session.since),
        reason=session.reason,
        transmit_interval_us=session.transmit_interval // 1000,
        detection_time_us=session.detection_time // 1000,
        packets_sent=session.sent,
        packets_received=session.received,
        discarded=session.discarded,
    )


def _process(process: ProcessStatus) -> ProcessDocument:
    return ProcessDocument(
        name=process.name,
        pid=process.pid or None,
        restarts=process.restarts,
        since=_instant(process.since) if process.since else None,
    )


def _instant(seconds: float) -> datetime:
    """To the millisecond, which is what a reader can use."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)
