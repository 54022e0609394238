"""From configuration and check results to what the dataplane shall hold."""

from dataclasses import replace
from ipaddress import IPv4Address

from trimaran.daemon.desired import Fitness, checked_services, client_interfaces, desired_services
from trimaran.daemon.knowledge import Knowledge
from trimaran.daemon.messages import ServersStatus, ServerStatus
from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.model.address import VirtualAddress
from trimaran.model.config import Config
from trimaran.model.router import VirtualRouter
from trimaran.model.service import (
    HASH_PORT,
    Forwarding,
    Persistence,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    SorryServer,
    Tunnel,
    TunnelType,
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
    assert desired_services(CONFIG.virtual_services, {}) == (Service(KEY, Settings("rr"), ()),)


def test_fit_servers_are_in_service_in_the_order_of_the_file() -> None:
    fitness = {(KEY, TWO): True, (KEY, ONE): True}
    assert desired_services(CONFIG.virtual_services, fitness) == (
        Service(KEY, Settings("rr"), (Destination(ONE, 3), Destination(TWO, 1))),
    )


def test_an_unfit_server_is_out_of_service() -> None:
    fitness = {(KEY, ONE): False, (KEY, TWO): True}
    assert desired_services(CONFIG.virtual_services, fitness)[0].destinations == (
        Destination(TWO, 1),
    )


def test_clients_come_in_by_the_interfaces_of_routers_and_of_their_addresses() -> None:
    assert client_interfaces(CONFIG) == ("eth1", "eth2")


SORRY = SorryServer(ServerKey(IPv4Address("192.168.1.209"), 80))
UP = {(KEY, ONE): True, (KEY, TWO): True}


def one_service(*servers: RealServer, sorry: SorryServer | None = None) -> Config:
    service = VirtualService(KEY, "rr", Forwarding.DIRECT_ROUTING, servers, sorry_server=sorry)
    return Config(virtual_services=(service,))


def weights(config: Config, fitness: Fitness, *, quorate: bool = True) -> dict[ServerKey, int]:
    (service,) = desired_services(config.virtual_services, fitness, {KEY: quorate})
    return {destination.key: destination.weight for destination in service.destinations}


def test_an_inhibited_server_stays_with_weight_0() -> None:
    config = one_service(RealServer(ONE, 3, inhibit_on_failure=True), RealServer(TWO))
    assert weights(config, {}) == {ONE: 0}
    assert weights(config, UP) == {ONE: 3, TWO: 1}


def test_a_sorry_server_replaces_all_while_there_is_no_quorum() -> None:
    config = one_service(RealServer(ONE, 3, inhibit_on_failure=True), RealServer(TWO), sorry=SORRY)
    assert weights(config, UP) == {ONE: 3, TWO: 1}
    assert weights(config, UP, quorate=False) == {ONE: 0, SORRY.key: 1}
    inhibited = one_service(RealServer(TWO), sorry=replace(SORRY, inhibit=True))
    assert weights(inhibited, UP) == {TWO: 1, SORRY.key: 0}
    assert weights(inhibited, {}, quorate=False) == {SORRY.key: 1}


def test_without_a_sorry_server_the_fit_ones_stay() -> None:
    assert weights(one_service(RealServer(ONE), RealServer(TWO)), UP, quorate=False) == {
        ONE: 1,
        TWO: 1,
    }


def test_all_that_is_said_of_a_service_and_its_servers_comes_through() -> None:
    tunnel = Tunnel(TunnelType.GUE, 5555)
    server = RealServer(
        ONE, 3, forwarding=Forwarding.TUNNEL, tunnel=tunnel, upper_threshold=9, lower_threshold=2
    )
    service = VirtualService(
        KEY,
        "sh",
        Forwarding.MASQUERADING,
        (server,),
        flags=HASH_PORT,
        persistence=Persistence(50, 24),
        persistence_engine="sip",
        one_packet=True,
    )
    assert desired_services((service,), {(KEY, ONE): True}) == (
        Service(
            KEY,
            Settings("sh", HASH_PORT, Persistence(50, 24), True, "sip"),
            (Destination(ONE, 3, Forwarding.TUNNEL, 9, 2, tunnel),),
        ),
    )


def test_checks_with_ha_suspend_wait_for_their_address() -> None:
    (plain,) = CONFIG.virtual_services
    waiting = replace(plain, key=replace(KEY, port=443), ha_suspend=True)
    marked = replace(waiting, key=ServiceKey.marked(7))
    config = replace(CONFIG, virtual_services=(plain, waiting, marked))
    assert checked_services(config, ()) == (plain, marked)
    assert checked_services(config, {VIP}) == (plain, waiting, marked)

    knowledge = Knowledge(config)
    said = tuple(
        ServerStatus(service.key, server.key, True, 0, "connected")
        for service in (plain, marked)
        for server in service.real_servers
    )
    assert not knowledge.is_complete()
    knowledge.learn(ServersStatus(said))
    assert knowledge.is_complete(), "nobody waits for checks that are not made"
    desired, _ = knowledge.conclude()
    assert [len(service.destinations) for service in desired] == [2, 0, 2]
    assert KEY in knowledge.quorate
    assert waiting.key not in knowledge.quorate
