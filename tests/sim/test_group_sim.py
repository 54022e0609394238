"""Sync groups in simulated time: members are master together, and somebody is."""

import pytest
from group_segments import Grouped
from hypothesis import given, settings
from hypothesis import strategies as st
from vrrp_segment import LATENCY, Segment

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import VirtualRouter
from trimaran.vrrp.timers import master_down_interval

VIP = VirtualAddress(Segment.address(50), 24, "eth1")
V3 = VirtualRouter(
    name="r",
    interface="eth1",
    vrid=1,
    version=3,
    advertisement_interval=100 * MILLISECOND,
    addresses=(VIP,),
)
SETTLED = 3 * SECOND


def started(*priorities: list[int], seed: int = 0, base: VirtualRouter = V3) -> Grouped:
    net = Grouped(base, priorities, seed)
    for host in range(len(priorities[0])):
        net.each("start", host)
    net.run(SETTLED)
    return net


def test_the_same_list_everywhere_the_group_is_where_the_list_says() -> None:
    net = started([254, 200, 150], [254, 200, 150])
    assert net.masters() == [{0}, {0}]
    net.each("kill", 0)
    net.run(SETTLED)
    assert net.masters() == [{1}, {1}]
    net.each("start", 0)
    net.run(SETTLED)
    assert net.masters() == [{0}, {0}]
    assert net.split == []


def test_one_cable_moves_all() -> None:
    net = started([200, 100], [200, 100])
    cut = net.now
    net.segments[1].unplug(0)
    net.settle()
    net.run(SETTLED)
    assert net.masters() == [{1}, {1}]
    interval = V3.advertisement_interval
    bound = master_down_interval(3, 100, interval) + interval + LATENCY[1]
    assert max(segment.history[-1][0] for segment in net.segments) - cut <= bound
    net.segments[1].plug(0)
    net.settle()
    net.run(SETTLED)
    assert net.masters() == [{0}, {0}]
    assert net.split == []


def test_members_with_different_lists_stay_where_they_are() -> None:
    net = started([200, 100], [100, 200])
    holder = net.masters()[0]
    assert net.masters() == [holder, holder]
    assert len(holder) == 1
    net.run(60 * SECOND)
    assert net.masters() == [holder, holder]
    assert net.split == []


def test_nobody_can_hold_a_group_of_which_a_member_is_unfit_everywhere() -> None:
    net = started([200, 100], [200, 100])
    for host in (0, 1):
        net.segments[0].unplug(host)
    net.settle()
    net.run(SETTLED)
    assert net.masters() == [set(), set()]


faults = st.tuples(
    st.sampled_from(["start", "kill", "stop", "unplug", "plug", "island", "rejoin"]),
    st.integers(0, 2),
    st.integers(0, 1),
    st.integers(0, 2 * SECOND),
)


@settings(max_examples=60, deadline=None)
@given(
    priorities=st.lists(st.integers(1, 255), min_size=3, max_size=3, unique=True),
    loss=st.sampled_from([0.0, 0.3]),
    story=st.lists(faults, max_size=12),
    seed=st.integers(0, 1000),
)
def test_whatever_happens_members_are_together_and_in_the_end_one_host_is_master(
    priorities: list[int], loss: float, story: list[tuple[str, int, int, int]], seed: int
) -> None:
    net = started(priorities, priorities, seed=seed)
    for segment in net.segments:
        segment.loss = loss
    for fault, host, which, pause in story:
        segment = net.segments[which]
        match fault:
            case "island":
                segment.island.add(host)
            case "rejoin":
                segment.island.discard(host)
            case "plug" | "unplug":
                getattr(segment, fault)(host)
                net.settle()
            case _:
                net.each(fault, host)
        net.run(pause)
    for segment in net.segments:
        segment.loss, segment.island = 0.0, set()
        for host in list(segment.unplugged):
            segment.plug(host)
    net.settle()
    net.run(2 * SETTLED)
    alive = net.segments[0].machines.keys()
    best = {max(alive, key=lambda host: priorities[host])} if alive else set()
    assert net.masters() == [best, best]
    assert net.split == []


@pytest.mark.parametrize("seed", range(3))
def test_an_orderly_stop_hands_the_whole_group_over(seed: int) -> None:
    net = started([254, 100], [254, 100], seed=seed)
    net.each("stop", 0)
    stopped = net.now
    net.run(SETTLED)
    assert net.masters() == [{1}, {1}]
    assert all(segment.history[-1][0] - stopped <= 100 * MILLISECOND for segment in net.segments)
