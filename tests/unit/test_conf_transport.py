"""Virtual addresses with all that a line may say, and how advertisements travel."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from trimaran.conf import Severity, load
from trimaran.daemon.encoding import decoder, encode
from trimaran.model.address import Attributes, VirtualAddress
from trimaran.model.router import InitialState, VirtualRouter
from trimaran.model.transport import GROUP6, Peer, Transport
from trimaran.views.diagnostics import diagnostic_text

FILE = """\
global_defs {
  %(globally)s
}
vrrp_instance ip1 {
  interface eth0
  virtual_router_id 1
  %(inside)s
  virtual_ipaddress {
    %(addresses)s
  }
}
"""


def said(inside: str = "", addresses: str = "10.0.0.1/24", globally: str = "") -> list[str]:
    text = FILE % {"inside": inside, "addresses": addresses, "globally": globally}
    return [diagnostic_text(d).partition("\n")[0] for d in load(text.encode(), "f").diagnostics]


def router(inside: str = "", addresses: str = "10.0.0.1/24", globally: str = "") -> VirtualRouter:
    text = FILE % {"inside": inside, "addresses": addresses, "globally": globally}
    result = load(text.encode(), "f")
    assert result.config is not None, result.diagnostics
    assert all(d.severity is Severity.WARNING for d in result.diagnostics)
    (found,) = result.config.virtual_routers
    bus = decoder(tuple[VirtualRouter, ...])
    assert bus.decode(encode((found,))) == (found,), "it crosses the bus as it is"
    return found


@pytest.mark.parametrize(
    ("line", "address", "length", "attributes"),
    [
        ("10.0.0.1/24 brd 10.0.0.255", "10.0.0.1", 24, Attributes(broadcast=IPv4Address("10.0.0.255"))),  # noqa: E501
        ("10.0.0.1/24 brd +", "10.0.0.1", 24, Attributes(broadcast=IPv4Address("10.0.0.255"))),
        ("10.0.0.1/24 broadcast -", "10.0.0.1", 24, Attributes(broadcast=IPv4Address("10.0.0.0"))),
        ("10.0.0.1/24 scope link", "10.0.0.1", 24, Attributes(scope=253)),
        ("10.0.0.1/24 scope 200", "10.0.0.1", 24, Attributes(scope=200)),
        ("10.0.0.1 peer 10.9.0.1/30", "10.0.0.1", 30, Attributes(peer=IPv4Address("10.9.0.1"))),
        ("10.0.0.1/24 noprefixroute -nodad", "10.0.0.1", 24, Attributes(prefix_route=False)),
        ("10.0.0.1/24 preferred_lft 60 autojoin", "10.0.0.1", 24, Attributes(preferred=60, join_group=True)),  # noqa: E501
        ("fe80::1/64 home mngtmpaddr", "fe80::1", 64, Attributes(home=True, manage_temporary=True)),
        ("2001:db8::1", "2001:db8::1", 128, Attributes(preferred=0)),
        ("2001:db8::1/128 preferred_lft forever", "2001:db8::1", 128, Attributes()),
    ],
)  # fmt: skip
def test_what_a_line_of_virtual_ipaddress_may_say(
    line: str, address: str, length: int, attributes: Attributes
) -> None:
    expected = VirtualAddress(ip_address(address), length, "eth0", attributes=attributes)
    assert router(addresses=line).addresses == (expected,)


def test_a_device_may_be_left_untracked() -> None:
    (address,) = router(addresses="10.0.0.1/24 dev eth7 no_track").addresses
    assert (address.device, address.tracked) == ("eth7", False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("10.0.0.1", "f:9:5: error: '10.0.0.1' has no prefix length; write 10.0.0.1/24 (the length "
         "of its network) or 10.0.0.1/32"),
        ("10.0.0.1/24 scope far", "f:9:23: error: 'far' is not a scope; write one of global, site, "
         "link, host, nowhere"),
        ("10.0.0.1/24 brd all", "f:9:21: error: 'all' is not a broadcast address; write an IPv4 "
         "address, + or -"),
        ("2001:db8::1/64 label eth0:1", "f:9:20: warning: label is ignored: an IPv6 address has "
         "none; remove it"),
        ("2001:db8::1/129", "f:9:5: error: prefix length '129' is out of range; write a number "
         "from 1 to 128"),
        ("fe80::1%eth0/64", "f:9:5: error: 'fe80::1%eth0/64' is not an IP address; write it as "
         "192.168.1.10/24 or 2001:db8::10/64"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_line(line: str, message: str) -> None:
    assert said(addresses=line) == [message]


def test_an_advertisement_has_addresses_of_one_version() -> None:
    assert said(addresses="10.0.0.1/24\n    2001:db8::1/64") == [
        "f:10:5: error: 2001:db8::1 is IPv6, and vrrp_instance ip1 speaks IPv4: an advertisement "
        "has addresses of one version; put it in virtual_ipaddress_excluded, or in a "
        "vrrp_instance of its own"
    ]


def test_ipv6_is_spoken_where_addresses_are_of_ipv6() -> None:
    found = router(addresses="fe80::1/64\n 2001:db8::1/64", globally="vrrp_version 2")
    assert found.version == 3
    assert found.transport == Transport(GROUP6)
    assert found.key == ("eth0", True, 1)
    assert said("version 2", "fe80::1/64") == [
        "f:7:11: warning: IPv6 needs VRRP version 3: 3 is taken; write 'version 3'"
    ]


def test_one_vrid_for_both_versions_of_ip() -> None:
    block = "vrrp_instance %s { interface eth0\n virtual_router_id 1\n virtual_ipaddress { %s } }\n"
    both = block % ("v4", "10.0.0.1/24") + block % ("v6", "fe80::1/64")
    assert load(both.encode(), "f").diagnostics == ()


def test_unicast_with_all_its_words() -> None:
    found = router("""
        unicast_src_ip 10.0.0.101
        unicast_peer {
          10.0.0.102
          10.0.0.103 min_ttl 250 max_ttl 254
        }
        unicast_ttl 7
    """)
    assert found.transport == Transport(
        peers=(Peer(IPv4Address("10.0.0.102")), Peer(IPv4Address("10.0.0.103"), 250, 254)),
        source=IPv4Address("10.0.0.101"),
        only_peers=True,  # as keepalived: who says min_ttl wants the sender to be checked
        ttl=7,
    )
    assert found.transport.destinations == (IPv4Address("10.0.0.102"), IPv4Address("10.0.0.103"))


@pytest.mark.parametrize(
    ("inside", "globally", "checked"),
    [
        ("check_unicast_src", "", True),
        ("", "vrrp_check_unicast_src", True),
        ("check_unicast_src off", "vrrp_check_unicast_src on", False),
        ("", "", False),
    ],
)
def test_whether_senders_are_checked(inside: str, globally: str, checked: bool) -> None:
    peers = "unicast_peer { 10.0.0.102 }\n"
    assert router(peers + inside, globally=globally).transport.only_peers is checked


def test_no_peer_is_multicast_or_a_fault() -> None:
    assert said("unicast_peer {\n}") == [
        "f:7:3: warning: unicast_peer is empty: advertisements go to the multicast group; name a "
        "peer, remove the block, or write 'unicast_fault_no_peer'"
    ]
    assert router("unicast_peer {\n}").transport.peers is None
    assert router("unicast_fault_no_peer\nunicast_peer {\n}").transport.peers == ()


def test_groups_and_checksums() -> None:
    globally = "vrrp_mcast_group4 224.0.0.99\n vrrp_mcast_group6 ff02::99\n v3_checksum_as_v2"
    found = router("mcast_src_ip 10.0.0.9", globally=globally).transport
    assert (str(found.group), str(found.source)) == ("224.0.0.99", "10.0.0.9")
    assert found.plain_checksum
    assert str(router(addresses="fe80::1/64", globally=globally).transport.group) == "ff02::99"
    assert str(router("mcast_dst_ip 224.0.0.7", globally=globally).transport.group) == "224.0.0.7"
    assert said("mcast_dst_ip 10.0.0.1")[0].endswith("write a group such as 224.0.0.18")


def test_addresses_of_another_version_are_refused() -> None:
    messages = said("unicast_peer { 2001:db8::2 }\n mcast_src_ip fe80::7")
    assert [m.partition("error: ")[2] for m in messages] == [
        "2001:db8::2 is IPv6, and the virtual addresses are IPv4; write addresses of one version",
        "fe80::7 is IPv6, and the virtual addresses are IPv4; write addresses of one version",
    ]


AH = "authentication {\n auth_type AH\n auth_pass secret\n }\n"


def test_authentication_header() -> None:
    found = router(AH + "state MASTER\n priority 100")
    assert (found.password, found.sealed) == (b"secret", True)
    assert found.initial_state is InitialState.BACKUP
    assert said(AH, "fe80::1/64") == [
        "f:7:3: error: VRRP version 3 has no authentication; remove the block"
    ]


def test_unicast_alone_tells_the_version_of_ip() -> None:
    text = "unicast_peer { 2001:db8::2 }\n no_virtual_ipaddress"
    result = load((FILE % {"inside": text, "addresses": "", "globally": ""}).encode(), "f")
    assert result.config is not None
    assert result.config.virtual_routers[0].transport.ipv6
    assert result.config.virtual_routers[0].transport.destinations == (IPv6Address("2001:db8::2"),)
    assert result.diagnostics == ()
