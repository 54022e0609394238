"""Routes and rules: what a file means, and what is wrong with it."""

from ipaddress import ip_address

import pytest

from trimaran.conf import load
from trimaran.model.routing import Network, Route, RouteKind, Routing, Rule, RuleKind

INSTANCE = """vrrp_instance a {{
 interface eth0
 virtual_router_id 1
 virtual_ipaddress {{ 10.0.0.1/24 }}
 {}
}}
"""


def network(text: str, length: int) -> Network:
    return Network(ip_address(text), length)


def said(text: str) -> list[str]:
    return [str(diagnostic) for diagnostic in load(text.encode(), "f").diagnostics]


def routing(text: str) -> Routing:
    result = load(text.encode(), "f")
    assert result.config is not None, said(text)
    assert result.diagnostics == ()
    return result.config.virtual_routers[0].routing


NET, GATEWAY = network("192.168.9.0", 24), ip_address("10.0.0.254")


@pytest.mark.parametrize(
    ("line", "route"),
    [
        ("192.168.9.0/24 via 10.0.0.254 dev eth1", Route(NET, gateway=GATEWAY, device="eth1")),
        ("src 10.0.0.1 to 192.168.9.0/24 via 10.0.0.254",
         Route(NET, gateway=GATEWAY, source=ip_address("10.0.0.1"))),
        ("192.168.9.0/24 oif eth1 no_track", Route(NET, device="eth1", tracked=False)),
        ("blackhole 192.168.9.0/24", Route(NET, RouteKind.BLACKHOLE)),
        ("default via 10.0.0.254 table 100 metric 7",
         Route(network("0.0.0.0", 0), gateway=GATEWAY, table=100, metric=7)),
        ("2001:db8::/32 dev eth1 scope link proto static mtu 1400 tos 0x10 onlink",
         Route(network("2001:db8::", 32), device="eth1", scope=253, protocol=4, tos=16, mtu=1400,
               on_link=True)),
        ("10.9.9.9 dev eth1", Route(network("10.9.9.9", 32), device="eth1")),
    ],
)  # fmt: skip
def test_routes(line: str, route: Route) -> None:
    got = routing(INSTANCE.format(f"virtual_routes {{\n{line}\n}}"))
    assert got == Routing((route,))


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("from 192.168.9.0/24 table 100 priority 50", Rule(50, source=NET, table=100)),
        ("not to 192.168.9.0/24 iif eth1 fwmark 0x1/0xff lookup main pref 9 no_track",
         Rule(9, destination=NET, table=254, inverted=True, input_device="eth1", mark=1,
              mark_mask=255, tracked=False)),
        ("inet6 oif eth1 table 5 preference 1", Rule(1, True, output_device="eth1", table=5)),
        ("from 192.168.9.0/24 type prohibit preference 2",
         Rule(2, source=NET, table=254, kind=RuleKind.PROHIBIT)),
    ],
)  # fmt: skip
def test_rules(line: str, rule: Rule) -> None:
    got = routing(INSTANCE.format(f"virtual_rules {{\n{line}\n}}"))
    assert got == Routing((), (rule,))


def test_those_of_the_daemons_life() -> None:
    text = INSTANCE.format("") + (
        "static_routes {\n192.168.9.0/24 dev eth1\n}\n"
        "static_rules {\nfrom 192.168.9.0/24 table 9 preference 4\n}\n"
    )
    result = load(text.encode(), "f")
    assert result.config is not None
    assert result.config.routing == Routing(
        (Route(NET, device="eth1"),), (Rule(4, source=NET, table=9),)
    )


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("virtual_routes {\n192.168.9.0/24\n}", "f:6:1: error: this route leads nowhere; write "
         "'via ADDRESS' or 'dev NAME'"),
        ("virtual_routes {\nsrc 10.0.0.1 dev eth0\n}", "f:6:1: error: this route has no "
         "destination; write 'to NETWORK'"),
        ("virtual_routes {\n192.168.9.1/24 dev eth0\n}", "f:6:1: error: '192.168.9.1/24' has bits "
         "behind its prefix; write the address of the network itself, or a longer prefix"),
        ("virtual_routes {\n192.168.9.0/24 via ::1\n}", "f:6:20: error: ::1 and 192.168.9.0/24 are "
         "not of the same version of IP; write addresses of one"),
        ("virtual_routes {\n192.168.9.0/24 dev eth0 table mine\n}", "f:6:31: error: 'mine' is not "
         "a name that every host knows; write the number instead"),
        ("virtual_routes {\n192.168.9.0/24 dev eth0 rtt 5\n}", "f:6:25: error: not supported: "
         "'rtt'"),
        ("virtual_rules {\nfrom 192.168.9.0/24 table 9\n}", "f:6:1: warning: this rule has no "
         "preference: 16384 is used, as by keepalived; write 'preference NUMBER'"),
        ("virtual_rules {\nfrom 192.168.9.0/24 preference 9\n}", "f:6:1: error: this rule has no "
         "table; write 'table TABLE'"),
        ("virtual_rules {\nfrom 10.0.0.0/8 to 2001:db8::/32 table 9 preference 9\n}",
         "f:6:1: error: this rule is for both versions of IP; write a rule for each"),
        ("virtual_rules {\nfrom 10.0.0.0/8 table 9 pref 9 fwmark 0xg\n}",
         "f:6:39: error: '0xg' is not a mark; write one such as 0x1/0xff"),
    ],
)  # fmt: skip
def test_what_is_wrong(block: str, message: str) -> None:
    assert said(INSTANCE.format(block)) == [message]
