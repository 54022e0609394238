"""`lvs_sync_daemon` in `global_defs`."""

from ipaddress import IPv4Address

import pytest

from trimaran.conf import load
from trimaran.model.sync import Synchronisation

ROUTER = (
    "vrrp_instance ip1 {\n interface eth0\n virtual_router_id 7\n"
    " virtual_ipaddress {\n 192.168.1.10/24\n }\n}\n"
)


def said(line: str) -> bytes:
    return f"global_defs {{\n {line}\n}}\n{ROUTER}".encode()


def meant(line: str) -> Synchronisation | None:
    config = load(said(line), "f").config
    assert config is not None
    return config.synchronisation


def test_what_it_means() -> None:
    assert meant("router_id x") is None
    assert meant("lvs_sync_daemon eth1") == Synchronisation("eth1")
    everything = "lvs_sync_daemon eth1 ip1 id 7 maxlen 1000 port 9 ttl 2 group 224.1.1.1"
    group = IPv4Address("224.1.1.1")
    assert meant(everything) == Synchronisation("eth1", 7, group, 9, 2, 1000, "ip1")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lvs_sync_daemon", "lvs_sync_daemon needs a value"),
        ("lvs_sync_daemon eth1 ip2", "there is no vrrp_instance 'ip2'"),
        ("lvs_sync_daemon eth1 id 256", "id 256 is out of range"),
        ("lvs_sync_daemon eth1 ip1 speed 3", "'speed' is not an option of lvs_sync_daemon"),
        ("lvs_sync_daemon eth1 group 10.0.0.1", "10.0.0.1 is not a multicast address"),
        ("lvs_sync_daemon eth1 group ff02::81", "not supported: group over IPv6 (ff02::81)"),
    ],
)
def test_what_it_cannot_mean(line: str, message: str) -> None:
    result = load(said(line), "f")
    assert result.config is None
    (diagnostic,) = result.diagnostics
    assert message in diagnostic.message
    assert diagnostic.span.line == 2
