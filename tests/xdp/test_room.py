"""Full tables: what does not fit is left out, said once, and fitted in when there is room."""

from collections.abc import Iterator

import pytest
from frames import DNS, HTTP, SYN, Director, server, tcp

from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.loader import Loaded, load
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.dataplane.xdp.servers import TRASH_PERIOD
from trimaran.model.service import Protocol, ServiceKey

SERVICES, DESTINATIONS = 4, 6


@pytest.fixture(scope="module")
def tiny() -> Iterator[Loaded]:
    loaded = load(Capacity(flows=16, services=SERVICES, destinations=DESTINATIONS), print)
    yield loaded
    XdpDataplane(loaded).close(remove=True)


@pytest.fixture
def director(tiny: Loaded) -> Director:
    XdpDataplane(tiny).apply([])
    for memory in (tiny.tables.flows, tiny.tables.destinations, tiny.tables.loads):
        memory[...] = 0
    return Director(XdpDataplane(tiny))


def http(*lasts: int, weight: int = 1) -> Service:
    return Service(HTTP, Settings("rr"), tuple(Destination(server(last), weight) for last in lasts))


def on_port(port: int) -> Service:
    return Service(ServiceKey(Protocol.TCP, HTTP.address, port))


def served(director: Director) -> set[int]:
    return {int(d.destination.key.address) & 0xFF for d in director.service().destinations}


def no_room(last: int) -> str:
    return (
        f"{HTTP}: server {server(last)} left out: no room for another real server in the XDP "
        f"dataplane ({DESTINATIONS} in use)"
    )


def test_servers_that_do_not_fit_are_left_out_and_said_once(director: Director) -> None:
    desired = [http(*range(101, 109)), Service(DNS)]
    lines = director.plane.apply(desired)
    assert lines[-2:] == [no_room(107), no_room(108)]
    assert len([line for line in lines if "added" in line]) == 2 + DESTINATIONS
    assert served(director) == set(range(101, 107))
    assert director.service(DNS).destinations == ()
    assert director.plane.left_out() == (no_room(107), no_room(108))
    assert director.plane.apply(desired) == []
    assert director.chosen(tcp(SYN)) == 106
    fewer = [http(*range(102, 109))]
    assert f"{HTTP}: server {server(107)} added, weight 1" in director.plane.apply(fewer)
    assert served(director) == set(range(102, 108))
    assert director.plane.left_out() == (no_room(108),)


def test_services_that_do_not_fit_are_left_out_with_all_their_servers(director: Director) -> None:
    many = [on_port(port) for port in range(1, SERVICES + 1)]
    lines = director.plane.apply([*many, http(101)])
    left_out = f"{HTTP}: left out: no room for another service in the XDP dataplane (4 in use)"
    assert lines[SERVICES:] == [left_out]
    assert director.plane.apply([*many, http(101)]) == []
    director.plane.apply([*many[1:], http(101)])
    assert served(director) == {101}
    assert director.plane.left_out() == ()
    # Said again when it happens again.
    director.plane.apply(many)
    assert left_out in director.plane.apply([*many, http(101)])


def test_all_services_and_servers_are_exchanged_at_once(director: Director) -> None:
    director.plane.apply([on_port(port) for port in range(1, SERVICES + 1)])
    director.plane.apply([http(*range(101, 107)), *(on_port(port) for port in range(5, 8))])
    assert served(director) == set(range(101, 107))
    director.plane.apply([Service(DNS, Settings("rr"), http(*range(101, 107)).destinations)])
    assert len(director.service(DNS).destinations) == DESTINATIONS
    assert director.plane.left_out() == ()


def test_a_removed_server_keeps_its_place_while_it_has_connections(director: Director) -> None:
    director.plane.apply([http(*range(101, 107))])
    assert director.chosen(tcp(SYN)) == 106
    director.plane.apply([http(*range(101, 106))])
    desired = [http(*range(101, 106), 107)]
    assert director.plane.apply(desired) == [no_room(107)]
    director.expire_all()
    director.poll()
    assert len(director.plane.apply(desired)) == 1
    assert served(director) == {101, 102, 103, 104, 105, 107}


def test_the_oldest_in_the_trash_goes_first(director: Director) -> None:
    director.plane.apply([http(*range(101, 107))])
    director.plane.apply([http(101, 102, 103, 104, 106)])
    director.poll()
    director.plane.apply([http(102, 103, 104, 106)])
    director.poll(TRASH_PERIOD / 2e9)
    director.plane.apply([http(102, 103, 104, 106, 107)])
    addresses = director.plane.wanted_neighbours()
    assert server(101).address in addresses
    assert server(105).address not in addresses


def test_lists_may_be_rewritten_faster_than_they_settle(director: Director) -> None:
    for weight in range(1, 21):
        lines = director.plane.apply([http(*range(101, 107), weight=weight)])
        assert len(lines) == DESTINATIONS + (weight == 1)
    assert director.chosen(tcp(SYN)) == 106
    (_, *views) = director.service().destinations
    assert {view.destination.weight for view in views} == {20}


def test_a_change_whose_list_finds_no_place_is_taken_back(
    director: Director, monkeypatch: pytest.MonkeyPatch
) -> None:
    director.plane.apply([http(101)])
    with monkeypatch.context() as patch:
        patch.setattr(director.plane._editor._lists._members, "_free", [])
        patch.setattr(director.plane._editor._lists._members, "_released", [])
        desired = [http(101, 102), Service(DNS, Settings("rr"), http(103).destinations)]
        assert [line.split(" left out")[0] for line in director.plane.apply(desired)] == [
            f"{HTTP}: change",
            f"{DNS}: change",
        ]
    assert served(director) == {101}
    assert [view.key for view in director.plane.services()] == [HTTP]
    director.plane._editor._lists._members.release(1, 20)
    assert len(director.plane.apply(desired)) == 3
    assert served(director) == {101, 102}
