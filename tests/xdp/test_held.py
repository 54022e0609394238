"""Ten thousand services, each of a virtual address of its own, and addresses without room."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest
from frames import PASS, SYN, TX, VIP, Director, server, tcp
from frames6 import Director6, server6, tcp6

from trimaran.dataplane.base import DataplaneError, Destination, Service, Settings
from trimaran.dataplane.xdp.addresses import native
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.layout import HELD_SLOTS
from trimaran.dataplane.xdp.loader import Loaded, load
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.model.ip import IPAddress
from trimaran.model.service import Protocol, ServerKey, ServiceKey

EACH = 10_000
"""Of either version of IP."""
VIPS = [IPv4Address("10.1.0.0") + number for number in range(EACH)]
VIPS6 = [IPv6Address("2001:db8:2::") + number for number in range(EACH)]


@pytest.fixture(scope="module")
def loaded() -> Iterator[Loaded]:
    room = Capacity(1 << 15, services=1 << 15, destinations=1 << 15, flows6=1 << 15)
    loaded = load(room, print)
    yield loaded
    XdpDataplane(loaded).close(remove=True)


@pytest.fixture
def director(loaded: Loaded) -> Iterator[Director]:
    director = Director(XdpDataplane(loaded))
    yield director
    director.plane.set_held([])
    director.plane.apply([])


def service(address: IPAddress, *servers: ServerKey) -> Service:
    key = ServiceKey(Protocol.TCP, address, 80)
    return Service(key, Settings("rr"), tuple(map(Destination, servers)))


def test_each_is_served_and_none_when_it_is_gone(director: Director) -> None:
    six = Director6(director)
    director.plane.apply(
        [
            *(service(vip, server(101 + n % 9)) for n, vip in enumerate(VIPS)),
            *(service(vip, server6(101 + n % 9)) for n, vip in enumerate(VIPS6)),
        ]
    )
    assert director.plane.left_out() == ()
    director.plane.set_held([*VIPS, *VIPS6])
    for number, (vip, vip6) in enumerate(zip(VIPS, VIPS6, strict=True)):
        assert director.chosen(tcp(SYN, target=str(vip))) == 101 + number % 9
        assert six.chosen(tcp6(SYN, target=str(vip6))) == 101 + number % 9
    director.plane.set_held([*VIPS[::2], *VIPS6[::2]])
    for number, (vip, vip6) in enumerate(zip(VIPS[:200], VIPS6[:200], strict=True)):
        verdict = PASS if number % 2 else TX
        assert director.send(tcp(SYN, target=str(vip)))[0] == verdict
        assert director.send(tcp6(SYN, target=str(vip6)))[0] == verdict
    director.plane.set_held([])
    assert not director.plane.tables.live["held"].any()
    assert not director.plane.tables.live["held6"].any()


def same_row(count: int) -> list[IPv4Address]:
    """Addresses of one row of the program's table."""
    found = (
        address
        for address in map(IPv4Address, range(int(VIPS[0]), 1 << 32, 257))
        if (native(address) * 0x9E3779B1 & 0xFFFFFFFF) >> 19 == 5
    )
    return [next(found) for _ in range(count)]


def test_what_has_no_room_is_named_and_all_else_is_served(director: Director) -> None:
    crowd = same_row(HELD_SLOTS + 1)
    director.plane.apply([service(vip, server(101)) for vip in (*crowd, VIP)])
    with pytest.raises(DataplaneError, match=r"^[\d.]+: not served: too many virtual addresses"):
        director.plane.set_held([*crowd, VIP])
    served = [vip for vip in (*crowd, VIP) if director.chosen(tcp(SYN, target=str(vip))) == 101]
    assert len(served) == HELD_SLOTS + 1
    assert VIP in served
    # One goes: there is room for the last one, in the same step.
    director.plane.set_held([*crowd[1:], VIP])
    assert all(director.chosen(tcp(SYN, target=str(vip))) == 101 for vip in crowd[1:])
    assert director.send(tcp(SYN, target=str(crowd[0])))[0] == PASS
