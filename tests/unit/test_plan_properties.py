"""What holds for every plan, whatever is asked: checked against naive counts."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import chain, combinations, combinations_with_replacement, permutations
from math import lcm
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.plan import bounds, greedy, perfect
from trimaran.plan.evaluate import evaluate, loads
from trimaran.plan.family import Family, members
from trimaran.plan.instance import instance
from trimaran.plan.planner import plan
from trimaran.plan.problem import Demand, Host, Infeasible, Normal, Objective
from trimaran.plan.rebalance import rebalance
from trimaran.plan.search import Search
from trimaran.plan.states import peak_of

LINKS = st.sampled_from([Fraction(1), Fraction(1), Fraction(5, 2), Fraction(4)])
WEIGHTS = st.lists(st.integers(1, 9).map(Fraction), min_size=1, max_size=7).map(tuple)
NORMALS = st.sampled_from(list(Normal))
BRIEFLY = settings(max_examples=40, deadline=None)


@st.composite
def hosts(draw: st.DrawFn, least: int = 2, most: int = 5) -> tuple[Host, ...]:
    count = draw(st.integers(least, most))
    return tuple(
        Host(f"h{at}", draw(LINKS), draw(st.sampled_from([None, "a", "b", "c"])))
        for at in range(count)
    )


@st.composite
def demands(draw: st.DrawFn, vips: st.SearchStrategy[int | tuple[Fraction, ...]]) -> Demand:
    """Demands of objective `peak`, some with racks."""
    directors = draw(hosts())
    domains = [host.domain for host in directors if host.domain is not None]
    largest = max((domains.count(domain) for domain in domains), default=len(directors))
    return Demand(
        directors,
        survive=draw(st.integers(0, min(3, len(directors) - 1))),
        survive_domains=draw(st.integers(0, int(largest < len(directors)))),
        vips=draw(vips),
        objective=Objective.PEAK,
        normal=draw(NORMALS),
    )


def every_loss(demand: Demand) -> list[set[str]]:
    """The family, by its definition."""
    names = [host.name for host in demand.hosts]
    subsets = chain.from_iterable(combinations(names, size) for size in range(len(names)))
    racks = {host.name: host.domain for host in demand.hosts}

    def survived(lost: Sequence[str]) -> bool:
        touched = {racks[name] for name in lost}
        in_racks = None not in touched and len(touched) <= demand.survive_domains
        return len(lost) <= demand.survive or in_racks

    return [set(lost) for lost in subsets if survived(lost)]


def possible(demand: Demand) -> bool:
    """Whether there are VIPs enough for the hosts that must be active."""
    vips = demand.vips if isinstance(demand.vips, int) else len(demand.vips or ())
    return demand.discipline is not Normal.ACTIVE or vips >= len(demand.hosts)


def planned(demand: Demand) -> None:
    """Make the plan and check all that can be said of it."""
    names = sorted(host.name for host in demand.hosts)
    if not possible(demand):
        with pytest.raises(Infeasible, match=r"cannot keep \d hosts active"):
            plan(demand)
        return
    found = plan(demand)
    assert all(sorted(order) == names for order in found.lists)
    speed = dict(zip((host.name for host in demand.hosts), demand.speeds, strict=True))
    states = [loads(found.weights, found.lists, lost) for lost in every_loss(demand)]
    naive = max(load / speed[host] for state in states for host, load in state.items())
    assert found.evaluation.peak == naive
    worst = {host: max(state[host] for state in states if host in state) for host in speed}
    for host, (weight, lost) in found.evaluation.worst.items():
        assert weight == worst[host]
        assert loads(found.weights, found.lists, lost)[host] == weight
    balanced = all(
        load * sum(speed[other] for other in state) == sum(found.weights) * speed[host]
        for state in states
        for host, load in state.items()
    )
    assert found.evaluation.balanced == balanced
    assert instance(demand, found.weights).fluid <= found.bound <= naive
    assert found.proven == (found.bound == naive)
    if demand.discipline is Normal.ACTIVE:
        assert min(found.evaluation.normal.values()) > 0
    if demand.discipline is Normal.EVEN and len(set(found.weights)) == 1:
        for host, load in found.evaluation.normal.items():
            assert (
                abs(load - sum(found.weights) * speed[host] / sum(speed.values()))
                < found.weights[0]
            )


@BRIEFLY
@given(demands(st.integers(1, 12)))
def test_plans_of_equal_vips(demand: Demand) -> None:
    planned(demand)


@given(demands(WEIGHTS))
@settings(max_examples=20, deadline=None)
def test_plans_of_unequal_vips(demand: Demand) -> None:
    planned(demand)


@BRIEFLY
@given(demands(st.just(3)))
def test_the_deciding_losses_are_losses_and_the_family_is_complete(demand: Demand) -> None:
    family = Family.of(demand)
    states = list(family.states())
    named = [{demand.hosts[host].name for host in members(lost)} for lost in states]
    assert sorted(map(sorted, named)) == sorted(map(sorted, every_loss(demand)))
    assert all(lost in family for lost in states)
    assert set(family.deciding) <= set(states)
    values = [int(speed * 2) for speed in demand.speeds]
    taken = [
        sum(values[host] for host in members(lost)) for lost in (family.worst(values), *states)
    ]
    assert taken[0] == max(taken)


@given(st.integers(2, 6), st.integers(1, 3), st.integers(1, 130))
def test_perfect_exactly_when_the_lcm_divides(count: int, survive: int, vips: int) -> None:
    family = Family(count, min(survive, count - 1))
    least = lcm(*range(count - family.survive, count + 1))
    speeds = (Fraction(1),) * count
    assert perfect.number(family, speeds) == least
    assert (perfect.obstacle(family, speeds, vips) is None) == (vips % least == 0)


@pytest.mark.parametrize(("count", "survive"), [(2, 1), (3, 1), (3, 2)])
def test_below_the_perfect_number_no_lists_are_balanced(count: int, survive: int) -> None:
    """By brute force over all lists there are."""
    directors = tuple(Host(f"h{at}", Fraction(1)) for at in range(count))
    demand = Demand(directors, survive=survive)
    orders = list(permutations(host.name for host in directors))
    for vips in range(1, len(plan(demand).lists)):
        for lists in combinations_with_replacement(orders, vips):
            assert not evaluate(demand, (Fraction(1),) * vips, lists).balanced


@pytest.mark.parametrize("normal", [Normal.EVEN, Normal.ANY])
@pytest.mark.parametrize(
    ("links", "survive", "vips"), [("111", 1, 4), ("111", 2, 3), ("221", 1, 4)]
)
def test_no_lists_at_all_are_better_than_the_plan(
    links: str, survive: int, vips: int, normal: Normal
) -> None:
    """By brute force over all lists there are."""
    directors = tuple(Host(f"h{at}", Fraction(link)) for at, link in enumerate(links))
    demand = Demand(directors, survive=survive, vips=vips, objective=Objective.PEAK, normal=normal)
    found = plan(demand)
    posed = instance(demand, vips)
    assert found.proven
    for lists in combinations_with_replacement(permutations(range(len(links))), vips):
        held = [sum(order[0] == host for order in lists) for host in range(len(links))]
        low = all(number >= least for number, least in zip(held, posed.low, strict=True))
        high = all(number <= most for number, most in zip(held, posed.high, strict=True))
        if low and high:
            assert peak_of(posed, lists) >= found.evaluation.peak


@given(demands(st.integers(2, 12)).filter(possible))
@settings(max_examples=5, deadline=None)
def test_no_search_goes_below_the_bound(demand: Demand) -> None:
    posed = instance(demand, demand.vips or 1)
    lists = greedy.lists(posed, 3.0, Random(1))
    below = bounds.bound(posed) * Fraction(99, 100)
    assert Search(posed, lists, 1).reach(below) is None


@BRIEFLY
@given(hosts(3, 5), st.integers(5, 12), st.integers(0, 4), st.booleans())
def test_rebalancing_moves_no_more_than_it_says(
    directors: tuple[Host, ...], vips: int, leaving: int, joins: bool
) -> None:
    old = plan(Demand(directors, vips=vips, objective=Objective.PEAK))
    left = tuple(host for at, host in enumerate(directors) if at != leaving)
    if joins:
        left = (*left, Host("new", Fraction(1)))
    new = rebalance(old, Demand(left, vips=vips, objective=Objective.PEAK))
    gone = {host.name for host in directors} - {host.name for host in left}
    before = [next(host for host in order if host not in gone) for order in old.lists]
    moved = [vip for vip, order in enumerate(new.lists) if order[0] != before[vip]]
    assert [move.vip for move in new.moves] == moved
    posed = instance(new.demand, vips)
    over = [before.count(host.name) - high for host, high in zip(left, posed.high, strict=True)]
    under = [low - before.count(host.name) for host, low in zip(left, posed.low, strict=True)]
    least = max(sum(max(0, number) for number in side) for side in (over, under))
    assert len(moved) == least


@given(demands(st.integers(1, 9)).filter(possible), st.integers(0, 3))
@settings(max_examples=10, deadline=None)
def test_the_same_seed_gives_the_same_plan(demand: Demand, seed: int) -> None:
    assert plan(demand, seed) == plan(demand, seed)


@given(hosts(2, 5), st.data())
@settings(max_examples=25, deadline=None)
def test_lists_that_leave_hosts_out(directors: tuple[Host, ...], data: st.DataObject) -> None:
    names = [host.name for host in directors]
    demand = Demand(directors, survive=data.draw(st.integers(0, len(names) - 1)))
    lists = data.draw(
        st.lists(st.lists(st.sampled_from(names), min_size=1, unique=True), min_size=1)
    )
    found = evaluate(demand, (Fraction(1),) * len(lists), lists)
    left_alone = any(set(order) <= lost for order in lists for lost in every_loss(demand))
    assert (found.unheld is not None) == left_alone
