"""IPv6: persistence, synchronisation, and a table of connections that comes when it is needed."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv6Address

import pytest
from frames import ACK, SYN, VIP, Director, tcp
from frames6 import (
    CLIENT6,
    DNS6,
    HTTP6,
    VIP6,
    Director6,
    server6,
    tcp6,
    udp6,
)

from trimaran.dataplane.base import Behaviour, Destination, Persistence, Service, Settings
from trimaran.dataplane.steps import AddDestination, AddService
from trimaran.dataplane.xdp.capacity import NO_FLOWS, Capacity
from trimaran.dataplane.xdp.explain import Tuple, explained
from trimaran.dataplane.xdp.layout import Event
from trimaran.dataplane.xdp.loader import Loaded, load
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.model.service import Protocol, ServerKey, ServiceKey
from trimaran.sync.datagram import decode, encode
from trimaran.sync.record import Flag, Record

SMALL = Capacity(flows=1 << 12, services=64, destinations=256)


@pytest.fixture
def six(director: Director) -> Director6:
    return Director6(director)


@pytest.fixture
def other() -> Iterator[Director6]:
    """Another director, whose table of IPv6 is made with its first service."""
    plane = XdpDataplane(load(SMALL, print))
    yield Director6(Director(plane))
    plane.close(remove=True)


def persistent(bits: int, timeout: int = 300) -> Settings:
    return Settings("rr", persistence=Persistence(timeout, bits))


# Persistence


@pytest.mark.parametrize("bits", [1, 32, 48, 63, 64, 65, 100, 127, 128])
def test_clients_under_a_prefix_stay_together(six: Director6, bits: int) -> None:
    six.serve(101, 102, settings=persistent(bits))
    first = six.chosen(tcp6(SYN))
    inside = int(CLIENT6) ^ ((1 << 128 - bits) - 1)
    assert six.chosen(tcp6(SYN, source=str(IPv6Address(inside)))) == first
    assert six.chosen(tcp6(SYN, port=1)) == first
    outside = IPv6Address(int(CLIENT6) ^ 1 << 128 - bits)
    assert six.chosen(tcp6(SYN, source=str(outside))) != first
    templates = [flow for flow in six.director.flows() if flow.client_port == 0]
    mask = (1 << 128) - (1 << 128 - bits)
    assert {int(flow.client) for flow in templates} == {int(CLIENT6) & mask, int(outside) & mask}
    assert {flow.virtual for flow in templates} == {VIP6}


def test_a_template_is_assured_guarded_and_expires(six: Director6) -> None:
    six.serve(101, 102, settings=persistent(128, 60))
    six.send(tcp6(SYN))
    states = {flow.client_port: flow.state for flow in six.director.flows()}
    assert states == {0: "NONE", 20010: "SYN_RECV"}
    six.send(tcp6(ACK))
    states = {flow.client_port: flow.state for flow in six.director.flows()}
    assert states == {0: "ASSURED", 20010: "ESTABLISHED"}
    flows = six.plane.tables.flows6["flow"]
    of_templates = flows["transport"] >> 40 & 1 == 1
    tick = int(six.plane.tables.tick() + 32) & 0xFFFFFFFF
    flows["control"][of_templates] = flows["control"][of_templates] >> 32 << 32 | tick
    for _ in range(4):  # each looks after a quarter
        six.director.poll()
    (template,) = (flow for flow in six.director.flows() if flow.client_port == 0)
    assert 55 <= template.expires <= 62
    six.director.expire_all()
    six.director.poll()
    assert six.director.flows() == []
    assert not six.plane.tables.templates.any()


def test_quiescent_servers_templates(six: Director6) -> None:
    six.serve(101, 102, settings=persistent(64))
    assert six.chosen(tcp6(SYN)) == 102
    quiet = (Destination(server6(101)), Destination(server6(102), 0))
    six.plane.apply([Service(HTTP6, persistent(64), quiet)])
    assert six.chosen(tcp6(SYN, port=1)) == 102
    six.plane.set_behaviour(Behaviour(expire_quiescent_template=1))
    assert six.chosen(tcp6(SYN, port=2)) == 101


def test_all_ports_of_a_persistent_service(six: Director6) -> None:
    key = ServiceKey(Protocol.TCP, VIP6, 0)
    six.serve(101, 102, key=key, settings=persistent(128))
    assert {six.chosen(tcp6(SYN, to=port)) for port in (22, 80, 443)} == {102}
    assert {flow.virtual_port for flow in six.director.flows()} == {0, 22, 80, 443}


def test_one_packet(six: Director6) -> None:
    six.serve(101, 102, key=DNS6, settings=Settings("rr", one_packet=True))
    assert [six.chosen(udp6()) for _ in range(4)] == [102, 101, 102, 101]
    assert six.director.flows() == []


def test_thresholds(six: Director6) -> None:
    full = (Destination(server6(101)), Destination(server6(102), upper_threshold=1))
    six.plane.apply([Service(HTTP6, Settings("rr"), full)])
    assert [six.chosen(tcp6(SYN, port=port)) for port in (1, 2, 3)] == [102, 101, 101]


# Other directors


def tell(one: Director6, another: Director6) -> list[Record]:
    told = list(one.plane.changes())
    for datagram in encode(told, 7, 1452):
        another.plane.enter(decode(datagram, 7).records)
    return told


def test_connections_go_on_at_the_other_director(six: Director6, other: Director6) -> None:
    for one in (six, other):
        one.serve(101, 102, 103, settings=persistent(64))
    opened = {}
    for number in range(200):
        client = f"2001:db8:c:{number:x}::9"
        opened[client] = six.chosen(tcp6(SYN, source=client))
        six.send(tcp6(ACK, source=client))
    told = tell(six, other)
    assert len(told) == 400
    assert {record.virtual for record in told} == {VIP6}
    assert sum(bool(record.flags & Flag.TEMPLATE) for record in told) == 200
    assert {c: other.chosen(tcp6(ACK, source=c)) for c in opened} == opened
    assert {c: other.chosen(tcp6(SYN, source=c, port=7)) for c in opened} == opened
    assert tell(six, other) == []
    six.plane.tell_all_again()
    assert len(tell(six, other)) == 400


def test_both_versions_are_told(six: Director6, other: Director6) -> None:
    four = ServiceKey(Protocol.TCP, VIP, 80)
    for one in (six, other):
        one.plane.apply(
            [
                Service(four, Settings("rr"), (Destination(ServerKey(VIP + 91, 80)),)),
                Service(HTTP6, Settings("rr"), (Destination(server6(102)),)),
            ]
        )
    for frame in (tcp(SYN), tcp(ACK), tcp6(SYN), tcp6(ACK)):
        six.send(frame)
    tell(six, other)
    assert other.director.chosen(tcp(ACK)) == 101
    assert other.chosen(tcp6(ACK)) == 102


# The table


def test_the_table_comes_with_the_first_service_and_nothing_is_lost(other: Director6) -> None:
    four = ServiceKey(Protocol.TCP, VIP, 80)
    services = [Service(four, Settings("rr"), (Destination(ServerKey(VIP + 91, 80)),))]
    other.plane.apply(services)
    assert other.director.chosen(tcp(SYN)) == 101
    assert len(other.plane.tables.flows6) == 2 * NO_FLOWS
    services.append(Service(HTTP6, Settings("rr"), (Destination(server6(102)),)))
    line = next(line for line in other.plane.apply(services) if "room" in line)
    assert line.startswith("XDP dataplane: room for 4096 IPv6 connections")
    assert len(other.plane.tables.flows6) == 2 * 4096
    assert other.director.chosen(tcp(ACK)) == 101
    assert [other.chosen(tcp6(SYN, port=port)) for port in range(1000, 2000)] == [102] * 1000
    assert other.plane.events()[Event.HASHED] == 0
    assert len(other.director.flows()) == 1001
    other.director.poll()
    assert other.plane.apply(services) == []


def test_the_table_comes_with_a_service_by_hand(other: Director6) -> None:
    other.plane.execute(AddService(HTTP6, Settings("rr")))
    other.plane.execute(AddDestination(HTTP6, Destination(server6(101))))
    assert [other.chosen(tcp6(SYN, port=port)) for port in range(1000, 1100)] == [101] * 100
    assert other.plane.events()[Event.HASHED] == 0


def test_a_full_table_goes_on_by_hash(loaded: Loaded) -> None:
    plane = XdpDataplane(load(replace(SMALL, flows6=2 * NO_FLOWS), print))
    try:
        six = Director6(Director(plane))
        six.serve(101, 102, 103)
        for port in range(1000, 1400):
            assert six.chosen(tcp6(SYN, port=port)) in (101, 102, 103)
            six.send(tcp6(ACK, port=port))
        answers = {port: six.chosen(tcp6(ACK, port=port)) for port in range(1000, 1400)}
        assert set(answers.values()) == {101, 102, 103}
        assert {port: six.chosen(tcp6(ACK, port=port)) for port in answers} == answers
        assert plane.events()[Event.HASHED]
    finally:
        plane.close(remove=True)


def test_explain(six: Director6, loaded: Loaded) -> None:
    six.serve(101, 102)
    packet = Tuple(Protocol.TCP, CLIENT6, 20010, VIP6, 80)
    preview = loaded.programs.preview
    before = explained(six.plane.tables, preview, packet)
    assert (before.held, before.service, before.flow) == (True, HTTP6, None)
    assert before.server is not None
    assert server6(six.chosen(tcp6(SYN))) == before.server.key
    after = explained(six.plane.tables, preview, packet)
    assert after.flow is not None
    assert after.flow.state == "SYN_RECV"
    other = replace(packet, virtual=IPv6Address("2001:db8:1::99"))
    assert not explained(six.plane.tables, preview, other).held
