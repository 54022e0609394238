"""Hash schedulers: a director goes on with connections that another one opened."""

import random
from collections.abc import Iterator

import pytest
from frames import ACK, HTTP, PASS, RST, SYN, VIP, Director, server, tcp

from trimaran.dataplane.base import HASH_PORT, Destination, Service, Settings
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.loader import load
from trimaran.dataplane.xdp.plane import XdpDataplane

MAGLEV = Settings("mh", HASH_PORT)
PORTS = range(20000, 22000)


@pytest.fixture
def other() -> Iterator[Director]:
    """A second director, with tables of its own."""
    loaded = load(Capacity(flows=1 << 12, services=64, destinations=256), print)
    plane = XdpDataplane(loaded)
    yield Director(plane)
    plane.close(remove=True)


def serve(director: Director, *lasts: int, settings: Settings = MAGLEV) -> None:
    destinations = tuple(Destination(server(last)) for last in lasts)
    director.plane.apply([Service(HTTP, settings, destinations)])


def test_open_connections_stay_with_their_servers(director: Director, other: Director) -> None:
    for one in (director, other):
        serve(one, 101, 102, 103, 104, 105)
    opened = {port: director.chosen(tcp(SYN, port=port)) for port in PORTS}
    assert set(opened.values()) == {101, 102, 103, 104, 105}
    assert {port: other.chosen(tcp(ACK, port=port)) for port in PORTS} == opened
    assert {flow.state for flow in other.flows()} == {"ESTABLISHED"}


def test_only_the_necessary_share_moves_when_a_server_left(
    director: Director, other: Director
) -> None:
    serve(director, 101, 102, 103, 104, 105)
    serve(other, 101, 102, 104, 105)
    moved = kept = 0
    for port in PORTS:
        before = director.chosen(tcp(SYN, port=port))
        after = other.chosen(tcp(ACK, port=port))
        if before != 103:
            moved += before != after
            kept += before == after
    # Maglev moves a few of the others too (Eisenbud et al., section 5.3).
    assert moved < 0.05 * kept


@pytest.mark.parametrize("scheduler", ["mh", "sh", "dh"])
def test_tables_depend_on_the_configuration_not_on_its_history(
    director: Director, other: Director, scheduler: str
) -> None:
    settings = Settings(scheduler)
    serve(director, 101, 102, 103, 104, settings=settings)
    chance = random.Random(scheduler)
    for _ in range(20):
        serve(other, *sorted(chance.sample(range(101, 105), 2)), settings=settings)
    serve(other, 101, 102, 103, 104, settings=settings)
    clients = [f"10.1.{n}.{n % 7}" for n in range(200)]
    for client in clients:
        assert director.chosen(tcp(SYN, source=client)) == other.chosen(tcp(ACK, source=client))


def test_strays_are_the_kernels_when_nothing_was_taken_over_lately(director: Director) -> None:
    serve(director, 101, 102)
    director.plane.tables.live["takeover"] = 0
    assert director.send(tcp(ACK))[0] == PASS
    director.plane.set_held([])
    director.plane.set_held([VIP])
    assert director.send(tcp(RST | ACK))[0] == PASS
    assert director.chosen(tcp(ACK)) in (101, 102)


def test_strays_of_other_schedulers_are_always_the_kernels(director: Director) -> None:
    serve(director, 101, 102, settings=Settings("rr"))
    assert director.plane.tables.live["takeover"]
    assert director.send(tcp(ACK))[0] == PASS
