"""Thousands of services: what a change costs, and what is said when there is no memory."""

import errno
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from frames import SYN, TX, Director, server, tcp

from trimaran.dataplane.base import DataplaneError, Destination, Service, Settings
from trimaran.dataplane.xdp import libbpf, loader
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.loader import Loaded, load
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.model.service import Protocol, ServiceKey

SERVICES = 4000
FIRST_VIP = IPv4Address("10.1.0.0")


@pytest.fixture(scope="module")
def large() -> Iterator[Loaded]:
    loaded = load(Capacity(flows=1 << 10, services=1 << 13, destinations=1 << 15), print)
    yield loaded
    XdpDataplane(loaded).close(remove=True)


@pytest.fixture
def director(large: Loaded) -> Director:
    return Director(XdpDataplane(large))


def services(count: int) -> list[Service]:
    return [
        Service(
            ServiceKey(Protocol.TCP, FIRST_VIP + number // 100, 1000 + number % 100),
            Settings("wlc"),
            tuple(Destination(server(101 + (number + i) % 9)) for i in range(4)),
        )
        for number in range(count)
    ]


def cpu_seconds(work: Callable[[], object]) -> float:
    begin = time.thread_time()
    work()
    return time.thread_time() - begin


def test_a_change_costs_what_it_is_not_what_there_is(director: Director) -> None:
    wanted = services(SERVICES)
    director.plane.set_held({service.key.address for service in wanted})
    whole = cpu_seconds(lambda: director.plane.apply(wanted))
    assert director.plane.left_out() == ()
    first, *others = wanted[-1].destinations
    wanted[-1] = replace(wanted[-1], destinations=(replace(first, weight=5), *others))
    one = cpu_seconds(lambda: director.plane.apply(wanted))
    assert one < whole / 100
    assert director.service(wanted[-1].key).destinations[-1].destination.weight == 5
    nothing = cpu_seconds(lambda: director.plane.apply(services(SERVICES)))
    assert nothing < whole / 2  # equal, but other values: all of them are compared
    for service in (wanted[0], wanted[SERVICES // 2], wanted[-1]):
        frame = tcp(SYN, to=service.key.port, target=str(service.key.address))
        assert director.send(frame)[0] == TX


def test_what_is_removed_makes_room(director: Director) -> None:
    for _ in range(3):
        assert len(director.plane.apply(services(2 * SERVICES // 3))) > 0
        director.plane.apply([])
        director.poll()
    assert director.plane.services() == []
    assert director.plane.tables.live["services"] == 0


def test_no_memory_for_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Capacity(flows=1 << 20)
    monkeypatch.setattr(loader, "_available_bytes", lambda: 50 << 20)
    with pytest.raises(DataplaneError, match=r"1048576 connections.*need \d+ MiB.* has 50 MiB"):
        load(wanted, print)


def test_the_kernel_has_no_memory_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: libbpf.BpfObject) -> None:
        raise libbpf.BpfError("the kernel refused the XDP program", errno.ENOMEM)

    monkeypatch.setattr(libbpf.BpfObject, "load", refuse)
    with pytest.raises(DataplaneError, match=r"need \d+ MiB.*ask for less \(--connections\)"):
        load(Capacity(flows=16), print)


def test_memory_is_that_of_the_maps(large: Loaded) -> None:
    tables = large.tables
    mapped = (tables.flows, tables.services, tables.members, tables.destinations, tables.counters)
    least = sum(memory.nbytes for memory in mapped)
    assert least < large.memory < 4 * least
