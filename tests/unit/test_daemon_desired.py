"""From configuration and check results to what the dataplane shall hold."""

from ipaddress import IPv4Address

from trimaran.daemon.desired import client_interfaces, desired_services
from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.model.address import VirtualAddress
from trimaran.model.config import Config
from trimaran.model.router import VirtualRouter
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    VirtualService,
)

VIP = IPv4Address("192.168.1.10")
KEY = ServiceKey(Protocol.TCP, VIP, 80)
ONE, TWO = (ServerKey(IPv4Address(f"192.168.1.20{n}"), 80) for n in (1, 2))
CONFIG = Config(
    virtual_routers=(
        VirtualRouter("ip1", "eth1", 1, addresses=(VirtualAddress(VIP, 24, "eth2"),)),
        VirtualRouter("ip2", "eth1", 2),
    ),
    virtual_services=(
        VirtualService(
            KEY, "rr", Forwarding.DIRECT_ROUTING, (RealServer(ONE, 3), RealServer(TWO, 1))
        ),
    ),
)


def test_a_server_of_which_nothing_is_known_is_not_in_service() -> None:
    assert desired_services(CONFIG, {}) == (Service(KEY, Settings("rr"), ()),)


def test_fit_servers_are_in_service_in_the_order_of_the_file() -> None:
    fitness = {(KEY, TWO): True, (KEY, ONE): True}
    assert desired_services(CONFIG, fitness) == (
        Service(KEY, Settings("rr"), (Destination(ONE, 3), Destination(TWO, 1))),
    )


def test_an_unfit_server_is_out_of_service() -> None:
    fitness = {(KEY, ONE): False, (KEY, TWO): True}
    assert desired_services(CONFIG, fitness)[0].destinations == (Destination(TWO, 1),)


def test_clients_come_in_by_the_interfaces_of_routers_and_of_their_addresses() -> None:
    assert client_interfaces(CONFIG) == ("eth1", "eth2")
