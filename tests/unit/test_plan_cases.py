"""The planner against shared/plan-cases.tsv: proven answers, found by other programs."""

import csv
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from trimaran.plan import exact, perfect
from trimaran.plan.evaluate import evaluate
from trimaran.plan.instance import instance
from trimaran.plan.planner import plan
from trimaran.plan.problem import MAX_VIPS, Demand, Host, Infeasible, Normal, Objective
from trimaran.plan.rebalance import rebalance

TABLE = Path(__file__).parent / "data/plan-cases.tsv"
CASES = {row["id"]: row for row in csv.DictReader(TABLE.read_text().splitlines(), delimiter="\t")}
NEED_SOLVER = {"C42", "C44", "C48", "C50"}
"""The bound is below the least peak, or the search may miss the lists that meet it (C42, C50)."""

ONE = Fraction(1)


def cases(kind: str) -> list[str]:
    return [name for name, row in CASES.items() if row["kind"] == kind]


def hosts_of(row: dict[str, str]) -> tuple[Host, ...]:
    links = [Fraction(cap) for cap in row["caps"].split(",")]
    racks = row["racks"] if row["racks"] != "-" else [None] * len(links)
    return tuple(
        Host(f"h{index}", link, rack)
        for index, (link, rack) in enumerate(zip(links, racks, strict=True))
    )


def weights_of(row: dict[str, str]) -> tuple[Fraction, ...]:
    if row["vip_weights"] == "equal,1":
        return (ONE,) * int(row["V"])
    return tuple(Fraction(weight) for weight in row["vip_weights"].split(","))


@pytest.mark.parametrize("name", cases("min_v"))
def test_the_fewest_vips_that_fit(name: str) -> None:
    row = CASES[name]
    normal = Normal(row["normal"])
    demand = Demand(
        hosts_of(row),
        survive=int(row["F"]),
        survive_domains=int(row["R"]),
        traffic=Fraction(row["traffic"]),
        objective=Objective.ANY if normal is Normal.ANY else Objective.FIT,
        normal=normal,
        max_load=1 - Fraction(row["headroom"]),
    )
    if row["expect_V"] == "none<=255":
        with pytest.raises(Infeasible):
            plan(demand)
        return
    found = plan(demand)
    assert len(found.lists) == int(row["expect_V"])
    assert found.proven
    load = found.evaluation.peak_load
    assert load is not None
    assert load <= demand.max_load
    assert f"found {float(load):.4f}" == row["expect_peak_decimal"]


@pytest.mark.parametrize("name", cases("perfect_v"))
def test_the_fewest_vips_that_are_balanced(name: str) -> None:
    row = CASES[name]
    demand = Demand(hosts_of(row), survive=int(row["F"]))
    number = int(row["expect_V"])
    if number > MAX_VIPS:
        with pytest.raises(Infeasible, match=f" {number} VIPs"):
            plan(demand)
    else:
        found = plan(demand)
        assert len(found.lists) == number
        assert found.proven
        assert found.evaluation.balanced

    posed = instance(demand, number)
    assert perfect.number(posed.family, posed.speeds) == number
    names = [host.name for host in demand.hosts]
    lists = [[names[host] for host in order] for order in perfect.lists(posed)]
    evaluation = evaluate(demand, (ONE,) * number, lists)
    assert evaluation.balanced
    slowest = min(host.link for host in demand.hosts)
    assert evaluation.peak / slowest == Fraction(row["expect_peak_util"])


@pytest.mark.parametrize("name", cases("min_peak"))
def test_the_least_worst_peak(name: str) -> None:
    row = CASES[name]
    if name in NEED_SOLVER and not exact.available():
        pytest.skip("proving this takes OR-Tools: pip install trimaran[plan]")
    demand = Demand(
        hosts_of(row),
        survive=int(row["F"]),
        survive_domains=int(row["R"]),
        vips=weights_of(row),
        objective=Objective.PEAK,
        normal=Normal(row["normal"]),
    )
    found = plan(demand)
    peak = found.evaluation.peak / min(host.link for host in demand.hosts)
    if row["proven"] != "yes":
        assert peak <= Fraction(row["expect_peak_util"].removeprefix("<="))
        return
    assert peak == Fraction(row["expect_peak_util"])
    assert found.proven


@dataclass(frozen=True)
class Matrix:
    """Lists written as digits, a word for each VIP."""

    words: str

    @property
    def lists(self) -> list[list[str]]:
        return [[f"h{digit}" for digit in word] for word in self.words.split()]


GIVEN = {
    "C12": Matrix("012 102"),
    "C13": Matrix("012 012 120 120 201 201"),
    "C14": Matrix("012 021 120 102 201 210"),
}


@pytest.mark.parametrize("name", cases("evaluate"))
def test_given_lists(name: str) -> None:
    row = CASES[name]
    demand = Demand(hosts_of(row), survive=int(row["F"]), traffic=Fraction(row["traffic"]))
    lists = GIVEN[name].lists
    evaluation = evaluate(demand, (ONE,) * len(lists), lists)
    assert evaluation.peak_load == Fraction(row["expect_peak_util"])


@pytest.mark.parametrize("name", cases("rebalance"))
def test_a_host_joins_or_leaves(name: str) -> None:
    row = CASES[name]
    before, after = (int(number) for number in row["hosts"].split("->"))
    names = [f"h{index}" for index in range(max(before, after))]
    left = names if after > before else [name for name in names if name != "h2"]

    def demand(hosts: list[str]) -> Demand:
        equal = tuple(Host(host, ONE) for host in hosts)
        return Demand(equal, survive=int(row["F"]), vips=int(row["V"]), objective=Objective.PEAK)

    found = rebalance(plan(demand(names[:before])), demand(left))
    assert f"moves={len(found.moves)}" == row["expect_V"]
    assert found.evaluation.peak == Fraction(row["expect_peak_util"])
    assert found.proven


def test_every_case_is_tested() -> None:
    kinds = ("min_v", "perfect_v", "min_peak", "evaluate", "rebalance")
    assert sorted(CASES) == sorted(name for kind in kinds for name in cases(kind))
