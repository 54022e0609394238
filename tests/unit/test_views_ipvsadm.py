"""Listings against golden ones of the real ipvsadm, byte for byte."""

import random
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from golden_ipvsadm import Step, connections, counted_services, representable, services, steps

from trimaran.dataplane.base import (
    Connection,
    Counters,
    Destination,
    DestinationView,
    ServiceView,
    Settings,
    Timeouts,
)
from trimaran.model.ip import IPAddress
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey
from trimaran.views import ipvs_order, ipvsadm

VIP = IPv4Address("192.168.1.10")
WEB = ServiceKey(Protocol.TCP, VIP, 80)


def server(address: str, port: int = 80) -> DestinationView:
    return DestinationView(Destination(ServerKey(IPv4Address(address), port)))


def plain(step: Step) -> bool:
    """Whether the listing has nothing of persistence, which is not there yet."""
    return bool(step.stdout) and "persistent" not in step.stdout


LISTINGS = [step for step in steps("ipvsadm -Ln", "ipvsadm -Ln --sort", "ipvsadm") if plain(step)]
STATISTICS = steps("ipvsadm -Ln --stats", "ipvsadm -Ln --stats --exact")
RATES = steps("ipvsadm -Ln --rate", "ipvsadm -Ln --rate --exact")
CONNECTIONS = [step for step in steps("ipvsadm -Lnc", "ipvsadm -Lnc --exact") if step.stdout]


@pytest.mark.parametrize("step", LISTINGS, ids=str)
def test_a_listing_is_sorted_and_printed_as_by_ipvsadm(step: Step) -> None:
    views = services(step.stdout)
    random.Random(1).shuffle(views)
    views = [replace(view, destinations=view.destinations[::-1]) for view in views]
    printed = ipvsadm.banner(4096) + ipvsadm.listing(ipvs_order.sorted_services(views))
    assert printed == step.stdout


def test_the_kernel_order_becomes_the_order_of_ipvsadm() -> None:
    (unsorted,) = steps("ipvsadm -Ln --nosort")
    (listed,) = (step for step in steps("ipvsadm -Ln") if step.session == unsorted.session)
    kernel_order = services(unsorted.stdout)
    assert ipvsadm.banner(4096) + ipvsadm.listing(kernel_order) == unsorted.stdout
    sorted_order = ipvs_order.sorted_services(kernel_order)
    assert ipvsadm.banner(4096) + ipvsadm.listing(sorted_order) == listed.stdout


def test_one_service_is_listed_without_the_banner() -> None:
    for step in steps("ipvsadm -Ln -t 192.168.1.10:80", "ipvsadm -Ln --nosort -t 192.168.1.10:80"):
        assert ipvsadm.listing(services(step.stdout)) == step.stdout


@pytest.mark.parametrize("step", STATISTICS, ids=str)
def test_statistics(step: Step) -> None:
    views = counted_services(step.stdout)
    exact = "--exact" in step.command
    assert ipvsadm.banner(4096) + ipvsadm.statistics(views, exact=exact) == step.stdout


@pytest.mark.parametrize("step", RATES, ids=str)
def test_rates(step: Step) -> None:
    views = counted_services(step.stdout)
    exact = "--exact" in step.command
    assert ipvsadm.banner(4096) + ipvsadm.rates(views, exact=exact) == step.stdout


@pytest.mark.parametrize("step", CONNECTIONS, ids=str)
def test_connections(step: Step) -> None:
    assert ipvsadm.connections(connections(step.stdout)) == step.stdout


def test_timeouts() -> None:
    printed = {step.stdout for step in steps("ipvsadm -L --timeout")}
    assert ipvsadm.timeouts(Timeouts()) in printed
    assert ipvsadm.timeouts(Timeouts(100, 7, 33)) in printed
    assert ipvsadm.timeouts(Timeouts(2678400, 2678400, 2678400)) in printed


def test_names_are_cut_in_service_listings_and_not_in_connections() -> None:
    hosts = {
        "192.168.1.10": "vip.example.test",
        "192.168.1.101": "rs1",
        "192.168.1.102": "a-very-long-real-server-name.example.test",
    }
    ports = {(80, "TCP"): "http", (53, "UDP"): "domain"}

    def name(protocol: str, address: IPAddress, port: int) -> str:
        host = hosts.get(str(address), str(address))
        return f"{host}:{ports.get((port, protocol), str(port))}"

    golden = {step.command: step for step in steps() if step.session == "25-names"}
    views = services(golden["ipvsadm -Ln"].stdout)
    listed = golden["ipvsadm -L"].stdout
    assert ipvsadm.banner(4096) + ipvsadm.listing(views, name) == listed
    counted = golden["ipvsadm -L --stats"].stdout
    assert ipvsadm.banner(4096) + ipvsadm.statistics(views, name) == counted
    client, chosen = IPv4Address("192.168.1.101"), ServerKey(IPv4Address("192.168.1.103"), 8888)
    entry = Connection("TCP", client, 1001, WEB.address, WEB.port, chosen, "SYN_RECV", 59)
    assert ipvsadm.connections([entry], name) == golden["ipvsadm -L -c"].stdout


def test_a_long_service_name_is_cut_with_its_protocol_at_33_characters() -> None:
    view = ServiceView(WEB, Settings("rr"))
    printed = ipvsadm.listing([view], lambda *_: "virtual-service-with-a-long-name.example:http")
    assert printed.splitlines()[2] == "TCP  virtual-service-with-a-long- rr"


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
    assert ipvsadm.statistics([view]).splitlines()[2][start] == scaled
    assert ipvsadm.statistics([view], exact=True).splitlines()[2][start] == exact


def test_rates_of_destinations_count_in_full_and_scale_only_bytes() -> None:
    rates = Counters(123_456_789, 2, 3, 123_456_789, 5)
    chosen = replace(server("192.168.1.201"), rates=rates)
    printed = ipvsadm.rates([ServiceView(WEB, Settings("rr"), (chosen,), rates=rates)]).splitlines()
    numbers = "        2        3  123456K        5"
    assert printed[2] == f"{'TCP  192.168.1.10:80':33}  123456K{numbers}"
    assert printed[3] == f"{'  -> 192.168.1.201:80':33} 123456789{numbers}"


def test_addresses_half_the_address_space_apart_are_in_inverted_order() -> None:
    views = [server("10.0.0.5"), server("192.168.1.101", 81), server("192.168.1.101")]
    keys = [str(view.destination.key) for view in ipvs_order.sorted_destinations(views)]
    assert keys == ["192.168.1.101:80", "192.168.1.101:81", "10.0.0.5:80"]


def test_where_that_order_goes_in_a_circle_the_merge_decides() -> None:
    circle = [
        "0.0.0.5",
        "100.0.0.5",
        "200.0.0.5",
    ]  # each before the next, the last before the first
    order = ipvs_order.sorted_destinations([server(address) for address in circle])
    assert [str(view.destination.key.address) for view in order] == circle


def test_forwarding_methods_and_wide_weights_keep_their_columns() -> None:
    key = ServerKey(IPv4Address("192.168.1.104"), 80)
    wide = DestinationView(Destination(key, 2147483647, Forwarding.TUNNEL), 7, 12345678901)
    printed = ipvsadm.listing([ServiceView(WEB, Settings("wrr"), (wide,))]).splitlines()[3]
    assert printed == "  -> 192.168.1.104:80             Tunnel  2147483647 7          12345678901"


def test_minutes_have_no_upper_bound() -> None:
    chosen = ServerKey(IPv4Address("192.168.1.201"), 80)
    ends = (IPv4Address("10.0.0.9"), 1, WEB.address, 80)
    entry = Connection("TCP", *ends, chosen, "ESTABLISHED", 2678400)
    assert ipvsadm.connections([entry]).splitlines()[2].startswith("TCP 44640:00 ESTABLISHED")


def test_what_the_model_cannot_hold_is_left_out_of_golden_texts() -> None:
    listing = "FWM  2 rr\n  -> x\nTCP  1.2.3.4:80 rr\n  -> y\nTCP  [::1]:80 rr\n  -> z\n"
    assert representable(listing) == "TCP  1.2.3.4:80 rr\n  -> y\n"
