"""Random clusters and what befalls them: all of it from one number, the seed.

`tell(seed)` runs one story and returns what it cost; it raises `Broken` if an invariant does not
hold. Replay: `python tests/sim/explore.py --seed N --trace`.
"""

import math
import random
from dataclasses import dataclass, replace

from cluster import LATENCY, Cluster, address
from invariants import Broken

from trimaran.model.address import VirtualAddress
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import Announcements, InitialState, VirtualRouter
from trimaran.model.tracking import Track, Tracker, TrackerKind
from trimaran.vrrp.actions import State
from trimaran.vrrp.events import Failover, Maintenance

_SCRIPT = Tracker(TrackerKind.SCRIPT, "check")
_BUSY = 40
"""Intervals of trouble after which there is a new one, or calm is."""
_MOST_DRIFT = 1000
"""Millionths; NTP corrects a clock by at most half of it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a story cost: simulated nanoseconds (and of these the ones that had to be simulated
    event by event), events, and changes of mastership."""

    simulated: int
    busy: int
    events: int
    changes: int


class Story:
    """One cluster, from its start over its troubles to its peace."""

    def __init__(self, seed: int, faults: int = 60) -> None:
        self._dice = random.Random(seed)
        self._faults = faults
        self._preempt = self._dice.random() < 0.85
        self._yielded = False
        hosts = self._routers()
        drifts = [self._dice.randint(-_MOST_DRIFT, _MOST_DRIFT) for _ in hosts]
        self.cluster = Cluster(hosts, drifts, seed)
        self._networks = range(len(hosts[0]))
        self._interval = max(self.cluster.longest)
        self._pace = self._interval * self._dice.choice([0.3, 1, 3, 10, 100, 3000])

    def tell(self) -> Told:
        """Run it. Raises Broken."""
        cluster = self.cluster
        for host in range(len(cluster.hosts)):
            cluster.start(host)
            self._pause()
        for _ in range(self._faults):
            self._dice.choice(_TROUBLES)(self)
            self._pause()
        self._heal()
        cluster.invariants.check()
        passed = cluster.now + cluster.skipped
        return Told(passed, cluster.now, cluster.events, cluster.invariants.changes)

    def _routers(self) -> list[list[VirtualRouter]]:
        dice = self._dice
        number, networks = dice.randint(2, 5), dice.choice([1, 1, 2, 3])
        version = dice.choice([2, 3])
        interval = SECOND * dice.choice([1, 1, 2])
        if version == 3:
            interval = dice.choice([10 * MILLISECOND, 100 * MILLISECOND, SECOND])
        mixed = version == 3 and dice.random() < 0.2
        group = "all" if networks > 1 and dice.random() < 0.6 else None
        lists = [dice.sample(range(1, 255), number) for _ in range(1 if group else networks)]
        if dice.random() < 0.15:
            lists[0][-1] = lists[0][0]  # a tie
        if dice.random() < 0.1 and group is None:
            lists[0][0] = 255
        weights = [dice.choice([None, 0, -60, 20]) for _ in lists]
        return [
            [
                VirtualRouter(
                    name=f"r{network}",
                    interface=f"eth{network}",
                    vrid=network + 1,
                    version=version,
                    advertisement_interval=interval * (dice.choice([1, 2, 5]) if mixed else 1),
                    priority=lists[network % len(lists)][host],
                    initial_state=dice.choice(list(InitialState)),
                    preempt=self._preempt,
                    group=group,
                    announcements=Announcements(1, interval),
                    addresses=(VirtualAddress(address(0) + 100 + network, 24, f"eth{network}"),),
                    tracked=()
                    if (weight := weights[network % len(lists)]) is None
                    else (Track(_SCRIPT, weight),),
                )
                for network in range(networks)
            ]
            for host in range(number)
        ]

    # Troubles

    def _pause(self) -> None:
        length = int(-math.log(1 - self._dice.random()) * self._pace)
        self.cluster.run(length, _BUSY * self._interval)
        self.cluster.invariants.check()

    def _host(self) -> int:
        return self._dice.randrange(len(self.cluster.hosts))

    def _network(self) -> int:
        return self._dice.choice(self._networks)

    def _crash(self) -> None:
        self.cluster.crash(self._host(), power=self._dice.random() < 0.5)

    def _start(self) -> None:
        self.cluster.start(self._host())

    def _start_all(self) -> None:
        for host in range(len(self.cluster.hosts)):
            self.cluster.start(host)

    def _restart_speaker(self) -> None:
        """The speaker dies, its addresses are removed, and it is back at once."""
        host = self._host()
        one, networks = self.cluster.hosts[host], self.cluster.invariants.masters
        mastered = [n for n in self._networks if host in networks[n]]
        if one.machines:
            self.cluster.crash(host, power=True)
            self.cluster.run(self._interval // 2)
            self.cluster.start(host, resumed=mastered)

    def _stop(self) -> None:
        self.cluster.stop(self._host(), hand_over=self._dice.random() < 0.7)

    def _fail_over(self) -> None:
        self._yielded = True
        self.cluster.tell_all(self._host(), Failover())

    def _maintain(self) -> None:
        self.cluster.tell_all(self._host(), Maintenance(on=self._dice.random() < 0.5))

    def _stall(self) -> None:
        host = self._host()
        self.cluster.stall(host)
        self._pause()
        self.cluster.resume(host)

    def _unplug(self) -> None:
        self.cluster.unplug(self._host(), self._network())

    def _plug(self) -> None:
        for host in self.cluster.hosts:
            for network in sorted(host.unplugged):
                self.cluster.plug(host.number, network)

    def _partition(self) -> None:
        """Two sides that do not hear each other, on all networks or on one."""
        side = {h.number for h in self.cluster.hosts if self._dice.random() < 0.5}
        networks = self._networks if self._dice.random() < 0.5 else [self._network()]
        self.cluster.block(
            {(n, a, b) for n, a, b in self._paths() if n in networks and (a in side) != (b in side)}
        )

    def _deafen(self) -> None:
        """Some do not hear some others, who may hear them."""
        share = self._dice.random() * 0.5
        paths = sorted(self._paths())
        self.cluster.block({path for path in paths if self._dice.random() < share})

    def _rejoin(self) -> None:
        self.cluster.block(set())

    def _weather(self) -> None:
        """Loss, duplicates, delay."""
        self.cluster.loss = self._dice.choice([0.0, 0.0, 0.05, 0.3, 0.9])
        self.cluster.duplication = self._dice.choice([0.0, 0.2])

    def _track(self) -> None:
        reading = self._dice.choice([True, True, False, None])
        self.cluster.track(self._host(), self._network(), {_SCRIPT: reading})

    def _lose_address(self) -> None:
        self.cluster.lose_address(self._host(), self._network())

    def _reconfigure(self) -> None:
        """Somebody gives a director another priority; a sync group's members keep one list."""
        host, number = self._host(), self._dice.randint(1, 254)
        for network in self._networks:
            router = self.cluster.hosts[host].routers[network]
            self.cluster.reconfigure(host, network, replace(router, priority=number))

    def _paths(self) -> list[tuple[int, int, int]]:
        numbers = range(len(self.cluster.hosts))
        return [(n, a, b) for n in self._networks for a in numbers for b in numbers if a != b]

    # Peace

    def _heal(self) -> None:
        """All is well again: from now on there is one master, the best, and it stays."""
        cluster = self.cluster
        cluster.loss, cluster.duplication, cluster.latency = 0.0, 0.0, LATENCY
        cluster.block(set())
        self._plug()
        for host in range(len(cluster.hosts)):
            for network in self._networks:
                cluster.track(host, network, {_SCRIPT: True})
        cluster.run(2 * SECOND)
        for host in range(len(cluster.hosts)):
            cluster.tell_all(host, Maintenance(on=False))
        self._start_all()
        cluster.run(10 * self._interval + 3 * SECOND)
        cluster.invariants.check()
        settled = [self._only_master(network) for network in self._networks]
        before = cluster.invariants.changes
        cluster.run(30 * self._interval)
        if cluster.invariants.changes != before:
            raise Broken(f"masters were {settled}, and in all peace that changed")

    def _only_master(self, network: int) -> int:
        masters = self.cluster.invariants.masters[network]
        machines = [host.machines[network] for host in self.cluster.hosts]
        if len(masters) != 1:
            states = ", ".join(f"lb{n} {m.state}" for n, m in enumerate(machines))
            raise Broken(f"in all peace {network} has {len(masters)} masters: {states}")
        (master,) = masters
        priorities = [machine.view().priority for machine in machines]
        if any(machine.state is State.FAULT for machine in machines):
            raise Broken(f"in all peace a director is in FAULT for {network}")
        if self._preempt and not self._yielded and priorities[master] != max(priorities):
            raise Broken(f"in all peace lb{master} is master of {network}: {priorities}")
        return master


_TROUBLES = [
    *(Story._crash, Story._start, Story._start_all, Story._restart_speaker, Story._stop),
    *(Story._fail_over, Story._maintain, Story._stall, Story._unplug, Story._plug),
    *(Story._partition, Story._deafen, Story._rejoin, Story._weather, Story._track),
    *(Story._lose_address, Story._reconfigure, Story._start_all, Story._rejoin, Story._plug),
]
