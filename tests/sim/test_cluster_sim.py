"""Stories of clusters in simulated time: see `stories`. `make sim` tells many more of them."""

import random
from dataclasses import replace

import pytest
from cluster import Cluster, address
from invariants import Broken
from stories import Story

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import Track, Tracker, TrackerKind
from trimaran.vrrp.election import Verdict
from trimaran.vrrp.events import Failover

VIP = VirtualAddress(address(0) + 100, 24, "eth0")
V3 = VirtualRouter(
    name="r0",
    interface="eth0",
    vrid=1,
    version=3,
    advertisement_interval=100 * MILLISECOND,
    addresses=(VIP,),
)


@pytest.mark.parametrize("seed", range(40))
def test_no_story_breaks_an_invariant(seed: int) -> None:
    Story(seed).tell()


@pytest.mark.parametrize(
    ("part", "defect", "said"),
    [
        ("vrrp.possession.Possession.release", lambda self, succeeded: None, "and holds"),
        ("vrrp.machine.as_master", lambda *facts: Verdict.INSIST, "are both master"),
        ("vrrp.situation.master_down_interval", lambda v, p, i, adverts: 6 * i, "has no master"),
        ("vrrp.group._share_faults", lambda members: iter(()), "only some are master"),
        ("vrrp.group.Group._demote", lambda self, members: iter(()), "only some are master"),
    ],
)
def test_the_invariants_see_what_is_broken(
    monkeypatch: pytest.MonkeyPatch, part: str, defect: object, said: str
) -> None:
    monkeypatch.setattr(f"trimaran.{part}", defect)
    with pytest.raises(Broken, match=said):
        all(Story(seed).tell() for seed in range(100))


def test_a_seed_replays_exactly() -> None:
    traces = []
    for _ in range(2):
        story = Story(6)
        story.cluster.trace = []
        story.tell()
        traces.append(story.cluster.trace)
    assert traces[0] == traces[1]
    assert len(traces[0]) > 100


def test_a_clock_that_is_fast_shows_a_time_no_earlier_than_asked_for() -> None:
    for fast in (-1000, 0, 1, 1000):
        (host,) = Cluster([[V3]], [fast], 0).hosts
        for local in (0, 1, 999_999, 10**12 + 7):
            assert local <= host.local(host.instant(local)) <= local + 1


def test_a_failover_of_a_group_whose_members_are_heard_of_one_after_another() -> None:
    """Found by seed 6: the first that had handed over demanded for ever that the others yield."""
    group = [
        VirtualRouter(
            name=f"r{n}",
            interface=f"eth{n}",
            vrid=n + 1,
            version=3,
            advertisement_interval=100 * MILLISECOND,
            group="all",
            addresses=(VirtualAddress(address(0) + 100 + n, 24, f"eth{n}"),),
            priority=priority,
        )
        for priority in (200, 100)
        for n in range(3)
    ]
    cluster = Cluster([group[:3], group[3:]], [0, 0], 0)
    for host in (0, 1):
        cluster.start(host)
    cluster.run(SECOND)
    assert cluster.invariants.masters == [{0}, {0}, {0}]
    cluster.tell_all(0, Failover())
    cluster.run(SECOND)
    assert cluster.invariants.masters == [{1}, {1}, {1}]
    cluster.invariants.check()


@pytest.mark.parametrize("seed", range(10))
def test_the_end_is_the_same_whatever_the_order_of_notifications(seed: int) -> None:
    """News of trackers, links and addresses that come at once are told in some order."""
    ends = set()
    for order in range(6):
        dice = random.Random(seed)
        trackers = [Tracker(TrackerKind.SCRIPT, f"t{n}") for n in range(2)]
        hosts = []
        for priority in dice.sample(range(100, 250), 3):
            tracked = tuple(Track(each, dice.choice([-60, 20, 0])) for each in trackers)
            hosts.append([replace(V3, priority=priority, tracked=tracked)])
        cluster = Cluster(hosts, [0, 0, 0], seed)
        for host in range(3):
            cluster.track(host, 0, dict.fromkeys(trackers, True))
            cluster.start(host)
        cluster.run(2 * SECOND)
        news = [
            (host, kind, dice.random() < 0.5) for host in range(3) for kind in ("link", "t0", "t1")
        ]
        random.Random(order).shuffle(news)
        known = {host: dict.fromkeys(trackers, True) for host in range(3)}
        for host, kind, good in news:
            if kind != "link":
                known[host][Tracker(TrackerKind.SCRIPT, kind)] = good
                cluster.track(host, 0, dict(known[host]))
            elif good:
                cluster.lose_address(host, 0)
            else:
                cluster.unplug(host, 0)
        cluster.run(3 * SECOND)
        ends.add(
            (
                frozenset(cluster.invariants.masters[0]),
                tuple((h.machines[0].state, h.machines[0].view().priority) for h in cluster.hosts),
                tuple(tuple(sorted(h.held[0])) for h in cluster.hosts),
            )
        )
        cluster.invariants.check()
    assert len(ends) == 1
