"""Which dataplane is chosen and why; what is noted of the services in IPVS."""

import json
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from trimaran.daemon.choice import Choice, Kind, choose
from trimaran.daemon.service_note import ServiceNote
from trimaran.dataplane.base import Destination, Persistence, Service, Settings
from trimaran.dataplane.xdp.layout import Scheduler
from trimaran.dataplane.xdp.limits import SCHEDULERS, unsupported
from trimaran.model.config import Config
from trimaran.model.ip import IPAddress
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    SorryServer,
    VirtualService,
)

VIP = IPv4Address("192.168.1.10")
SERVER = ServerKey(IPv4Address("192.168.1.201"), 80)
IPV6 = ServiceKey.marked(1, ipv6=True).address


def key(port: int, address: IPAddress = VIP, protocol: Protocol = Protocol.TCP) -> ServiceKey:
    return ServiceKey(protocol, address, port)


def virtual(port: int) -> VirtualService:
    return VirtualService(key(port), "rr", Forwarding.DIRECT_ROUTING, (RealServer(SERVER),))


def test_auto_takes_xdp_where_it_can_serve_everything() -> None:
    config = Config(virtual_services=(virtual(80),))
    assert choose("auto", config) == Choice(
        Kind.XDP, "it can serve every service of the configuration"
    )
    assert choose("ipvs", config) == Choice(Kind.IPVS, "as asked")


def test_auto_takes_ipvs_else_and_says_why() -> None:
    marks = tuple(
        VirtualService(ServiceKey.marked(mark), "rr", Forwarding.DIRECT_ROUTING) for mark in (7, 8)
    )
    reason = "FWM 7: the XDP dataplane cannot serve firewall marks"
    assert choose("auto", Config(virtual_services=marks[:1])) == Choice(Kind.IPVS, reason)
    more = Choice(Kind.IPVS, f"{reason} (and 1 more)")
    assert choose("auto", Config(virtual_services=marks)) == more
    assert choose("xdp", Config(virtual_services=marks)).kind is Kind.XDP


def test_a_server_that_is_not_always_in_service_counts_too() -> None:
    service = replace(virtual(80), sorry_server=SorryServer(ServerKey(IPV6, 80)))
    assert "other version of IP" in choose("auto", Config(virtual_services=(service,))).reason


@pytest.mark.parametrize(
    ("service", "word"),
    [
        (Service(key(80), Settings("nonesuch")), "schedule by nonesuch"),
        (Service(ServiceKey.marked(3)), "firewall marks"),
        (Service(key(80), Settings(persistence_engine="sip")), "persistence engine sip"),
        (Service(key(80), destinations=(Destination(ServerKey(IPV6, 80)),)), "only tunnels"),
        (Service(key(80, IPV6), destinations=(Destination(SERVER),)), "only tunnels"),
    ],
)
def test_what_xdp_cannot_serve(service: Service, word: str) -> None:
    assert word in (unsupported(service) or "")


def test_what_xdp_can_serve() -> None:
    service = Service(key(80), Settings("rr"), (Destination(SERVER, upper_threshold=5),))
    assert unsupported(service) is None
    persistent = Settings(persistence=Persistence(9, 0xFFFFFFFF))
    assert unsupported(Service(key(0), persistent)) is None
    assert tuple(scheduler.name.lower() for scheduler in Scheduler) == SCHEDULERS


def test_the_note_of_services_is_there_while_there_are_any(tmp_path: Path) -> None:
    path = tmp_path / "ipvs-services.json"
    note = ServiceNote(path)
    assert note.read() == ()
    services = {key(80), key(80, IPV6), ServiceKey.marked(7)}
    note.write(services)
    assert set(ServiceNote(path).read()) == services
    assert len(json.loads(path.read_text())) == 3
    note.write(set())
    assert list(tmp_path.iterdir()) == []
    assert note.problem == ""


def test_a_note_that_cannot_be_is_said(tmp_path: Path) -> None:
    note = ServiceNote(tmp_path / "missing" / "note.json")
    note.write({key(80)})
    assert "cannot note the services made" in note.problem
    (tmp_path / "note.json").write_text("{")
    note = ServiceNote(tmp_path / "note.json")
    assert note.read() == ()
    assert "cannot read" in note.problem


def test_xdp_serves_ipv6_and_both_versions_by_tunnels() -> None:
    tunnelled = Destination(SERVER, forwarding=Forwarding.TUNNEL)
    for service in (
        Service(key(80, IPV6), destinations=(Destination(ServerKey(IPV6, 80)), tunnelled)),
        Service(key(80), destinations=(replace(tunnelled, key=ServerKey(IPV6, 80)),)),
    ):
        assert unsupported(service) is None
