"""`use_vmac`: the device, its MAC address, and what is on it."""

import pytest

from trimaran.conf import load
from trimaran.daemon.desired import beneath, client_interfaces
from trimaran.daemon.encoding import decoder, encode
from trimaran.model.config import Config
from trimaran.model.router import VirtualRouter
from trimaran.model.virtual_mac import VirtualMac
from trimaran.views.diagnostics import diagnostic_text

INSTANCE = """\
vrrp_instance %s {
  interface %s
  virtual_router_id 51
  %s
  virtual_ipaddress {
    %s
  }
}
"""


def instance(
    *lines: str, name: str = "a", interface: str = "eth0", addresses: str = "10.0.0.1/24"
) -> str:
    return INSTANCE % (name, interface, "\n  ".join(lines), addresses)


def config(text: str) -> Config:
    result = load(text.encode(), "f")
    assert result.config is not None, result.diagnostics
    bus = decoder(tuple[VirtualRouter, ...])
    routers = result.config.virtual_routers
    assert bus.decode(encode(routers)) == routers, "it crosses the bus as it is"
    return result.config


def macs(text: str) -> list[VirtualMac | None]:
    return [router.virtual_mac for router in config(text).virtual_routers]


def complaints(text: str) -> list[str]:
    return [diagnostic_text(d).partition("\n")[0] for d in load(text.encode(), "f").diagnostics]


OURS = bytes.fromhex("00005e000133")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("use_vmac", VirtualMac("vrrp.51", OURS)),
        ("use_vmac vip0", VirtualMac("vip0", OURS)),
        ("use_vmac name vip0", VirtualMac("vip0", OURS)),
        ("use_vmac 02:00:00:00:00:09", VirtualMac("vrrp.51", bytes.fromhex("020000000009"))),
        ("use_vmac vip0 02-0-0-0-0", VirtualMac("vip0", bytes.fromhex("020000000033"))),
        ("use_vmac\n  vmac_xmit_base", VirtualMac("vrrp.51", OURS, sends=False)),
        (
            "use_vmac\n  unicast_peer {\n    10.0.0.2\n  }",
            VirtualMac("vrrp.51", OURS, sends=False),
        ),
    ],
)
def test_what_a_line_means(line: str, wanted: VirtualMac) -> None:
    assert macs(instance(line)) == [wanted]


def test_ipv6_has_a_prefix_of_its_own() -> None:
    sixth = VirtualMac("vrrp.51", bytes.fromhex("00005e000233"))
    assert macs(instance("use_vmac", addresses="fe80::1/64")) == [sixth]


def test_devices_of_the_same_vrid_are_told_apart_as_keepalived_does() -> None:
    text = (
        instance("use_vmac", name="a")
        + instance("use_vmac", name="b", addresses="fe80::1/64")
        + instance("use_vmac", name="c", interface="eth1", addresses="10.1.0.1/24")
    )
    assert [mac.device for mac in macs(text) if mac] == ["vrrp.51", "vrrp6.51", "vrrp1.51"]


def test_addresses_of_the_interface_are_on_the_device_and_others_are_not() -> None:
    lines = "10.0.0.1/24\n    10.0.0.2/24 dev eth0\n    10.1.0.1/24 dev eth1"
    (router,) = config(instance("use_vmac", addresses=lines)).virtual_routers
    assert [(a.device, a.on_virtual_mac, a.tracked) for a in router.held] == [
        ("vrrp.51", True, False),
        ("vrrp.51", True, False),
        ("eth1", False, True),
    ]


def test_clients_packets_come_in_by_the_interface_below() -> None:
    found = config(instance("use_vmac"))
    assert client_interfaces(found) == ("eth0",)
    assert beneath(found) == {"vrrp.51": "eth0"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            instance("use_vmac eth0"),
            "f:4:12: error: there is a device eth0 already",
        ),
        (
            instance("use_vmac vip0") + instance("use_vmac vip0", name="b", interface="eth1"),
            "f:12:12: error: there is a device vip0 already",
        ),
        (instance("use_vmac 01:00:00:00:00:01"), "is not a MAC address of one station"),
        (instance("use_vmac vip0 group 3"), "not supported: use_vmac group"),
        (instance("use_vmac a b"), "b"),
        (instance("vmac_xmit_base"), "vmac_xmit_base is ignored: it needs use_vmac"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    assert any(said in line for line in complaints(text)), complaints(text)
