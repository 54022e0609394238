"""What `trimaran explain` prints: each thing that decides over a packet, in order."""

import socket
from collections.abc import Iterator

from trimaran.dataplane.base import Destination
from trimaran.dataplane.xdp.explain import Explanation, Way
from trimaran.model.service import Protocol, endpoint
from trimaran.views import decisions


def explanation_text(found: Explanation) -> str:
    """Lines of a heading and a sentence."""
    return "".join(f"{head + ':':12}{text}\n" for head, text in _lines(found))


def _lines(found: Explanation) -> Iterator[tuple[str, str]]:
    packet = found.packet
    client = endpoint(packet.client, packet.client_port)
    virtual = endpoint(packet.virtual, packet.virtual_port)
    yield "packet", f"{packet.protocol} {client} > {virtual}"
    if not found.held:
        yield "address", f"{packet.virtual} is not held by this director"
        yield "verdict", decisions.PASSED
        return
    yield "address", f"{packet.virtual} is held by this director"
    if found.service is None and found.flow is None:
        yield "service", "none on this address and port"
        yield "verdict", decisions.PASSED
        return
    if found.service is not None:
        count = f"{found.servers} real server" + ("s" if found.servers != 1 else "")
        yield "service", f"{found.service}, scheduler {found.scheduler}, {count}"
    yield "connection", _connection(found)
    if found.server is None or found.way is None:
        yield "verdict", _refused(found)
        return
    yield "server", _server(found, found.server)
    yield from _way(found.way)


def _connection(found: Explanation) -> str:
    if found.flow is not None:
        return f"{found.flow.state}, expires in {found.flow.expires:.0f} s"
    if found.packet.protocol is Protocol.TCP:
        return "none: a SYN is scheduled, any other segment is the kernel's"
    return "none: the packet is scheduled"


def _refused(found: Explanation) -> str:
    if found.unresolved:
        return decisions.UNRESOLVED
    return decisions.REFUSED


def _server(found: Explanation, server: Destination) -> str:
    return (
        f"{server.key} by {decisions.METHODS[server.forwarding]}, weight {server.weight}, "
        f"{found.active} active and {found.inactive} inactive connections"
    )


def _way(way: Way) -> Iterator[tuple[str, str]]:
    if not way.configured:
        yield "verdict", decisions.REMOVED
    elif way.local:
        yield "verdict", decisions.LOCAL
    elif way.mac is None:
        yield "verdict", "dropped: the server's MAC address is not known"
    else:
        try:
            interface = socket.if_indextoname(way.interface)
        except OSError:
            interface = f"interface {way.interface}, which is gone"
        yield "way", f"to {way.mac.hex(':')} by {interface}, MTU {way.mtu}"
        yield "verdict", decisions.FORWARDED
