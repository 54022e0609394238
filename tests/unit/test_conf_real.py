"""Files as operators write them: what is said of them, and what they come to."""

from pathlib import Path

import pytest

from trimaran.daemon.configuration import read
from trimaran.model.config import Config

REAL = Path(__file__).parents[1] / "data" / "conf" / "real"


def config(name: str, config_id: str = "lb1", warnings: tuple[str, ...] = ()) -> Config:
    result = read(REAL / f"{name}.conf", config_id)
    said = [str(diagnostic).partition("warning: ")[2] for diagnostic in result.diagnostics]
    assert result.config is not None, result.diagnostics
    assert len(said) == len(warnings), said
    for line, start in zip(said, warnings, strict=True):
        assert line.startswith(start)
    return result.config


def test_nat_web() -> None:
    got = config("nat-web", warnings=("'nat_mask' is ",))
    assert got.channels.mail is not None
    web, tls = got.virtual_services
    assert [str(server.key) for server in web.real_servers] == ["10.0.0.11:8080", "10.0.0.12:8080"]
    assert [server.inhibit_on_failure for server in web.real_servers] == [True, False]
    assert str(web.sorry_server and web.sorry_server.key) == "10.0.0.99:80"
    assert [str(server.key) for server in tls.real_servers] == ["10.0.0.11:443", "10.0.0.12:443"]
    assert (tls.quorum.weight, tls.quorum.hysteresis) == (100, 40)


@pytest.mark.parametrize(("config_id", "priority"), [("lb1", 150), ("lb2", 100), ("lb9", 100)])
def test_one_file_for_both(config_id: str, priority: int) -> None:
    got = config("one-file-for-both", config_id)
    assert [router.priority for router in got.virtual_routers] == [priority] * 4
    assert {router.password for router in got.virtual_routers} == {b"s3cr#t"}
    assert [str(router.addresses[0].label) for router in got.virtual_routers] == [
        f"eth1:{n}" for n in (10, 11, 12, 13)
    ]
    assert [str(service.key) for service in got.virtual_services] == [
        f"TCP 192.168.40.{n}:{port}" for n in (10, 11, 12, 13) for port in (80, 443)
    ]
    for service in got.virtual_services:
        assert [server.weight for server in service.real_servers] == [1, 1, 2]


def test_dns_udp() -> None:
    got = config("dns-udp")
    udp, tcp = got.virtual_services
    assert (udp.one_packet, tcp.one_packet) == (True, False)
    assert udp.quorum.weight == 2


def test_marks_and_groups() -> None:
    got = config("marks-and-groups")
    keys = [str(service.key) for service in got.virtual_services]
    assert keys[:2] == ["TCP 198.51.100.10:80", "TCP 198.51.100.10:443"]
    assert keys[6:12] == [
        *(f"TCP 198.51.100.{n}:8443" for n in range(128, 132)),
        "FWM 100",
        "FWM 7 IPv6",
    ]
    assert keys[12:] == ["UDP [2001:db8:ff::5060]:5060"]
    checks = {
        check
        for service in got.virtual_services[:11]
        for server in service.real_servers
        for check in server.checks
    }
    assert len(checks) == 3  # one probe for each server, whatever the services


def test_included() -> None:
    got = config("included")
    assert got.router_id == "included"
    assert [str(service.key) for service in got.virtual_services] == [
        "TCP 10.0.0.1:80",
        "TCP 10.0.0.2:443",
    ]
    assert [len(service.real_servers) for service in got.virtual_services] == [4, 4]
    (router,) = got.virtual_routers
    assert [str(address) for address in router.addresses] == ["10.0.0.1/24", "10.0.0.2/24"]
