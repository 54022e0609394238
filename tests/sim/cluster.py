"""Directors on simulated networks, with everything that can go wrong; exact time.

The machines and sync groups are the real ones; this is their shell. Each virtual router is on a
network of its own. Every host has its own clock, which may run fast or slow. The loop jumps from
event to event. Nothing is left to chance but by the seed: the same calls give the same history.

Where nothing is left to happen but advertisements that are heard, a state comes again and again:
then the rest of the wait is skipped, and only counted.

What a shell owes its machines is kept here too: actions in order, and after a stall the
datagrams that have arrived before the timers that have come due.
"""

import heapq
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from invariants import Invariants

from trimaran.model.duration import MICROSECOND, MILLISECOND
from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import Readings
from trimaran.vrrp.actions import AddAddresses, RemoveAddresses, SendAdvertisement, State
from trimaran.vrrp.events import (
    AddressMissing,
    Event,
    Failover,
    InterfaceDown,
    InterfaceUp,
    Maintenance,
    Reconfigured,
    Shutdown,
    Started,
    TimerExpired,
    TrackersChanged,
)
from trimaran.vrrp.group import Group
from trimaran.vrrp.handover import PATIENCE
from trimaran.vrrp.machine import Machine
from trimaran.vrrp.packet import Advertisement, Received

LATENCY = (50 * MICROSECOND, 2 * MILLISECOND)
_MILLION = 1_000_000
_CALM = 5
"""Intervals without news after which, all timers having expired, there will be none."""


@dataclass(slots=True)
class Host:
    """A director. `fast`: by how many millionths its clock is fast."""

    number: int
    routers: list[VirtualRouter]
    fast: int
    machines: list[Machine] = field(default_factory=list)
    """One for each virtual router, while its speaker runs."""
    groups: dict[str, Group] = field(default_factory=dict)
    held: list[set[IPv4Address]] = field(default_factory=list)
    """The addresses that its kernel has, for each virtual router."""
    unplugged: set[int] = field(default_factory=set)
    stalled: bool = False
    queue: list[tuple[int, Event]] = field(default_factory=list)
    """What it will hear of when it is no longer stalled."""
    readings: dict[int, Readings] = field(default_factory=dict)
    """What is known of trackers, for each virtual router."""
    left_at: int | None = None
    """When it was last told to hand over."""

    def local(self, instant: int) -> int:
        """The host's time at an instant."""
        return instant + instant * self.fast // _MILLION

    def instant(self, local: int) -> int:
        """When the host's clock shows this time, or just after."""
        return -(-local * _MILLION // (_MILLION + self.fast))


class Cluster:
    """`priorities[host][router]`; the networks are numbered as the virtual routers."""

    def __init__(self, hosts: Sequence[Sequence[VirtualRouter]], drifts: Sequence[int], seed: int):
        self.now = 0
        self.loss = 0.0
        self.duplication = 0.0
        self.latency = LATENCY
        self.blocked: set[tuple[int, int, int]] = set()
        """Network, sender and receiver that the sender's packets do not get to."""
        self.hosts = [
            Host(number, list(routers), fast)
            for number, (routers, fast) in enumerate(zip(hosts, drifts, strict=True))
        ]
        self.events = 0
        self.skipped = 0
        """Time in which nothing new would have happened."""
        self._stirred_at = 0
        self.trace: list[str] | None = None
        self._random = random.Random(seed)
        self._order = 0
        self._flying: list[tuple[int, int, int, int, Received]] = []
        self._timers: list[tuple[int, int, int, int, int]] = []
        self._last_arrival: dict[tuple[int, int, int], int] = {}
        networks = range(len(self.hosts[0].routers))
        self.longest = [
            max(host.routers[network].advertisement_interval for host in self.hosts)
            for network in networks
        ]
        """The longest interval that there ever was, for each virtual router."""
        self.invariants = Invariants(self)

    # What happens to hosts

    def start(self, host: int, resumed: Iterable[int] = ()) -> None:
        """Start a director, if it does not run. `resumed`: routers that were master just now."""
        one = self.hosts[host]
        if one.machines:
            return
        one.machines = [Machine(router) for router in one.routers]
        one.groups = {r.group: Group() for r in one.routers if r.group is not None}
        one.held = one.held or [set() for _ in one.routers]
        for network in range(len(one.routers)):
            if network not in one.unplugged:
                self._tell(one, network, InterfaceUp(address(host)))
            self._tell(one, network, TrackersChanged(one.readings.get(network, {})))
        for network in range(len(one.routers)):
            self._tell(one, network, Started(network in resumed))
        self._settle(one)

    def crash(self, host: int, *, power: bool) -> None:
        """Its processes die; with `power` its addresses go with the host, else the kernel keeps
        them until the next start."""
        one = self.hosts[host]
        one.machines, one.groups, one.queue, one.stalled = [], {}, [], False
        if power:
            one.held = []
        self.invariants.look(one)

    def stop(self, host: int, *, hand_over: bool) -> None:
        if hand_over:
            self.hosts[host].left_at = self.now
        self.tell_all(host, Shutdown(hand_over))

    def stall(self, host: int) -> None:
        """Its processes do not run for a while (SIGSTOP, a suspended VM)."""
        one = self.hosts[host]
        self.invariants.disturbed(host)
        one.stalled = bool(one.machines)
        self.invariants.look(one)

    def resume(self, host: int) -> None:
        one = self.hosts[host]
        if not one.stalled:
            return
        self.invariants.disturbed(host)
        one.stalled = False
        queue, one.queue = one.queue, []
        for network, event in queue:
            self._tell(one, network, event)
        self._expire(one)

    def unplug(self, host: int, network: int) -> None:
        self.hosts[host].unplugged.add(network)
        self.tell(host, network, InterfaceDown("no carrier"))

    def plug(self, host: int, network: int) -> None:
        self.hosts[host].unplugged.discard(network)
        self.invariants.disturbed(host)
        self.tell(host, network, InterfaceUp(address(host)))

    def lose_address(self, host: int, network: int) -> None:
        """Somebody else removes a virtual address."""
        one = self.hosts[host]
        for missing in sorted(one.held[network]) if one.held else ():
            one.held[network].discard(missing)
            self.tell(host, network, AddressMissing(missing))

    def reconfigure(self, host: int, network: int, router: VirtualRouter) -> None:
        self.hosts[host].routers[network] = router
        self.longest[network] = max(self.longest[network], router.advertisement_interval)
        self.tell(host, network, Reconfigured(router))

    def track(self, host: int, network: int, readings: Readings) -> None:
        """What is known of trackers changes."""
        self.hosts[host].readings[network] = readings
        self.tell(host, network, TrackersChanged(readings))

    def tell_all(self, host: int, event: Event) -> None:
        """Tell all machines of a host, and then only its groups."""
        self.tell(host, tuple(range(len(self.hosts[host].routers))), event)

    def tell(self, host: int, networks: int | tuple[int, ...], event: Event) -> None:
        """Tell machines, if they run; those that are stalled hear of it later."""
        one = self.hosts[host]
        networks = (networks,) if isinstance(networks, int) else networks
        if isinstance(event, Failover | Maintenance):
            one.left_at = self.now
        if one.stalled:
            one.queue += ((network, event) for network in networks)
        elif one.machines:
            for network in networks:
                self._tell(one, network, event)
            self._settle(one)

    def block(self, pairs: set[tuple[int, int, int]]) -> None:
        """From now on these do not get through, and all others do."""
        for network, sender, receiver in self.blocked ^ pairs:
            self.invariants.disturbed(sender, receiver, network)
        self.blocked = pairs

    # Time

    def run(self, duration: int, busy: int | None = None) -> None:
        """Let this much time pass; but after `busy`, if it is not calm then, no more."""
        end = self.now + duration
        stop = end if busy is None else min(end, self.now + busy)
        flying, timers = self._flying, self._timers
        calm = (
            PATIENCE
            + _CALM * max(self.longest)
            + max(router.announcements.delay for host in self.hosts for router in host.routers)
        )
        self._stirred_at = self.now
        while True:
            arrival = flying[0][0] if flying else end + 1
            due = timers[0][0] if timers else end + 1
            if arrival > stop and due > stop:
                break
            if not self.loss and min(arrival, due) > self._stirred_at + calm:
                self.skipped += end - self.now
                return
            self.events += 1
            if arrival <= due:
                self.now, _, host, network, received = heapq.heappop(flying)
                self._arrive(self.hosts[host], network, received)
            else:
                self.now, _, host, network, local = heapq.heappop(timers)
                one = self.hosts[host]
                if one.machines and one.machines[network].deadline() == local:
                    self._expire(one)
        self.now = stop

    # The shell

    def _tell(self, one: Host, network: int, event: Event) -> None:
        machine = one.machines[network]
        before = machine.deadline()
        for action in machine.handle(event, one.local(self.now)):
            match action:
                case SendAdvertisement():
                    self._multicast(one, network, action.advertisement)
                case AddAddresses(addresses):
                    self._stirred_at = self.now
                    one.held[network].update(a.address for a in addresses)
                case RemoveAddresses(addresses):
                    self._stirred_at = self.now
                    one.held[network].difference_update(a.address for a in addresses)
                case _:
                    self._stirred_at = self.now
            if self.trace is not None:
                self.trace.append(f"{self.now / 1e9:12.6f} lb{one.number}/{network} {action}")
        deadline = machine.deadline()
        if deadline is not None and deadline != before:
            self._order += 1
            instant = max(one.instant(deadline), self.now)
            heapq.heappush(self._timers, (instant, self._order, one.number, network, deadline))

    def _settle(self, one: Host) -> None:
        for name, group in one.groups.items():
            networks = {r.name: n for n, r in enumerate(one.routers) if r.group == name}
            while orders := group.settle(
                {r: one.machines[n].member() for r, n in networks.items()}
            ):
                for router, event in orders:
                    self._tell(one, networks[router], event)
        self.invariants.look(one)
        if one.machines and all(m.state is State.STOP for m in one.machines):
            one.machines, one.groups = [], {}
            self.invariants.look(one)

    def _expire(self, one: Host) -> None:
        """All timers that have come due, and then only the groups."""
        if one.stalled:
            return
        for network, machine in enumerate(one.machines):
            deadline = machine.deadline()
            if deadline is not None and deadline <= one.local(self.now):
                self._tell(one, network, TimerExpired())
        self._settle(one)

    def _multicast(self, one: Host, network: int, advertisement: Advertisement) -> None:
        if network in one.unplugged:
            return
        received = Received(advertisement, address(one.number))
        chance = self._random.random
        for other in self.hosts:
            path = (network, one.number, other.number)
            if other is one or path in self.blocked:
                continue
            if self.loss and chance() < self.loss:
                self.invariants.disturbed(one.number, other.number, network)
                continue
            low, high = self.latency
            # What one host sends, Ethernet keeps in order.
            arrival = self.now + low + int((high - low) * chance())
            arrival = max(arrival, self._last_arrival.get(path, 0))
            self._last_arrival[path] = arrival
            for _ in range(2 if self.duplication and chance() < self.duplication else 1):
                self._order += 1
                heapq.heappush(
                    self._flying, (arrival, self._order, other.number, network, received)
                )

    def _arrive(self, one: Host, network: int, received: Received) -> None:
        if not one.machines or network in one.unplugged:
            return
        if one.stalled:
            one.queue.append((network, received))
            return
        self._tell(one, network, received)
        self._settle(one)


def address(host: int) -> IPv4Address:
    """A host's primary address, on all networks: it rises with the number."""
    return _ADDRESSES[host]


_ADDRESSES = [IPv4Address("192.168.1.101") + host for host in range(16)]
