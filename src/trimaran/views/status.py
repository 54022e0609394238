"""`trimaran status` for people: what there is, what state it is in, since when, and why."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address

import msgspec

from trimaran.daemon.status import (
    Document,
    RouterDocument,
    ServerDocument,
    ServiceDocument,
    SessionDocument,
    TrackerDocument,
)
from trimaran.model.service import endpoint
from trimaran.model.tracking import TrackerKind
from trimaran.views.table import table

_SHOWN_ADDRESSES = 3


def from_json(text: bytes) -> Document:
    """Read a document back. Raises `msgspec.DecodeError` if it is none."""
    return msgspec.json.decode(text, type=Document)


def render_text(document: Document) -> str:
    """Tables of virtual routers, services with their servers, dataplane and processes."""
    sections = [["Maintenance: this director takes no part in elections."]] * document.maintenance
    sections += [
        _routers(document.virtual_routers, document.time),
        *([_trackers(document)] if document.trackers else []),
        _services(document.services, document.time),
        *([_sessions(document.bfd_sessions, document.time)] if document.bfd_sessions else ()),
        _machinery(document),
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _routers(routers: Sequence[RouterDocument], now: datetime) -> list[str]:
    if not routers:
        return ["No virtual routers."]
    titles = (
        "VIRTUAL ROUTER",
        "STATE",
        "FOR",
        "INTERFACE",
        "VRID",
        "PRIORITY",
        "MASTER",
        "ADDRESSES",
    )
    rows = [
        (
            router.name,
            router.state,
            _span(now - router.since),
            router.interface,
            str(router.vrid),
            str(router.priority),
            router.master or "-",
            _few(router.addresses),
        )
        for router in routers
    ]
    lines = table([titles, *rows], right=(4, 5))
    for router in routers:
        if router.state == "FAULT":
            lines.append(f"  {router.name}: {router.reason}")
        for stranger, complaint in router.strangers.items():
            lines.append(f"  {router.name}: {stranger} uses VRID {router.vrid} too: {complaint}")
        for reason, count in sorted(router.discarded.items()):
            lines.append(f"  {router.name}: {_count(count, 'advert')} discarded: {reason}")
    return lines


def _trackers(document: Document) -> list[str]:
    rows = [
        (
            f"{tracker.kind} {tracker.name}",
            _reading(tracker),
            _span(document.time - tracker.since) if tracker.since else "-",
            tracker.reason,
        )
        for tracker in document.trackers
    ]
    return table([("TRACKER", "STATE", "FOR", "WHY"), *rows])


def _reading(tracker: TrackerDocument) -> str:
    if tracker.value is None:
        return "unknown"
    if tracker.kind == TrackerKind.FILE:
        return str(int(tracker.value))
    return "well" if tracker.value else "NOT WELL"


def _services(services: Sequence[ServiceDocument], now: datetime) -> list[str]:
    if not services:
        return ["No virtual services."]
    rows: list[tuple[str, ...]] = [("SERVICE", "STATE", "FOR", "WEIGHT", "CHECKED", "WHY")]
    for service in services:
        up = sum(server.up is True for server in service.servers)
        rows.append(
            (
                _name(service),
                f"{up}/{len(service.servers)} up",
                "",
                "",
                "",
                f"{service.scheduler}, {service.forwarding}",
            )
        )
        if not service.quorate:
            instead = f"{service.sorry_server} answers" if service.sorry_server else ""
            rows.append(("  no quorum", "", "", "", "", instead))
        rows += [_server(server, now) for server in service.servers]
    return table(rows, right=(3,))


def _name(service: ServiceDocument) -> str:
    if service.mark:
        return f"FWM {service.mark}" + (" IPv6" if ":" in service.address else "")
    return f"{service.protocol} {endpoint(ip_address(service.address), service.port)}"


def _server(server: ServerDocument, now: datetime) -> tuple[str, ...]:
    return (
        f"  {endpoint(ip_address(server.address), server.port)}",
        {True: "up", False: "DOWN", None: "unknown"}[server.up],
        _span(now - server.since) if server.since else "-",
        str(server.weight),
        f"{_span(now - server.checked)} ago" if server.checked else "-",
        "; ".join(filter(None, (_order(server), server.reason))),
    )


def _sessions(sessions: Sequence[SessionDocument], now: datetime) -> list[str]:
    rows = [("BFD SESSION", "STATE", "FOR", "NEIGHBOUR", "SENDS EVERY", "DETECTS IN", "WHY")]
    rows += [
        (
            session.name,
            session.state,
            _span(now - session.since),
            session.neighbour,
            f"{session.transmit_interval_us / 1000:g} ms",
            f"{session.detection_time_us / 1000:g} ms" if session.detection_time_us else "-",
            session.reason,
        )
        for session in sessions
    ]
    lines = table(rows, right=(4, 5))
    for session in sessions:
        for reason, count in sorted(session.discarded.items()):
            lines.append(f"  {session.name}: {_count(count, 'packet')} discarded: {reason}")
    return lines


def _order(server: ServerDocument) -> str:
    if server.order is None:
        return ""
    if server.connections is None:
        return server.order
    return f"{server.order}, {_count(server.connections, 'connection')} left"


def _machinery(document: Document) -> list[str]:
    plane = document.dataplane
    attached = (f"{name} {how}" for name, how in sorted(plane.interfaces.items()))
    nowhere = "in the kernel" if plane.kind == "ipvs" else "not attached to any interface"
    rows: list[tuple[str, ...]] = [("PROCESS", "PID", "FOR", "RESTARTS")]
    rows += [
        (
            process.name,
            str(process.pid or "-"),
            _span(document.time - process.since) if process.since else "-",
            str(process.restarts),
        )
        for process in document.processes
    ]
    return [
        *table(rows, right=(1, 3)),
        "",
        f"Dataplane: {plane.kind}, {', '.join(attached) or nowhere}",
    ]


def _few(addresses: Sequence[str]) -> str:
    shown = ", ".join(addresses[:_SHOWN_ADDRESSES])
    hidden = len(addresses) - _SHOWN_ADDRESSES
    return f"{shown} and {hidden} more" if hidden > 0 else shown or "-"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _span(span: timedelta) -> str:
    """A length of time by its two greatest units: 45s, 3m20s, 4h02m, 3d04h."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m{seconds:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02}h"
