"""What the planner answers to the questions of the exercise, and to questions without an answer."""

from dataclasses import replace
from fractions import Fraction

import pytest

from trimaran.plan.alternatives import compare, roomier
from trimaran.plan.evaluate import evaluate, loads
from trimaran.plan.planner import plan
from trimaran.plan.problem import Demand, Host, Infeasible, Normal, Objective, Plan
from trimaran.plan.rebalance import rebalance

GIGABIT = Fraction(10**9)
ONE = Fraction(1)


def directors(count: int, link: Fraction = GIGABIT) -> tuple[Host, ...]:
    return tuple(Host(f"lb{number}", link) for number in range(1, count + 1))


EXERCISE = Demand(directors(3), survive=1, traffic=Fraction(3, 2) * GIGABIT)


def gigabits(found: Plan, *lost: str) -> dict[str, Fraction]:
    """The load of each live host in Gbit/s."""
    unit = Fraction(3, 2) / len(found.weights)
    return {host: weight * unit for host, weight in loads(found.weights, found.lists, lost).items()}


def test_balanced_takes_six_vips() -> None:
    found = plan(EXERCISE)
    assert len(found.lists) == 6
    assert found.proven
    assert gigabits(found) == dict.fromkeys(("lb1", "lb2", "lb3"), Fraction(1, 2))
    assert gigabits(found, "lb2") == dict.fromkeys(("lb1", "lb3"), Fraction(3, 4))
    assert found.evaluation.balanced
    assert (found.bound, found.evaluation.peak, found.evaluation.peak_load) == (3, 3, 0.75)
    assert [order[0] for order in found.lists] == ["lb1", "lb2", "lb3"] * 2
    assert found.reasons == (
        "1-2, 4-5 VIPs: with nothing lost, lb1, lb2 and lb3 cannot hold equal shares of them",
        "3 VIPs: after the loss of lb1, lb2 and lb3 cannot hold equal shares of them",
    )


def test_three_vips_fit_at_exactly_the_whole_link() -> None:
    found = plan(replace(EXERCISE, objective=Objective.FIT))
    assert len(found.lists) == 3
    assert found.evaluation.peak_load == 1


def test_four_vips_fit_with_any_head_room() -> None:
    found = plan(replace(EXERCISE, objective=Objective.FIT, max_load=Fraction(999, 1000)))
    assert len(found.lists) == 4
    assert sorted(gigabits(found).values()) == [0.375, 0.375, 0.75]
    assert found.evaluation.peak_load == 0.75
    assert found.proven
    assert found.reasons == (
        "1-2 VIPs: fewer than the 3 hosts: one would idle",
        "3 VIPs: whatever the lists, some loss puts 100 % on a host",
    )


def test_a_plan_without_head_room_names_one_that_has_it() -> None:
    tight = plan(replace(EXERCISE, objective=Objective.FIT))
    found = roomier(tight)
    assert found is not None
    assert (len(found.lists), found.evaluation.peak_load) == (4, 0.75)
    assert roomier(found) is None
    full = replace(EXERCISE, objective=Objective.ANY, traffic=2 * GIGABIT)
    assert plan(full).evaluation.peak_load == 1
    assert roomier(plan(full)) is None, "two survivors carry 1 Gbit/s each, whatever the lists"


def test_two_vips_fit_if_a_host_may_idle() -> None:
    found = plan(replace(EXERCISE, objective=Objective.ANY))
    assert len(found.lists) == 2
    assert sorted(gigabits(found).values()) == [0, 0.75, 0.75]
    assert found.evaluation.peak_load == 0.75
    assert found.reasons == ("1 VIP: whatever the lists, some loss puts 150 % on a host",)


def test_fit_keeps_slow_hosts_active_too() -> None:
    hosts = (Host("fast", 10 * GIGABIT), *directors(3))
    found = plan(Demand(hosts, traffic=2 * GIGABIT, objective=Objective.FIT))
    assert found.evaluation.normal == {"fast": 1, "lb1": 1, "lb2": 1, "lb3": 1}
    assert found.evaluation.peak_load == 1
    assert found.evaluation.peak_lost == ("fast",)


def test_too_much_traffic_says_where_and_what_would_help() -> None:
    with pytest.raises(Infeasible) as caught:
        plan(replace(EXERCISE, traffic=3 * GIGABIT))
    refusal = caught.value
    assert (refusal.host, refusal.lost, refusal.load) == ("lb2", ("lb1",), Fraction(3, 2))
    assert str(refusal).splitlines() == [
        "after the loss of lb1, lb2 and lb3 each carry 150 % of their limits (link), however the "
        "VIPs are spread: at most 100 % is asked for",
        "1 more host like lb1",
        "limits 1.5 times as high on every host",
        "66.66 % of the demand",
        "to survive the loss of 0 hosts only",
    ]


@pytest.mark.parametrize(
    ("demand", "message"),
    [
        (
            Demand(directors(8), survive=3),
            "even in every state take 840 VIPs: a segment has 255 VRIDs\n"
            "to survive the loss of 2 hosts only, 168 VIPs would do",
        ),
        (replace(EXERCISE, vips=4), "4 VIPs cannot be balanced: with nothing lost, lb1, lb2 and"),
        (
            replace(EXERCISE, vips=2, objective=Objective.FIT),
            "2 VIPs cannot keep 3 hosts active\nat least 3 VIPs",
        ),
        (
            replace(EXERCISE, vips=5, objective=Objective.FIT, max_load=Fraction(4, 5)),
            "5 VIPs: with the best lists, after the loss of lb. lb. carries 90 % of its limit: "
            "at most 80 % is asked for\na max_load of 90 %",
        ),
        (
            replace(
                EXERCISE,
                hosts=directors(5),
                survive=2,
                traffic=Fraction(2999, 1000) * GIGABIT,
                objective=Objective.FIT,
                normal=Normal.EVEN,
                vips=9,
            ),
            "9 VIPs: with the best lists, .* carries 133.3 % of its limit",
        ),
        (
            replace(EXERCISE, vips=(ONE, ONE, 3 * ONE)),
            "these weights cannot be balanced: whatever the lists, the worst peak is at least 3, "
            "where even loads would give 5/2",
        ),
        (replace(EXERCISE, vips=(ONE, ONE, 2 * ONE)), "nor was it proven .* worst peak 3"),
    ],
)
def test_infeasible_demands_say_why(demand: Demand, message: str) -> None:
    with pytest.raises(Infeasible, match=message):
        plan(demand)


def test_unequal_weights_are_balanced_where_each_weight_can_be() -> None:
    found = plan(replace(EXERCISE, vips=(ONE, 3 * ONE) * 6))
    assert found.evaluation.balanced
    assert found.evaluation.peak == 12


def test_peak_never_refuses_a_load_above_the_limit() -> None:
    found = plan(replace(EXERCISE, vips=1, objective=Objective.PEAK))
    assert found.evaluation.peak_load == Fraction(3, 2)


def test_packets_and_connections_bind_beside_bits() -> None:
    slow = Host("slow", 10 * GIGABIT, packets=Fraction(1_000_000))
    table = Host("table", 10 * GIGABIT, connections=30_000)
    demand = Demand(
        (slow, table, Host("free", 10 * GIGABIT)),
        traffic=GIGABIT,
        packets=Fraction(2_000_000),
        connections=100_000,
        vips=10,
        objective=Objective.PEAK,
    )
    assert demand.capacity(slow) == (Fraction(1, 2), "packets")
    assert demand.capacity(table) == (Fraction(3, 10), "connections")
    assert demand.speeds == (Fraction(5, 3), 1, Fraction(100, 3))
    with pytest.raises(Infeasible, match=r"slow and table .* \(packets and connections\)"):
        plan(replace(demand, vips=None, objective=Objective.FIT))


def test_both_directions_halve_what_a_link_carries() -> None:
    one_way = plan(EXERCISE)
    halved = replace(EXERCISE, traffic=Fraction(3, 4) * GIGABIT, both_directions=True)
    assert plan(halved).evaluation == one_way.evaluation


def test_careless_lists_are_no_better_than_three_vips() -> None:
    careless = [["lb1", "lb2", "lb3"], ["lb2", "lb3", "lb1"], ["lb3", "lb1", "lb2"]] * 2
    evaluation = evaluate(EXERCISE, (ONE,) * 6, careless)
    assert evaluation.peak_load == 1
    assert not evaluation.balanced
    assert evaluation.worst["lb2"] == (4, ("lb1",))


def test_lists_that_leave_hosts_out_may_leave_a_vip_to_nobody() -> None:
    evaluation = evaluate(EXERCISE, (ONE, ONE), [["lb1", "lb2"], ["lb3"]])
    assert evaluation.unheld == ("lb3",)
    assert evaluate(EXERCISE, (ONE,), [["lb1", "lb2"]]).unheld is None


def test_a_rack_may_be_lost_in_part() -> None:
    """Six hosts in two racks: a rack lost but for one host leaves that host in the rack's place."""
    racks = tuple(replace(host, domain="ab"[at // 3]) for at, host in enumerate(directors(6)))
    demand = Demand(racks, survive=0, survive_domains=1, vips=6, objective=Objective.PEAK)
    lists = [["lb1", "lb2", "lb3", "lb4", "lb5", "lb6"]] + [
        [f"lb{number}"] + [f"lb{other}" for other in range(1, 7) if other != number]
        for number in range(2, 7)
    ]
    evaluation = evaluate(demand, (ONE,) * 6, lists)
    assert evaluation.worst["lb3"] == (3, ("lb1", "lb2"))
    assert plan(demand).evaluation.peak == 2


def test_a_host_that_joins_takes_its_share_and_no_more() -> None:
    old = plan(Demand(directors(3), vips=12, objective=Objective.PEAK))
    new = rebalance(old, Demand(directors(4)))
    assert new.evaluation.balanced
    assert len(new.moves) == 3
    assert {move.target for move in new.moves} == {"lb4"}
    for vip, (before, after) in enumerate(zip(old.lists, new.lists, strict=True)):
        moved = vip in {move.vip for move in new.moves}
        assert (before[0] != after[0]) == moved


def test_an_old_plan_that_does_not_match_is_refused() -> None:
    old = plan(EXERCISE)
    with pytest.raises(ValueError, match="the old plan has 6 VIPs"):
        rebalance(old, replace(EXERCISE, vips=12))


def test_where_vrrp_ends() -> None:
    small = compare(plan(EXERCISE))
    assert (small.ecmp_peak, small.ecmp_load, small.excess) == (3, 0.75, 0)
    assert small.vrids_left == 249
    assert small.advice == ()

    large = plan(Demand(directors(12), survive=2, vips=100, objective=Objective.PEAK))
    assert compare(large).ecmp_peak == 10
    assert [line.split(":")[0] for line in compare(large).advice] == [
        "12 hosts on one segment",
        "100 VIPs",
        "whole VIPs cost 10 % more on the worst host than ECMP's single flows",
    ]


@pytest.mark.parametrize("slow", [10**3, 10**5, 10**9])
def test_extremely_unequal_links_are_planned_in_full(slow: int) -> None:
    hosts = (Host("fast", Fraction(10**10)), Host("slow", Fraction(10**10, slow)))
    for vips in (1, 2, 12, 60):
        found = plan(Demand(hosts, vips=vips, objective=Objective.PEAK))
        assert found.evaluation.unheld is None
        assert all(sorted(order) == ["fast", "slow"] for order in found.lists)


def test_fewer_weighted_vips_than_hosts_cannot_keep_all_active() -> None:
    hosts = tuple(Host(name, Fraction(10**9)) for name in "abcd")
    weights = (Fraction(3, 10), Fraction(1))
    with pytest.raises(Infeasible, match="2 VIPs cannot keep 4 hosts active"):
        plan(
            Demand(hosts, survive=2, vips=weights, objective=Objective.FIT, traffic=Fraction(10**9))
        )


def test_what_comes_near_is_the_best_that_is_found_and_would_do() -> None:
    asked = Demand(
        directors(32),
        survive=3,
        traffic=20 * GIGABIT,
        max_load=Fraction(4, 5),
        objective=Objective.FIT,
    )
    with pytest.raises(Infeasible) as why:
        plan(asked)
    assert "242 VIPs come near, with 82.64 % on a host" in why.value.reason
    assert why.value.remedies == ("a max_load of 82.65 %, with 242 VIPs",)
    asked = replace(asked, max_load=Fraction(8265, 10_000), vips=242)
    assert plan(asked).evaluation.peak_load == Fraction(10 * 20, 242)
