"""Many VRRP machines on one simulated segment: who is master, and how soon."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vrrp_segment import LATENCY, Segment

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import VirtualRouter
from trimaran.vrrp.timers import master_down_interval, skew_time

VIP = VirtualAddress(Segment.address(50), 24, "eth1")
V2 = VirtualRouter(name="ip1", interface="eth1", vrid=1, addresses=(VIP,))
V3 = replace(V2, version=3, advertisement_interval=100 * MILLISECOND)
SETTLED = 10 * SECOND
"""More than the longest master-down interval, and another advertisement."""


def segment(base: VirtualRouter, *priorities: int, seed: int = 0) -> Segment:
    return Segment([replace(base, priority=p) for p in priorities], seed)


def down_interval(base: VirtualRouter, priority: int) -> int:
    return master_down_interval(base.version, priority, base.advertisement_interval)


def longest_double(history: list[tuple[int, frozenset[int]]], end: int) -> int:
    """The longest time for which there were several masters in succession."""
    longest = since = 0
    double = False
    for (start, masters), (stop, _) in pairwise([*history, (end, frozenset())]):
        since = since if double else start
        double = len(masters) > 1
        if double:
            longest = max(longest, stop - since)
    return longest


@pytest.mark.parametrize("base", [V2, V3], ids=["v2", "v3"])
@pytest.mark.parametrize("seed", range(5))
def test_takeover_takes_at_most_three_intervals_and_the_skew(
    base: VirtualRouter, seed: int
) -> None:
    """RFC 9568, 6.1: the next best follows within its master-down interval, and nobody else."""
    net = segment(base, 254, 204, 154, 104, seed=seed)
    net.start_all()
    net.run(SETTLED)
    assert net.masters() == {0}
    net.run(random.Random(seed).randrange(base.advertisement_interval))
    for lost, heir, priority in ((0, 1, 204), (1, 2, 154), (2, 3, 104)):
        killed_at = net.now
        net.kill(lost)
        net.run(SETTLED)
        assert [masters for at, masters in net.history if at > killed_at] == [{heir}]
        assert net.history[-1][0] - killed_at <= down_interval(base, priority) + LATENCY[1]


def test_losing_two_hosts_at_once_costs_one_timeout() -> None:
    net = segment(V2, 254, 204, 154)
    net.start_all()
    net.run(SETTLED)
    lost_at = net.now
    net.kill(0)
    net.kill(1)
    net.run(SETTLED)
    assert net.masters() == {2}
    assert net.history[-1][0] - lost_at <= down_interval(V2, 154) + LATENCY[1]


@pytest.mark.parametrize("base", [V2, V3], ids=["v2", "v3"])
def test_an_orderly_stop_hands_over_within_the_skew(base: VirtualRouter) -> None:
    net = segment(base, 254, 204, 154)
    net.start_all()
    net.run(SETTLED)
    net.stop(0)
    stopped_at = net.now
    net.run(SETTLED)
    assert net.masters() == {1}
    skew = skew_time(base.version, 204, base.advertisement_interval)
    assert net.history[-1][0] - stopped_at <= skew + LATENCY[1]


@pytest.mark.parametrize("interval", [SECOND, 40 * SECOND, 10 * MILLISECOND], ids="{}".format)
@pytest.mark.parametrize("version", [2, 3])
def test_a_planned_stop_never_leaves_the_address_alone(version: int, interval: int) -> None:
    if version == 2 and interval < SECOND:
        pytest.skip("version 2 counts in seconds")
    base = replace(V2, version=version, advertisement_interval=interval)
    net = segment(base, 254, 204, 154)
    net.start_all()
    net.run(SETTLED + 5 * interval)
    for leaving, heir in ((0, 1), (1, 2)):
        left_at = net.now
        net.leave(leaving)
        net.run(SECOND)
        taken_over = [masters for at, masters in net.history if at > left_at]
        assert taken_over == [{leaving, heir}, {heir}]
        assert longest_double(net.history, net.now) <= LATENCY[1]
        net.run(SETTLED + 5 * interval)


def test_a_healed_host_preempts_with_hardly_any_double_mastership() -> None:
    net = segment(V2, 100, 50)
    net.start_all()
    net.run(SETTLED)
    net.kill(0)
    net.run(SETTLED)
    net.start(0)
    net.run(SETTLED)
    assert [masters for _, masters in net.history] == [
        *(set(), {0}, set(), {1}),
        {0, 1},  # until lb1's first advertisement has reached lb2
        {0},
    ]
    assert longest_double(net.history, net.now) <= LATENCY[1]


def test_nopreempt_leaves_the_service_where_it_is() -> None:
    net = segment(replace(V2, preempt=False), 100, 50)
    net.start(1)
    net.run(SETTLED)
    net.start(0)
    net.run(SETTLED)
    assert net.masters() == {1}


@pytest.mark.parametrize("base", [V2, V3], ids=["v2", "v3"])
def test_after_a_partition_one_master_is_left_within_an_interval(base: VirtualRouter) -> None:
    net = segment(base, 254, 204, 154, 104)
    net.start_all()
    net.run(SETTLED)
    net.island = {2, 3}
    net.run(SETTLED)
    assert net.masters() == {0, 2}, "a master on either side: nobody can know better"
    net.island = set()
    healed_at = net.now
    net.run(SETTLED)
    assert net.masters() == {0}
    assert net.history[-1][0] - healed_at <= base.advertisement_interval + 2 * LATENCY[1]


def test_two_owners_come_to_one() -> None:
    net = segment(V2, 255, 255, 100)
    net.start_all()
    net.run(SETTLED)
    assert net.masters() == {1}, "the higher address"


def test_version_3_hosts_with_different_intervals_agree() -> None:
    slow = replace(V3, priority=200, advertisement_interval=SECOND)
    quick = replace(V3, priority=100)
    net = Segment([slow, quick])
    net.start_all()
    net.run(SETTLED)
    assert net.masters() == {0}
    changes = len(net.history)
    net.run(60 * SECOND)
    assert len(net.history) == changes, "the quick one has adopted the slow one's interval"


def test_a_fifth_of_all_packets_lost_costs_no_long_double_mastership() -> None:
    net = segment(V2, 254, 204, 154, seed=1)
    net.loss = 0.2
    net.start_all()
    net.run(3600 * SECOND)
    assert longest_double(net.history, net.now) <= 5 * SECOND
    net.loss = 0.0
    net.run(SETTLED)
    assert net.masters() == {0}


faults = st.tuples(
    st.sampled_from(["start", "kill", "stop", "leave", "unplug", "plug", "island", "rejoin"]),
    st.integers(0, 3),
    st.integers(0, 6 * SECOND),
)


@settings(max_examples=150, deadline=None)
@given(
    base=st.sampled_from([V2, V3]),
    priorities=st.lists(st.integers(1, 255), min_size=4, max_size=4),
    preempt=st.booleans(),
    loss=st.sampled_from([0.0, 0.3, 1.0]),
    story=st.lists(faults, max_size=15),
    seed=st.integers(0, 1000),
)
def test_whatever_happened_a_quiet_segment_has_exactly_one_master(
    base: VirtualRouter,
    priorities: list[int],
    preempt: bool,
    loss: float,
    story: list[tuple[str, int, int]],
    seed: int,
) -> None:
    net = segment(replace(base, preempt=preempt), *priorities, seed=seed)
    net.start_all()
    net.loss = loss
    for fault, host, pause in story:
        if fault == "island":
            net.island.add(host)
        elif fault == "rejoin":
            net.island.discard(host)
        else:
            getattr(net, fault)(host)
        net.run(pause)
    net.loss, net.island = 0.0, set()
    for host in list(net.unplugged):
        net.plug(host)
    net.run(2 * SETTLED)

    assert len(net.masters()) == (1 if net.machines else 0)
    if preempt and net.machines:
        (master,) = net.masters()
        assert priorities[master] == max(priorities[host] for host in net.machines)
    changes = len(net.history)
    net.run(30 * SECOND)
    assert len(net.history) == changes, "and that is stable"
