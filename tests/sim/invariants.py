"""What must be so at any time, whatever happens to a cluster. `Broken` says what was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from trimaran.vrrp.actions import State
from trimaran.vrrp.handover import PATIENCE
from trimaran.vrrp.timers import skew_time

if TYPE_CHECKING:
    from cluster import Cluster, Host

_DRIFT = 500
"""Clocks are fast or slow by a five-hundredth at most (bounds are wider by this)."""


class Broken(AssertionError):
    """An invariant does not hold."""


class Invariants:
    """Looks at a cluster after each event.

    * Directors that hear each other are not masters of one virtual router for longer than an
      interval and the way of a packet. (A packet lost between them means that they do not.)
    * It is without a master for no longer than the master-down interval of a director that could
      be.
    * Only the master has the addresses, and it has all of them.
    * Members of a sync group are master together, but while they hand over.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        networks = range(len(cluster.hosts[0].routers))
        self.masters: list[set[int]] = [set() for _ in networks]
        self._double_since: list[dict[tuple[int, int], int]] = [{} for _ in networks]
        self._vacant_since = [0 for _ in networks]
        self._fit_since: list[dict[int, int]] = [{} for _ in networks]
        self.changes = 0

    # What the cluster says

    def look(self, host: Host) -> None:
        """Something has happened on this host."""
        together: dict[str, set[bool]] = {}
        fit = bool(host.machines) and not host.stalled
        states = [machine.state for machine in host.machines] or [None] * len(host.routers)
        for network, (router, state) in enumerate(zip(host.routers, states, strict=True)):
            master = state is State.MASTER
            if router.group is not None:
                together.setdefault(router.group, set()).add(master)
            if master is not (host.number in self.masters[network]):
                self._note(network, host.number, master)
            self._note_fitness(network, host.number, fit and state is State.BACKUP)
            if state is not None and state is not State.INIT:
                self._check_addresses(host, network, master)
        for group, members in together.items():
            if len(members) > 1 and not self._is_leaving(host):
                self._break(f"of group {group} on lb{host.number} only some are master")

    def disturbed(self, host: int, other: int | None = None, network: int | None = None) -> None:
        """Until now, packets between these hosts (None: any) were not sure to arrive."""
        for each, doubles in enumerate(self._double_since):
            if network is not None and each != network:
                continue
            for pair in doubles:
                if host in pair and (other is None or other in pair):
                    self._check_double(each, pair)
                    doubles[pair] = self._cluster.now
        if other is None:
            for each in range(len(self._fit_since)):
                self._check_vacancy(each)
                running = self._cluster.hosts[host]
                self._fit_since[each].pop(host, None)
                if running.machines and not running.stalled:
                    state = running.machines[each].state
                    self._note_fitness(each, host, state is State.BACKUP)

    def check(self) -> None:
        """As of now."""
        for network, doubles in enumerate(self._double_since):
            for pair in doubles:
                self._check_double(network, pair)
            self._check_vacancy(network)

    # Bookkeeping

    def _note(self, network: int, host: int, master: bool) -> None:
        masters, now = self.masters[network], self._cluster.now
        self.changes += 1
        doubles = self._double_since[network]
        if master:
            self._check_vacancy(network)
            for other in masters:
                doubles[min(host, other), max(host, other)] = now
            masters.add(host)
        else:
            for pair in [pair for pair in doubles if host in pair]:
                self._check_double(network, pair)
                del doubles[pair]
            masters.discard(host)
            if not masters:
                self._vacant_since[network] = now

    def _note_fitness(self, network: int, host: int, fit: bool) -> None:
        known = self._fit_since[network]
        if fit:
            known.setdefault(host, self._cluster.now)
        elif host in known:
            self._check_vacancy(network)
            del known[host]

    # Checks

    def _check_double(self, network: int, pair: tuple[int, int]) -> None:
        cluster = self._cluster
        since = self._double_since[network][pair]
        if {(network, *pair), (network, *reversed(pair))} & cluster.blocked:
            return
        both = [cluster.hosts[host] for host in pair]
        if any(host.stalled or network in host.unplugged for host in both):
            return
        bound = cluster.longest[network] + 2 * cluster.latency[1]
        lasted = cluster.now - since
        left = [host.left_at for host in both if host.left_at is not None]
        if left and since - PATIENCE <= max(left):
            bound += PATIENCE  # those that leave are silent, and may be so together
        if lasted > bound + bound // _DRIFT:
            self._break(
                f"lb{pair[0]} and lb{pair[1]} hear each other, and are both master of {network} "
                f"for {lasted / 1e9:.6f} s; the bound is {bound / 1e9:.6f} s"
            )

    def _check_vacancy(self, network: int) -> None:
        cluster = self._cluster
        if self.masters[network]:
            return
        mates = self._mates(network)
        if any(self.masters[mate] for mate in mates):
            return
        longest = max(cluster.longest[mate] for mate in mates)
        for host, since in self._fit_since[network].items():
            if not all(host in self._fit_since[mate] for mate in mates):
                continue
            since = max(
                [since, *(max(self._vacant_since[m], self._fit_since[m][host]) for m in mates)]
            )
            bound = (
                3 * longest
                + 2 * cluster.latency[1]
                + skew_time(cluster.hosts[host].routers[network].version, 1, longest)
            )
            lasted = cluster.now - since
            if lasted > bound + bound // _DRIFT:
                self._break(
                    f"{network} has no master for {lasted / 1e9:.6f} s, though lb{host} is backup; "
                    f"the bound is {bound / 1e9:.6f} s"
                )

    def _check_addresses(self, host: Host, network: int, master: bool) -> None:
        wanted = {a.address for a in host.routers[network].addresses} if master else set()
        if host.held[network] != wanted:
            role = "master" if master else "no master"
            held = sorted(map(str, host.held[network]))
            self._break(f"lb{host.number} is {role} of {network} and holds {held}")

    def _is_leaving(self, host: Host) -> bool:
        """Whether its virtual routers are handing over, each in its own time."""
        since = host.left_at
        return since is not None and self._cluster.now - since <= PATIENCE + PATIENCE // _DRIFT

    def _mates(self, network: int) -> list[int]:
        """The virtual routers that are master together with this one, itself too."""
        routers = self._cluster.hosts[0].routers
        group = routers[network].group
        if group is None:
            return [network]
        return [n for n, router in enumerate(routers) if router.group == group]

    def _break(self, what: str) -> NoReturn:
        raise Broken(f"at {self._cluster.now / 1e9:.6f} s: {what}")
