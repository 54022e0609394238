"""What files mean: the model that comes out."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from trimaran.conf import load
from trimaran.model.address import VirtualAddress
from trimaran.model.check import CheckTiming, TcpCheck
from trimaran.model.config import Config
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import Announcements, InitialState, VirtualRouter
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    VirtualService,
)
from trimaran.model.tracking import interface

EXAMPLES = Path(__file__).parents[2] / "examples"
VIP = IPv4Address("192.168.1.10")


def config(text: str, warnings: int = 0) -> Config:
    result = load(text.encode(), "f")
    assert result.config is not None, [str(d) for d in result.diagnostics]
    assert len(result.diagnostics) == warnings
    return result.config


def router(inside: str, warnings: int = 0, before: str = "") -> VirtualRouter:
    text = f"{before}vrrp_instance x {{\n interface eth0\n virtual_router_id 7\n {inside}\n"
    text += " virtual_ipaddress { 192.168.1.10/24 }\n}\n"
    (only,) = config(text, warnings).virtual_routers
    return only


def service(inside: str, warnings: int = 0) -> VirtualService:
    text = "virtual_server 192.168.1.10 80 {\n lb_algo rr\n lb_kind DR\n protocol tcp\n"
    (only,) = config(f"{text} {inside}\n}}\n", warnings).virtual_services
    return only


def real_server(last_octet: int) -> RealServer:
    address = IPv4Address(f"192.168.1.{last_octet}")
    check = TcpCheck(
        address=address,
        port=80,
        bind_address=None,
        connect_timeout=2 * SECOND,
        timing=CheckTiming(delay_loop=5 * SECOND, retry=1, delay_before_retry=1 * SECOND, warmup=0),
    )
    return RealServer(ServerKey(address, 80), weight=1, checks=(check,))


@pytest.mark.parametrize(
    ("director", "state", "priority"),
    [("lb1", InitialState.MASTER, 100), ("lb2", InitialState.BACKUP, 50)],
)
def test_examples(director: str, state: InitialState, priority: int) -> None:
    path = EXAMPLES / director / "keepalived.conf"
    assert config(path.read_text()) == Config(
        router_id=None,
        virtual_routers=(
            VirtualRouter(
                name="ip1",
                interface="eth1",
                vrid=1,
                priority=priority,
                initial_state=state,
                version=2,
                advertisement_interval=1 * SECOND,
                preempt=True,
                password=None,
                addresses=(VirtualAddress(VIP, 24, "eth1", "eth1:10"),),
                tracked=(),
                announcements=Announcements(repeat=5, delay=5 * SECOND),
            ),
        ),
        virtual_services=(
            VirtualService(
                key=ServiceKey(Protocol.TCP, VIP, 80),
                scheduler="rr",
                forwarding=Forwarding.DIRECT_ROUTING,
                real_servers=(real_server(201), real_server(202)),
            ),
        ),
    )


def test_defaults_of_a_virtual_router_are_the_models() -> None:
    assert router("") == VirtualRouter(
        name="x", interface="eth0", vrid=7, addresses=(VirtualAddress(VIP, 24, "eth0"),)
    )


def test_everything_of_a_virtual_router() -> None:
    got = router(
        """state BACKUP
        priority 50
        advert_int 0.25
        version 3
        nopreempt
        garp_master_delay 0
        garp_master_repeat 1
        track_interface {
          eth1
          eth2 weight -20
        }""",
        warnings=1,  # of a weight under nopreempt
    )
    assert got.priority == 50
    assert got.initial_state is InitialState.BACKUP
    assert (got.version, got.advertisement_interval) == (3, 250 * MILLISECOND)
    assert got.preempt is False
    assert got.announcements == Announcements(repeat=1, delay=0)
    assert got.tracked == (interface("eth1", 0), interface("eth2", -20))


def test_global_defs_are_defaults() -> None:
    before = "global_defs {\n vrrp_version 3\n vrrp_garp_master_delay 1\n}\n"
    before += 'global_defs {\n router_id "lb 1"\n vrrp_garp_master_repeat 2\n}\n'
    got = router("advert_int 0.01", before=before)
    assert (got.version, got.advertisement_interval) == (3, 10 * MILLISECOND)
    assert got.announcements == Announcements(repeat=2, delay=1 * SECOND)
    assert router("version 2", before=before).version == 2
    assert config(before + "vrrp_instance x {\ninterface a\nvirtual_router_id 1\n}", 1) == Config(
        "lb 1",
        (VirtualRouter("x", "a", 1, version=3, announcements=got.announcements),),
    )


def test_authentication() -> None:
    auth = "authentication {{\n auth_type PASS\n auth_pass {}\n}}"
    assert router(auth.format("secret")).password == b"secret"
    assert router(auth.format('"se # t"')).password == b"se # t"
    assert router(auth.format("123456789"), warnings=1).password == b"12345678"


@pytest.mark.parametrize(
    ("inside", "priority", "state", "preempt", "warnings"),
    [
        ("state MASTER", 255, InitialState.MASTER, True, 1),
        ("state MASTER\n priority 7", 7, InitialState.MASTER, True, 0),
        ("priority 255", 255, InitialState.MASTER, True, 0),
        ("priority 255\n nopreempt", 255, InitialState.MASTER, True, 1),
        ("state MASTER\n priority 7\n nopreempt", 7, InitialState.MASTER, True, 1),
        ("nopreempt", 100, InitialState.BACKUP, False, 0),
        ("priority 1\n priority 2", 2, InitialState.BACKUP, True, 1),
    ],
)
def test_state_priority_and_preemption(
    inside: str, priority: int, state: InitialState, preempt: bool, warnings: int
) -> None:
    got = router(inside, warnings)
    assert (got.priority, got.initial_state, got.preempt) == (priority, state, preempt)


def test_several_address_blocks_add_up() -> None:
    got = router("virtual_ipaddress {\n 10.0.0.1/8 dev eth3\n 10.0.0.2/8 label eth0\n}")
    assert got.addresses == (
        VirtualAddress(IPv4Address("10.0.0.1"), 8, "eth3"),
        VirtualAddress(IPv4Address("10.0.0.2"), 8, "eth0", "eth0"),
        VirtualAddress(VIP, 24, "eth0"),
    )


def test_timing_is_inherited_from_service_to_real_server_to_check() -> None:
    got = service(
        """delay_loop 10
        retry 2
        connect_timeout 3
        warmup 4
        real_server 192.168.1.201 80 {
          retry 3
          warmup 0
          TCP_CHECK {
            connect_timeout 0.5
            retry 0
          }
          TCP_CHECK
          TCP_CHECK {
            connect_ip 10.0.0.1
            connect_port 81
            bindto 10.0.0.2
            delay_before_retry 1.5
            delay_loop 6
          }
        }"""
    )
    first, second, third = got.real_servers[0].checks
    address = IPv4Address("192.168.1.201")
    timing = CheckTiming(10 * SECOND, 0, 1 * SECOND, 0)
    assert first == TcpCheck(address, 80, None, 500 * MILLISECOND, timing)
    timing = CheckTiming(10 * SECOND, 3, 1 * SECOND, 0)
    assert second == TcpCheck(address, 80, None, 3 * SECOND, timing)
    timing = CheckTiming(6 * SECOND, 3, 1500 * MILLISECOND, 0)
    bound = IPv4Address("10.0.0.2")
    assert third == TcpCheck(IPv4Address("10.0.0.1"), 81, bound, 3 * SECOND, timing)


def test_a_real_server_has_its_services_port_and_is_fit_without_checks() -> None:
    got = service("real_server 192.168.1.201 8080 {\n weight 0\n}", warnings=1)
    key = ServerKey(IPv4Address("192.168.1.201"), 80)
    assert got.real_servers == (RealServer(key, weight=0, checks=()),)


def test_a_service_without_real_servers_is_left_out() -> None:
    text = "virtual_server 192.168.1.10 80 {\n lb_algo rr\n lb_kind DR\n protocol UDP\n}"
    assert config(text, warnings=1) == Config()


def test_layout_does_not_matter() -> None:
    text = (EXAMPLES / "lb1" / "keepalived.conf").read_text()
    expected = config(text)
    assert config("\ufeff" + text.replace("\n", "\r\n")) == expected
    assert config(text.replace(" {", "\n\n{ # here\n")) == expected
    assert config(text.replace(" {", "{").replace("  ", "\t")) == expected
