"""What directors tell each other of their connections, through IPVS's datagrams."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from frames import ACK, DNS, FIN, HTTP, SYN, Director, server, tcp, udp

from trimaran.dataplane.base import Destination, Persistence, Service, Settings
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.loader import load
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.model.service import Protocol, ServiceKey
from trimaran.sync.datagram import decode, encode
from trimaran.sync.record import Flag, Record

PORTS = range(20000, 20500)


@pytest.fixture
def other() -> Iterator[Director]:
    loaded = load(Capacity(flows=1 << 12, services=64, destinations=256), print)
    plane = XdpDataplane(loaded)
    yield Director(plane)
    plane.close(remove=True)


def serve(director: Director, *lasts: int) -> None:
    director.plane.apply(
        [
            Service(key, Settings("rr"), tuple(Destination(server(n, key.port)) for n in lasts))
            for key in (HTTP, DNS)
        ]
    )


def tell(one: Director, another: Director) -> list[Record]:
    """One second's worth of synchronisation; what was told."""
    told = list(one.plane.changes())
    for datagram in encode(told, 7, 1472):
        another.plane.enter(decode(datagram, 7).records)
    return told


def open_all(director: Director) -> dict[int, int]:
    servers = {}
    for port in PORTS:
        servers[port] = director.chosen(tcp(SYN, port=port))
        director.send(tcp(ACK, port=port))
    return servers


def test_connections_go_on_at_the_other_director(director: Director, other: Director) -> None:
    for one in (director, other):
        serve(one, 101, 102, 103)
    opened = open_all(director)
    assert len(tell(director, other)) == len(PORTS)
    assert {port: other.chosen(tcp(ACK, port=port)) for port in PORTS} == opened
    for last in (101, 102, 103):
        assert other.counts(last) == director.counts(last)
    assert other.service().counters.connections == 0  # they were not scheduled here
    shown = {(c.client_port, c.state, c.destination) for c in director.flows()}
    assert {(c.client_port, c.state, c.destination) for c in other.flows()} == shown


def test_only_what_changed_is_told_again(director: Director, other: Director) -> None:
    for one in (director, other):
        serve(one, 101)
    open_all(director)
    tell(director, other)
    assert tell(director, other) == []
    director.send(tcp(ACK, port=20000))  # an expiry that moves by moments is no news
    director.send(tcp(FIN | ACK, port=20001))
    (told,) = tell(director, other)
    assert (told.client_port, told.state, told.timeout) == (20001, 4, 120)
    assert told.flags == Flag.DIRECT_ROUTING | Flag.NO_OUTPUT | Flag.INACTIVE
    assert other.counts(101) == (len(PORTS) - 1, 1)
    flows = director.plane.tables.flows
    flows["control"][flows["control"] != 0] += 113 * 16  # an eighth of 900 s, and more
    assert len(tell(director, other)) == len(PORTS)
    director.plane.tell_all_again()
    assert len(tell(director, other)) == len(PORTS)


def test_half_open_connections_are_not_told(director: Director, other: Director) -> None:
    serve(director, 101)
    director.send(tcp(SYN))
    assert tell(director, other) == []
    director.send(udp())
    (told,) = tell(director, other)
    assert (told.protocol, told.state, told.timeout) == (17, 0, 300)


def test_what_is_not_configured_here_is_left_out(director: Director, other: Director) -> None:
    serve(director, 101, 102)
    serve(other, 102)
    open_all(director)
    tell(director, other)
    assert {flow.destination for flow in other.flows()} == {server(102)}


def test_an_active_record_moves_a_connection_an_inactive_one_does_not(
    director: Director, other: Director
) -> None:
    serve(director, 101)
    serve(other, 101, 102)
    director.send(tcp(SYN))
    director.send(tcp(FIN | ACK))
    assert other.chosen(tcp(SYN)) == 102
    tell(director, other)
    assert other.chosen(tcp(ACK)) == 102
    director.send(tcp(SYN))
    director.send(tcp(ACK))
    tell(director, other)
    assert other.chosen(tcp(ACK)) == 101
    assert other.counts(101) == (1, 0)
    assert other.counts(102) == (0, 0)


def test_a_full_table_takes_no_newcomer(other: Director) -> None:
    director = other
    serve(director, 101)
    record = Record(
        protocol=6,
        flags=Flag.DIRECT_ROUTING,
        state=1,
        client=server(1).address,
        client_port=1,
        virtual=HTTP.address,
        virtual_port=80,
        server=server(101).address,
        server_port=80,
        timeout=900,
    )
    many = [replace(record, client_port=port) for port in range(1, 20001)]
    entered = director.plane.enter(many)
    assert 4000 < entered < 8193
    assert director.counts(101) == (entered, 0)


def test_templates_are_told_and_followed(director: Director, other: Director) -> None:
    """As the golden master's: flags 0x1183 for direct routing, the timeout that is stored."""
    settings = Settings("rr", persistence=Persistence(200, 0xFFFFFF00))
    for one in (director, other):
        destinations = tuple(Destination(server(n)) for n in (101, 102))
        one.plane.apply([Service(HTTP, settings, destinations)])
    assert director.chosen(tcp(SYN, source="10.0.0.77")) == 102
    (told,) = tell(director, other)
    assert (told.flags, told.state, told.timeout) == (Flag(0x1183), 0, 200)
    assert (str(told.client), told.client_port, told.server_port) == ("10.0.0.0", 0, 80)
    assert tell(director, other) == []
    director.send(tcp(ACK, source="10.0.0.77"))
    assert {record.state for record in tell(director, other)} == {1}
    assert [f.state for f in other.flows()].count("ASSURED") == 1
    assert other.service().destinations[0].persistent_connections == 1
    for number in range(4):
        assert other.chosen(tcp(SYN, source=f"10.0.0.{number}")) == 102
    assert other.chosen(tcp(SYN, source="10.0.1.1")) == 102  # its own first turn


def test_all_ports_are_told(director: Director, other: Director) -> None:
    key = ServiceKey(Protocol.TCP, HTTP.address, 0)
    settings = Settings("rr", persistence=Persistence(200, 0xFFFFFFFF))
    for one in (director, other):
        destinations = (Destination(server(101, 0)), Destination(server(102, 0)))
        one.plane.apply([Service(key, settings, destinations)])
    for flags in (SYN, ACK):
        assert director.chosen(tcp(flags, to=22)) == 102
    told = tell(director, other)
    assert {(r.virtual_port, r.server_port) for r in told} == {(0, 0), (22, 22)}
    shown = {(c.client_port, c.virtual_port, c.state, c.destination) for c in director.flows()}
    assert shown == {(c.client_port, c.virtual_port, c.state, c.destination) for c in other.flows()}
    assert other.chosen(tcp(ACK, to=22)) == 102
    assert other.chosen(tcp(SYN, to=23)) == 102
