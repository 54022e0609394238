"""What golden sessions (test_cli_ipvsadm_golden) do not show of ipvsadm's formats."""

import random
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import numpy as np
import pytest

from trimaran.dataplane.base import (
    Connection,
    Counters,
    Destination,
    DestinationView,
    Persistence,
    ServiceView,
    Settings,
    SyncDaemon,
    SyncRole,
)
from trimaran.dataplane.blocks import ConnectionBlock
from trimaran.model.ip import IPAddress
from trimaran.model.service import (
    FALLBACK,
    HASH_PORT,
    Forwarding,
    Protocol,
    SchedulerFlag,
    ServerKey,
    ServiceKey,
)
from trimaran.views.ipvsadm import counters, listing, order
from trimaran.views.ipvsadm.connections import blocks, connections
from trimaran.views.ipvsadm.save import save

VIP = IPv4Address("192.168.1.10")
WEB = ServiceKey(Protocol.TCP, VIP, 80)


def server(address: str, port: int = 80) -> DestinationView:
    return DestinationView(Destination(ServerKey(ip_address(address), port)))


def with_names(protocol: str, address: IPAddress, port: int) -> str:
    """As where every host and every port of a protocol has a name."""
    service = f"{protocol.lower()}mux" if protocol else port
    return f"a-virtual-or-real-server-with-a-long-name:{service}"


@pytest.mark.parametrize(
    ("value", "scaled", "exact"),
    [
        (0, "        0", "        0"),
        (99_999_999, " 99999999", " 99999999"),
        (100_000_000, "  100000K", " 100000000"),
        (999_999_999, "  999999K", " 999999999"),
        (1_066_397_420, "    1066M", " 1066397420"),
        (99_999_999_999, "   99999M", " 99999999999"),
        (100_000_000_000, "     100G", " 100000000000"),
        (99_999_999_999_999, "   99999G", " 99999999999999"),
        (100_000_000_000_000, "     100T", " 100000000000000"),
    ],
)
def test_numbers_are_scaled_and_cut_not_rounded(value: int, scaled: str, exact: str) -> None:
    view = ServiceView(WEB, Settings("rr"), (), Counters(value))
    start = slice(33, -36)
    assert counters.statistics([view]).splitlines()[2][start] == scaled
    assert counters.statistics([view], exact=True).splitlines()[2][start] == exact


def test_rates_of_servers_count_in_full_and_scale_only_bytes() -> None:
    rates = Counters(123_456_789, 2, 3, 123_456_789, 5)
    chosen = replace(server("192.168.1.201"), rates=rates)
    view = ServiceView(WEB, Settings("rr"), (chosen,), rates=rates)
    printed = counters.rates([view]).splitlines()
    numbers = "        2        3  123456K        5"
    assert printed[2] == f"{'TCP  192.168.1.10:80':33}  123456K{numbers}"
    assert printed[3] == f"{'  -> 192.168.1.201:80':33} 123456789{numbers}"


def test_names_of_ipv4_are_cut_and_those_of_ipv6_are_not() -> None:
    rows = listing.listing(
        [
            ServiceView(WEB, Settings("rr"), (server("192.168.1.101"),)),
            ServiceView(replace(WEB, address=ip_address("::1")), Settings("rr"), (server("::2"),)),
        ],
        with_names,
    ).splitlines()[2:]
    assert rows[0] == "TCP  a-virtual-or-real-server-wit rr"
    assert rows[1].startswith("  -> a-virtual-or-real-server-wit Route")
    assert rows[2] == "TCP  a-virtual-or-real-server-with-a-long-name:tcpmux rr"
    assert rows[3].startswith("  -> a-virtual-or-real-server-with-a-long-name:tcpmux Route")


def test_behind_a_mark_ports_have_no_names() -> None:
    view = ServiceView(ServiceKey.marked(3), Settings("rr"), (server("::1"),))
    assert ":80 Route" in listing.listing([view], with_names)
    assert ":80 -g" in "".join(save([view], with_names))


@pytest.mark.parametrize(
    ("settings", "shown", "saved"),
    [
        (Settings("sh", FALLBACK | HASH_PORT), "sh (sh-fallback,sh-port)", "sh-fallback,sh-port"),
        (Settings("sh", SchedulerFlag.FLAG_3), "sh ()", ""),
        (Settings("mh", FALLBACK | SchedulerFlag.FLAG_3), "mh (mh-fallback)", "mh-fallback"),
        (Settings("rr", SchedulerFlag.FLAG_1 | SchedulerFlag.FLAG_3), "rr (flag-1,flag-3)", None),
    ],
)
def test_scheduler_flags(settings: Settings, shown: str, saved: str | None) -> None:
    """As seen of ipvsadm on Debian's kernel."""
    view = ServiceView(WEB, settings)
    assert listing.listing([view]).splitlines()[2] == f"TCP  192.168.1.10:80 {shown}"
    flags = "flag-1,flag-3" if saved is None else saved
    assert "".join(save([view])) == f"-A -t 192.168.1.10:80 -s {settings.scheduler} -b {flags}\n"


def test_a_service_with_everything() -> None:
    settings = Settings("rr", SchedulerFlag.FLAG_2, Persistence(60, 48), True, "sip")
    view = ServiceView(ServiceKey.marked(3_000_000_000, ipv6=True), settings)
    printed = listing.listing([view]).splitlines()[2]
    assert printed == "FWM  -1294967296 IPv6 rr (flag-2) persistent 60 mask 48 pe sip ops"
    saved = "-A -f -1294967296 -6 -s rr -p 60 -M 48 --pe sip -o -b flag-2\n"
    assert "".join(save([view])) == saved


def test_daemons() -> None:
    group = IPv4Address("224.0.0.81")
    running = SyncDaemon(SyncRole.MASTER, "eth1", 0, 1472, group, 8848, 1)
    assert listing.daemons([running, replace(running, role=SyncRole.BACKUP, syncid=7)]) == (
        "master sync daemon (mcast=eth1, syncid=0, maxlen=1472, "
        "group=224.0.0.81, port=8848, ttl=1)\n"
        "backup sync daemon (mcast=eth1, syncid=7, maxlen=1472, "
        "group=224.0.0.81, port=8848, ttl=1)\n"
    )


def test_wide_values_push_their_columns() -> None:
    destination = Destination(ServerKey(VIP + 94, 80), 2147483647, Forwarding.TUNNEL)
    wide = DestinationView(destination, 7, 12345678901)
    printed = listing.listing([ServiceView(WEB, Settings("wrr"), (wide,))]).splitlines()[3]
    assert printed == "  -> 192.168.1.104:80             Tunnel  2147483647 7          12345678901"


def test_addresses_half_the_address_space_apart_are_in_inverted_order() -> None:
    views = [server("10.0.0.5"), server("192.168.1.101", 81), server("192.168.1.101")]
    keys = [str(view.destination.key) for view in order.sorted_destinations(views)]
    assert keys == ["192.168.1.101:80", "192.168.1.101:81", "10.0.0.5:80"]


def test_where_that_order_goes_in_a_circle_the_merge_decides() -> None:
    # Each before the next, the last before the first.
    circle = ["0.0.0.5", "100.0.0.5", "200.0.0.5"]
    ordered = order.sorted_destinations([server(address) for address in circle])
    assert [str(view.destination.key.address) for view in ordered] == circle


def test_addresses_of_ipv6_are_in_order_and_come_after_ipv4() -> None:
    addresses = ["10.0.0.1", "::1", "2001:db8::1", "ffff::"]
    views = [server(address) for address in addresses]
    random.Random(1).shuffle(views)
    ordered = order.sorted_destinations(views)
    assert [str(view.destination.key.address) for view in ordered] == addresses


KINDS = [
    Connection("TCP", VIP, 0, VIP, 80, ServerKey(VIP + 91, 80), "ESTABLISHED", 0),
    Connection("UDP", VIP, 0, VIP, 53, ServerKey(VIP + 92, 5353), "UDP", 0),
]


def test_blocks_read_like_the_connections_in_them() -> None:
    """Also minutes without bound, and blocks that bring new kinds."""
    clients = np.array([0x0A000001, 0xFFFFFFFE, 0x01020304], dtype=">u4")
    ports = np.array([1, 65535, 40000], dtype=">u2")
    expires = np.array([0, 2678400, 899])
    first = ConnectionBlock(KINDS[:1], [0, 0, 0], clients, ports, expires)
    second = ConnectionBlock(KINDS, [1, 0, 1], clients, ports, expires)
    values = [*first.connections(), *second.connections()]
    assert len(values) == 6
    assert values[3].client == IPv4Address("10.0.0.1")
    text = "".join(blocks([first, second]))
    assert text == "".join(connections(values))
    assert "\nTCP 44640:00 ESTABLISHED 255.255.255.254:65535 192.168.1.10:80 " in text
