"""Plan files: what they mean, and what is said of those that make no sense."""

from fractions import Fraction
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.model.service import Protocol
from trimaran.plan.directors import Service, Site
from trimaran.plan.entries import DemandError, Entry, Section, parse
from trimaran.plan.file import Request, overlaid, read
from trimaran.plan.problem import Demand, Host, Normal, Objective

GIGABIT = Fraction(10**9)

WHOLE = """\
survive = 1
traffic = "1.5G"
objective = "fit"
normal = "active"
max_load = "80%"
packets = "1.9M"
connections = "3M"
host_connections = "2M"
both_directions = true
addresses = ["192.168.1.10-12/24", "192.168.1.20/24"]
interface = "eth1"
first_vrid = 51

[[host]]
name = "lb1"
link = "1G"
domain = "rack-a"

[[host]]
name = "lb2"
link = "10Gbit"
packets = "2M"
connections = 1000000

[[host]]
name = "lb3"
link = 1000000000

[domains]
survive = 1
rack-b = ["lb2"]

[[service]]
port = 80
real_servers = ["192.168.1.201", "192.168.1.202"]

[[service]]
port = 53
protocol = "UDP"
real_servers = ["192.168.1.203"]
"""

REFUSED = (
    (Path(__file__).parents[1] / "data/plan/refused.txt").read_text().strip().split("\n\n")[1:]
)

TWO = '[[host]]\nname = "lb1"\n[[host]]\nname = "lb2"\n'


def of(text: str) -> Request:
    return read(parse(text, "site.toml"))


def refusal(text: str) -> str:
    with pytest.raises(DemandError) as refused:
        of(text)
    return str(refused.value)


def test_everything_that_can_be_said() -> None:
    request = of(WHOLE)
    room = 2_000_000
    assert request.demand == Demand(
        hosts=(
            Host("lb1", GIGABIT, "rack-a", None, room),
            Host("lb2", 10 * GIGABIT, "rack-b", Fraction(2_000_000), 1_000_000),
            Host("lb3", GIGABIT, None, None, room),
        ),
        survive=1,
        traffic=GIGABIT * 3 / 2,
        objective=Objective.FIT,
        normal=Normal.ACTIVE,
        max_load=Fraction(4, 5),
        survive_domains=1,
        packets=Fraction(1_900_000),
        connections=3_000_000,
        both_directions=True,
    )
    last = [10, 11, 12, 20]
    assert request.site == Site(
        addresses=tuple(IPv4Interface(f"192.168.1.{n}/24") for n in last),
        interface="eth1",
        services=(
            Service(80, (IPv4Address("192.168.1.201"), IPv4Address("192.168.1.202"))),
            Service(53, (IPv4Address("192.168.1.203"),), Protocol.UDP),
        ),
        first_vrid=51,
    )


def test_the_shortest() -> None:
    demand = of("hosts = 3").demand
    assert [host.name for host in demand.hosts] == ["lb1", "lb2", "lb3"]
    assert (demand.survive, demand.vips, demand.traffic) == (1, None, None)
    assert demand.objective is Objective.BALANCED


def test_who_gives_the_vips_asks_for_their_least_peak() -> None:
    assert of("hosts = 3\nvips = 4").demand.objective is Objective.PEAK
    assert of('hosts = 3\nvips = 4\nobjective = "fit"\ntraffic=5\nlink=9').demand.objective == "fit"


@pytest.mark.parametrize(
    ("said", "vips", "addresses"),
    [
        ("6", 6, ()),
        ("[0.5, 2, '1/3']", (Fraction(1, 2), Fraction(2), Fraction(1, 3)), ()),
        ("'10.0.0.1-3/24'", 3, ("10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24")),
        ("['10.0.0.1', '10.0.0.9']", 2, ("10.0.0.1/32", "10.0.0.9/32")),
        (
            "['10.0.0.1=0.3', '10.0.0.2=0.7']",
            (Fraction(3, 10), Fraction(7, 10)),
            ("10.0.0.1/32", "10.0.0.2/32"),
        ),
        ("['10.0.0.1=3', '10.0.0.2']", (3, 1), ("10.0.0.1/32", "10.0.0.2/32")),
    ],
)
def test_vips(said: str, vips: object, addresses: tuple[str, ...]) -> None:
    request = of(f"hosts = 3\nvips = {said}")
    assert request.demand.vips == vips
    assert request.site.addresses == tuple(map(IPv4Interface, addresses))


def test_naming_domains_means_to_survive_one() -> None:
    text = TWO + '[domains]\na = ["lb1"]\n'
    assert of(text).demand.survive_domains == 1
    assert of(text + "survive = 0").demand.survive_domains == 0
    assert of(TWO).demand.survive_domains == 0


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input(case: str) -> None:
    text, _, message = case.rpartition("! ")
    assert refusal(text) == message


def test_what_an_option_says_counts() -> None:
    below = parse('link = "1G"\n' + TWO, "site.toml")
    options = Section({"hosts": Entry("4", "--hosts"), "link": Entry("2G", "--link")}, "")
    demand = read(overlaid(below, options, "site.toml")).demand
    assert [host.link for host in demand.hosts] == [2 * GIGABIT] * 4
    wrong = Section({"survive": Entry("x", "--survive")}, "")
    with pytest.raises(DemandError, match=r"^--survive: 'x' is not a whole number"):
        read(overlaid(below, wrong, "site.toml"))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        of(text)
    except DemandError as refused:
        assert str(refused).startswith("site.toml:")  # noqa: PT017


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.characters(codec="ascii"))
def test_a_changed_character_is_read_or_refused(at: int, character: str) -> None:
    try:
        of(WHOLE[:at] + character + WHOLE[at + 1 :])
    except DemandError as refused:
        assert str(refused).startswith("site.toml:")  # noqa: PT017
