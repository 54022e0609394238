"""What `trimaran xdp trace` prints: a line for each decision, in the words of `explain`."""

import json
import time

from trimaran.dataplane.xdp.layout import Event
from trimaran.dataplane.xdp.trace import Decision, wall_time
from trimaran.model.service import endpoint
from trimaran.views import decisions
from trimaran.views.decisions import METHODS

_FLAGS = {2: "SYN", 1: "FIN", 4: "RST", 16: "ACK"}

_DROPS = {
    Event.UNRESOLVED: decisions.UNRESOLVED,
    Event.DESTINATION_REMOVED: decisions.REMOVED,
    Event.DEFENDED: "dropped: by drop_packet, one of am_droprate",
    Event.CHECKSUM_OFFLOADED: "dropped: its sender left the checksum to hardware",
    Event.MERGED: "dropped: merged by GRO, and no way out that splits it again",
    Event.CONTENTION: "dropped: other CPUs were at its connection every time",
    Event.ICMP_SUPPRESSED: "dropped: too many ICMP errors already",
}
_ANSWERS = {
    Event.NO_DESTINATION: decisions.REFUSED,
    Event.TTL_EXCEEDED: "answered with ICMP time exceeded",
    Event.TOO_BIG: "answered with ICMP: too big for the way to the server",
}


def decision_text(decision: Decision) -> str:
    """When, which packet, whose connection, which server, and what became of it."""
    parts = [_packet(decision), _connection(decision)]
    if decision.server is not None:
        method = METHODS[decision.server.forwarding]
        parts.append(f"server {decision.server.key} by {method}")
    parts.append(verdict(decision))
    at = wall_time(decision)
    clock = time.strftime("%H:%M:%S", time.localtime(at)) + f".{at % 1 * 1e6:06.0f}"
    skipped = f" ({decision.skipped} more before it)" if decision.skipped else ""
    return f"{clock} {'; '.join(parts)}{skipped}\n"


def decision_json(decision: Decision) -> str:
    """The same as a JSON document on a line of its own."""
    packet, server = decision.packet, decision.server
    return (
        json.dumps(
            {
                "time": round(wall_time(decision), 6),
                "protocol": packet.protocol.value,
                "client": str(packet.client),
                "client_port": packet.client_port,
                "virtual_address": str(packet.virtual),
                "virtual_port": packet.virtual_port,
                "flags": _flags(decision),
                "length": decision.length,
                "service": str(decision.service) if decision.service else None,
                "scheduler": decision.scheduler or None,
                "state_before": decision.before,
                "state": decision.after,
                "server": str(server.key) if server else None,
                "method": METHODS[server.forwarding] if server else None,
                "events": sorted(event.name for event in decision.events),
                "verdict": verdict(decision),
                "skipped": decision.skipped,
            }
        )
        + "\n"
    )


def verdict(decision: Decision) -> str:
    """What became of the packet."""
    if decision.passed:
        return decisions.LOCAL if decision.local else decisions.PASSED
    reasons = _DROPS if decision.dropped else _ANSWERS
    for event, text in reasons.items():
        if event in decision.events:
            return text
    if decision.dropped:
        return "dropped"
    return decisions.FORWARDED + (
        " by its hash: no room for an entry" if Event.HASHED in decision.events else ""
    )


def _packet(decision: Decision) -> str:
    packet = decision.packet
    flags = "".join(f" {flag}" for flag in _flags(decision))
    client = endpoint(packet.client, packet.client_port)
    virtual = endpoint(packet.virtual, packet.virtual_port)
    return f"{packet.protocol} {client} > {virtual}{flags} {decision.length} bytes"


def _flags(decision: Decision) -> list[str]:
    return [name for bit, name in _FLAGS.items() if decision.flags & bit]


def _connection(decision: Decision) -> str:
    if decision.before is None and decision.after is None:
        return "no connection" if decision.service else "no service, no connection"
    if decision.before is None:
        return f"new connection by {decision.scheduler}, {decision.after}"
    if decision.after in (None, decision.before):
        return f"connection in {decision.before}"
    return f"connection from {decision.before} to {decision.after}"
