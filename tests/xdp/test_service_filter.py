"""The filter that spares packets of no service the look for a connection: it hides none."""

from ipaddress import ip_address

import pytest
from frames import ACK, DNS, DROP, HTTP, PASS, SYN, VIP, Director, server, tcp, udp
from frames6 import HTTP6, VIP6, Director6, server6, tcp6

from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.dataplane.xdp.layout import Event
from trimaran.dataplane.xdp.loader import Loaded
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.model.service import Persistence, Protocol, ServiceKey

PORTS = range(2000, 2600)
"""Of clients: more connections than the near buckets of the tests' tables have slots."""
NAMES = Service(DNS, Settings("rr"), (Destination(server(102)),))
"""So that the director has a service left when another is removed."""


def http(key: ServiceKey = HTTP) -> Service:
    to = server(101) if key.address.version == 4 else server6(101)
    return Service(key, Settings("rr"), (Destination(to),))


def bits(director: Director) -> int:
    words = director.plane.tables.live["service_filter"].tolist()
    return sum(word.bit_count() for word in words)


def test_connections_of_a_removed_service_are_still_found(director: Director) -> None:
    director.plane.apply([http(), NAMES])
    for port in PORTS:
        assert director.chosen(tcp(SYN, port=port)) == 101
    director.plane.apply([NAMES])
    for port in PORTS:
        assert director.send(tcp(ACK, port=port))[0] == DROP
    assert director.plane.events()[Event.DESTINATION_REMOVED] == len(PORTS)


def test_with_ipv6_too(director: Director) -> None:
    six = Director6(director)
    director.plane.apply([http(HTTP6), NAMES])
    for port in PORTS:
        assert six.chosen(tcp6(SYN, port=port)) == 101
    director.plane.apply([NAMES])
    for port in PORTS:
        assert director.send(tcp6(ACK, port=port))[0] == DROP
    assert director.send(tcp6(ACK, to=22))[0] == PASS


def test_those_of_a_removed_service_of_all_ports(director: Director) -> None:
    settings = Settings("rr", persistence=Persistence(300, 0xFFFFFFFF))
    every = Service(ServiceKey(Protocol.TCP, VIP, 0), settings, (Destination(server(101, 0)),))
    director.plane.apply([every, NAMES])
    for to in PORTS:
        assert director.chosen(tcp(SYN, to=to)) == 101
    director.plane.apply([NAMES])
    for to in PORTS:
        assert director.send(tcp(ACK, to=to))[0] == DROP


def test_and_by_the_next_owner_of_the_tables(director: Director, loaded: Loaded) -> None:
    director.plane.apply([http(), NAMES])
    for port in PORTS:
        director.send(tcp(SYN, port=port))
    director.plane.apply([NAMES])
    successor = Director(XdpDataplane(loaded))
    for port in PORTS:
        assert successor.send(tcp(ACK, port=port))[0] == DROP


def test_it_has_a_bit_a_service_and_no_more(director: Director) -> None:
    assert bits(director) == 0
    director.plane.apply([http(), NAMES])
    assert bits(director) == 2
    director.plane.apply([])
    assert bits(director) == 2
    director.plane.apply([http()])
    assert bits(director) == 2
    assert director.chosen(tcp(SYN)) == 101


@pytest.mark.parametrize("address", [VIP, VIP6, ip_address("10.255.0.1")])
def test_what_has_no_service_is_the_kernels_until_it_has_one(
    director: Director, address: object
) -> None:
    held = ip_address(str(address))
    six = Director6(director)
    director.plane.set_held([held])
    key = ServiceKey(Protocol.TCP, held, 8080)
    frame = (tcp6 if held.version == 6 else tcp)(SYN, to=8080, target=str(held))
    assert director.send(frame)[0] == PASS
    director.plane.apply([http(key)])
    assert (six if held.version == 6 else director).chosen(frame) == 101
    other = (tcp6 if held.version == 6 else tcp)(SYN, to=8081, target=str(held))
    assert director.send(other)[0] == PASS
    assert director.send(udp(to=8080))[0] == PASS
