"""Plans as text, JSON, pictures, records and configurations."""

import json
import re
import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Interface
from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.conf import load
from trimaran.model.service import Protocol
from trimaran.plan.directors import Service, Site, configurations
from trimaran.plan.evaluate import evaluate
from trimaran.plan.existing import existing
from trimaran.plan.priorities import priorities, step
from trimaran.plan.problem import Demand, Host, Objective, Plan
from trimaran.views.plan_dns import fits, records
from trimaran.views.plan_json import plan_json
from trimaran.views.plan_keepalived import keepalived_text
from trimaran.views.plan_svg import plan_svg
from trimaran.views.plan_table import plan_text

GIGABIT = Fraction(10**9)
LISTS = tuple(permutations(("lb1", "lb2", "lb3")))
SITE = Site(
    addresses=tuple(IPv4Interface(f"192.168.1.{10 + i}/24") for i in range(6)),
    interface="eth1",
    services=(
        Service(80, (IPv4Address("192.168.1.201"), IPv4Address("192.168.1.202"))),
        Service(53, (IPv4Address("192.168.1.203"),), Protocol.UDP),
    ),
)


def plan_of(
    lists: tuple[tuple[str, ...], ...] = LISTS, traffic: Fraction | None = GIGABIT * 3 / 2
) -> Plan:
    names = sorted({host for order in lists for host in order})
    demand = Demand(
        tuple(Host(name, GIGABIT) for name in names),
        traffic=traffic,
        objective=Objective.PEAK,
        vips=len(lists),
    )
    weights = (Fraction(1),) * len(lists)
    return Plan(demand, weights, lists, Fraction(3), True, evaluate(demand, weights, lists))


def test_priorities_are_those_of_the_rules() -> None:
    assert priorities(["a", "b", "c"]) == {"a": 254, "b": 204, "c": 154}
    assert list(priorities("abcd").values()) == [254, 212, 170, 128]
    assert step(32) == 4


@settings(deadline=None)
@given(st.integers(1, 127))
def test_priorities_stay_in_the_healthy_band(hosts: int) -> None:
    order = [f"lb{i}" for i in range(hosts)]
    given_out = list(priorities(order).values())
    assert given_out == sorted(set(given_out), reverse=True)
    assert given_out[0] == 254
    assert given_out[-1] >= 128  # -127 then puts every one of them below, and none to 0


def test_no_priorities_for_too_many() -> None:
    with pytest.raises(ValueError, match="128 hosts in a list: there is room for 1 to 127"):
        priorities([str(i) for i in range(128)])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.permutations(["a", "b", "c", "d"]), min_size=1, max_size=6))
def test_configurations_mean_the_lists(lists: list[list[str]]) -> None:
    """To the model, to text, and back: the same lists, and nothing to be said of them."""
    configs = configurations(lists, SITE)
    texts = {host: keepalived_text(config) for host, config in configs.items()}
    again = {host: load(text.encode(), host) for host, text in texts.items()}
    assert all(result.diagnostics == () for result in again.values())
    found = existing({host: result.config for host, result in again.items() if result.config})
    assert [list(order) for order in found.lists] == lists
    assert found.findings == ()
    assert [addresses[0] for addresses in found.addresses] == [
        address.ip for address in SITE.addresses[: len(lists)]
    ]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.permutations(["a", "b", "c", "d"]), min_size=1, max_size=6))
def test_the_highest_live_priority_is_the_first_live_host(lists: list[list[str]]) -> None:
    """For every set of losses, on what the text says after it was read back."""
    configs = {
        host: load(keepalived_text(config).encode(), host).config
        for host, config in configurations(lists, SITE).items()
    }
    for size in range(4):
        for lost in combinations("abcd", size):
            for vip, order in enumerate(lists):
                said = {
                    host: config.virtual_routers[vip].priority
                    for host, config in configs.items()
                    if config is not None and host not in lost
                }
                assert max(said, key=said.__getitem__) == next(h for h in order if h not in lost)


def test_a_configuration_reads_back_as_it_was() -> None:
    for config in configurations(LISTS, SITE).values():
        assert load(keepalived_text(config, ["a comment"]).encode(), "").config == config


def test_more_vips_than_addresses_or_vrids() -> None:
    with pytest.raises(ValueError, match="7 VIPs, but 6 addresses"):
        configurations([*LISTS, LISTS[0]], SITE)
    late = Site(SITE.addresses, first_vrid=251)
    with pytest.raises(ValueError, match="6 VIPs from VRID 251 on pass the last, 255"):
        configurations(LISTS, late)


def test_text() -> None:
    text = plan_text(plan_of(), SITE)
    assert text.startswith("6 VIPs on 3 hosts, as given\n")
    assert "0.75 Gbit/s = 75 % of its 1 Gbit/s link, on lb1 after the loss of lb2" in text
    assert "  1  192.168.1.10/24  lb1 lb2 lb3\n" in text
    row = "lb2   1 Gbit/s link     2  0.5 Gbit/s  50 %  0.75 Gbit/s  75 %  after the loss of lb1\n"
    assert row in text


def test_the_terminal_picture() -> None:
    text = plan_text(plan_of(), SITE)
    picture = """\
                    (1) (2)    (3)     (4)    (5) (6)
[2] [4] [6]         [4] [6]    [2]     [6]    [2] [4]
[1] [3] [5]         [3] [5]    [1]     [5]    [1] [3]
--- --- ---     --- --- ---    --- --- ---    --- --- ---
lb1 lb2 lb3      x  lb2 lb3    lb1  x  lb3    lb1 lb2  x
nothing lost    lb1 lost       lb2 lost       lb3 lost
"""
    assert picture in text


def test_text_without_traffic_is_in_weights() -> None:
    text = plan_text(plan_of(traffic=None), Site(()))
    assert "Worst peak  weight 3, on lb1 after the loss of lb2" in text
    assert "%" not in text


def test_json() -> None:
    document = json.loads(plan_json(plan_of(), SITE, "www.example.org"))
    keys = ("vips", "feasible", "proven", "bound", "peak", "peak_load", "peak_host", "peak_lost")
    assert [document[key] for key in keys] == [6, True, True, 3, 3, 0.75, "lb1", ["lb2"]]
    assert document["normal"] == {"lb1": 0.5, "lb2": 0.5, "lb3": 0.5}
    assert document["lists"] == [list(order) for order in LISTS]
    assert document["weights"] == [1] * 6
    assert isinstance(document["peak"], int)
    assert document["dns"][0] == "www.example.org. 300 IN A 192.168.1.10"


def test_json_says_fractions_exactly() -> None:
    slow = Demand(
        (Host("a", GIGABIT), Host("b", GIGABIT * 3)), objective=Objective.PEAK, vips=(Fraction(1),)
    )
    lists, weights = (("b", "a"),), (Fraction(1, 3),)
    plan = Plan(slow, weights, lists, Fraction(1, 3), True, evaluate(slow, weights, lists))
    document = json.loads(plan_json(plan, Site(())))
    assert (document["peak"], document["bound"], document["weights"]) == ("1/3", "1/3", ["1/3"])


def test_svg_has_a_block_for_each_vip_in_each_state() -> None:
    root = ElementTree.fromstring(plan_svg(plan_of()))
    name = "{http://www.w3.org/2000/svg}"
    blocks = [r for r in root.iter(f"{name}rect") if r.get("stroke")]
    assert len(blocks) == 4 * 6
    taken_over = [block for block in blocks if block.get("stroke") == "#222"]
    assert len(taken_over) == 3 * 2
    texts = [text.text for text in root.iter(f"{name}text")]
    assert texts.count("75 %") == 6
    assert texts.count("50 %") == 3
    assert {"nothing lost", "lb1 lost", "lb2 lost", "lb3 lost"} <= set(texts)


def test_svg_blocks_stand_on_one_another() -> None:
    blocks = re.findall(
        r'<rect x="(\d+)" y="([\d.]+)" width="44" height="([\d.]+)"', plan_svg(plan_of())
    )
    columns: dict[str, list[tuple[float, float]]] = {}
    for x, y, height in blocks:
        columns.setdefault(x, []).append((float(y), float(height)))
    for stack in columns.values():
        for (upper, _), (lower, height) in zip(stack[1:], stack, strict=False):
            assert upper + height == pytest.approx(lower, abs=0.2)


def test_records() -> None:
    assert records("example.org.", SITE.addresses[:1]) == ["example.org. 300 IN A 192.168.1.10"]
    assert fits("www.example.org", 29)
    assert not fits("www.example.org", 30)
