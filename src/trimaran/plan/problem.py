"""What is asked of a plan and what a plan is: demand, plan, evaluation, and why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from math import lcm

MAX_VIPS = 255
"""VRIDs on one segment and address family (RFC 9568 section 5.2.3: 1 to 255)."""

_EXACT = 2**53  # loads are counted in float64, which is exact for integers up to here


class Objective(StrEnum):
    """The question that the number of VIPs answers."""

    BALANCED = "balanced"
    """Every state is even, before and after any loss: loads proportional to the hosts' speeds."""
    FIT = "fit"
    """Every host is active and no loss puts a host above `max_load`: the fewest VIPs for that."""
    ANY = "any"
    """As FIT, but hosts may idle while nothing is lost."""
    PEAK = "peak"
    """The least worst peak for the VIPs given."""


class Normal(StrEnum):
    """What is asked of the state in which nothing is lost."""

    EVEN = "even"
    """Each host holds its share of the VIPs by speed, rounded down or up."""
    ACTIVE = "active"
    """Each host holds at least one VIP."""
    ANY = "any"
    """Hosts may idle."""


@dataclass(frozen=True, slots=True)
class Host:
    """A director and what it can carry."""

    name: str
    link: Fraction
    """Speed of its link in bit/s, each direction of a full-duplex link."""
    domain: str | None = None
    """The failure domain (rack, power feed) it is lost with."""
    packets: Fraction | None = None
    """Packets a second it forwards; None: the link is the limit."""
    connections: int | None = None
    """Entries its connection table holds; None: no limit."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What the directors must carry and survive. A wrong value raises ValueError, in words."""

    hosts: tuple[Host, ...]
    survive: int = 1
    """Hosts lost at once: any so many, or fewer."""
    traffic: Fraction | None = None
    """Bit/s in all, spread over the VIPs by weight. None: links matter only by proportion."""
    vips: int | tuple[Fraction, ...] | None = None
    """The number of VIPs, of equal weight; or a weight for each; or None: choose the number."""
    objective: Objective = Objective.BALANCED
    normal: Normal | None = None
    """None: as the objective has it, ANY for `any` and EVEN for the others."""
    max_load: Fraction = Fraction(1)
    """The share of each limit (link, packets, connections) that a host may use, above 0."""
    survive_domains: int = 0
    """Failure domains lost at once, whole or in part: alternatives to the losses of hosts."""
    packets: Fraction | None = None
    """Packets a second in all, spread as the traffic is."""
    connections: int | None = None
    """Connections at a time in all, spread as the traffic is: each in the table of the director
    that holds its VIP only. Where connections are synchronised, every table holds all of them,
    whatever the plan."""
    both_directions: bool = False
    """Answers pass the director too (NAT), by the same link as the requests.

    False (direct routing, tunnel, or NAT between two links): each direction of a link carries
    `traffic` once, in from the clients and out to the servers. True: `traffic` and `packets`
    are those of the stronger of the two directions, requests or answers, and the other is taken
    to be as strong. Each direction of the one link then carries both, twice `traffic`; the
    director forwards twice `packets`. Connections have one entry for both directions."""

    def __post_init__(self) -> None:
        self._check_hosts()
        self._check_losses()
        for name in ("traffic", "packets", "connections", "max_load"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}: it must be above zero")
        self._check_vips()

    def _check_hosts(self) -> None:
        if not self.hosts:
            raise ValueError("there are no hosts to plan for")
        names = [host.name for host in self.hosts]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"host {name} is named twice")
        for host in self.hosts:
            for what in ("link", "packets", "connections"):
                value = getattr(host, what)
                if value is not None and value <= 0:
                    raise ValueError(f"host {host.name}: {what} is {value}: must be above zero")
            self._check_limits(host)

    def _check_limits(self, host: Host) -> None:
        for what in ("packets", "connections"):
            if getattr(host, what) is not None and getattr(self, what) is None:
                raise ValueError(
                    f"host {host.name} has a limit of {what}: say how many {what} there are in all"
                )
        bits_only = host.packets is None and host.connections is None
        if self.has_totals and self.traffic is None and bits_only:
            raise ValueError(
                f"host {host.name}: without traffic it needs a limit of what is given in all"
            )

    def _check_losses(self) -> None:
        count = len(self.hosts)
        if self.survive < 0 or self.survive_domains < 0:
            raise ValueError("the number of losses to survive cannot be negative")
        if self.survive >= count:
            raise ValueError(
                f"no plan survives the loss of {self.survive} of {count} "
                f"host{'s' if count > 1 else ''}: at least {self.survive + 1} hosts are needed"
            )
        if not self.survive_domains:
            return
        domains = [host.domain for host in self.hosts if host.domain is not None]
        sizes = sorted((domains.count(name) for name in set(domains)), reverse=True)
        if self.survive_domains > len(sizes):
            raise ValueError(
                f"{self.survive_domains} failure domains are to be survived, "
                f"but the hosts name only {len(sizes)}"
            )
        if sum(sizes[: self.survive_domains]) >= count:
            raise ValueError(
                f"no plan survives the loss of {self.survive_domains} failure domains here: "
                "they can hold every host"
            )

    def _check_vips(self) -> None:
        if self.vips is None:
            if self.objective is Objective.PEAK:
                raise ValueError("objective peak needs the number of VIPs, or their weights")
            if self.objective is not Objective.BALANCED and not self.has_totals:
                raise ValueError(
                    f"objective {self.objective} needs traffic, packets or connections to choose "
                    "the number of VIPs; or give the number"
                )
            return
        number = self.vips if isinstance(self.vips, int) else len(self.vips)
        if number < 1:
            raise ValueError(f"{number} VIPs: at least one is needed")
        if number > MAX_VIPS:
            raise ValueError(
                f"{number} VIPs: a segment has {MAX_VIPS} VRIDs for each address family"
            )
        if isinstance(self.vips, int):
            return
        for weight in self.vips:
            if weight <= 0:
                raise ValueError(f"a VIP has weight {weight}: it must be above zero")
        scale = lcm(*(Fraction(weight).denominator for weight in self.vips))
        if sum(self.vips) * scale >= _EXACT:
            raise ValueError("the VIPs' weights have too many digits: give fewer, up to 15 in all")

    @property
    def has_totals(self) -> bool:
        """Whether loads can be said as shares of limits."""
        return (self.traffic, self.packets, self.connections) != (None, None, None)

    @property
    def discipline(self) -> Normal:
        """What is asked of the normal state, the default filled in."""
        if self.normal is not None:
            return self.normal
        return Normal.ANY if self.objective is Objective.ANY else Normal.EVEN

    def capacity(self, host: Host) -> tuple[Fraction, str]:
        """The share of the total that `host` carries when full, and the limit that says so.

        Without totals the shares are bare link speeds: only their proportions mean something.
        """
        crossings = 2 if self.both_directions else 1
        limits: list[tuple[Fraction, str]] = []
        if self.traffic is not None:
            limits.append((host.link / (self.traffic * crossings), "link"))
        if self.packets is not None and host.packets is not None:
            limits.append((host.packets / (self.packets * crossings), "packets"))
        if self.connections is not None and host.connections is not None:
            limits.append((Fraction(host.connections, self.connections), "connections"))
        return min(limits) if limits else (Fraction(host.link), "link")

    @property
    def speeds(self) -> tuple[Fraction, ...]:
        """What each host carries, relative to the slowest (which is 1)."""
        capacities = [self.capacity(host)[0] for host in self.hosts]
        slowest = min(capacities)
        return tuple(capacity / slowest for capacity in capacities)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a plan does in the states of its demand, found by counting."""

    peak: Fraction
    """The highest VIP weight on a host, divided by the host's speed relative to the slowest's.

    Speeds are those of the links; where packets or connections bind harder, what these allow."""
    peak_load: Fraction | None
    """The same as a share of the limit that binds there; None without totals."""
    peak_host: str
    peak_lost: tuple[str, ...]
    """The loss in which `peak` occurs; empty: it occurs with nothing lost."""
    normal: Mapping[str, Fraction]
    """VIP weight on each host with nothing lost."""
    worst: Mapping[str, tuple[Fraction, tuple[str, ...]]]
    """For each host the highest VIP weight on it, and a loss in which it has that."""
    balanced: bool
    """Loads are exactly proportional to speeds in every state."""
    states: int
    """How many states decided `peak`: all that a larger loss does not make worse."""
    unheld: tuple[str, ...] | None = None
    """A loss that leaves a VIP without a holder: only lists that leave hosts out have one."""


@dataclass(frozen=True, slots=True)
class Move:
    """A VIP that changes its holder in the normal state when one plan replaces another."""

    vip: int
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Plan:
    """An answer: the lists, checked in every state, and what is known of better ones."""

    demand: Demand
    weights: tuple[Fraction, ...]
    """A weight for each VIP."""
    lists: tuple[tuple[str, ...], ...]
    """For each VIP the names of all hosts, first the one that holds it."""
    bound: Fraction
    """No lists for these VIPs have a lower peak than this, on the scale of `peak`."""
    proven: bool
    """No fewer VIPs will do; where the VIPs were given, no lower peak is possible."""
    evaluation: Evaluation
    reasons: tuple[str, ...] = ()
    """Why fewer VIPs will not do, a line each; where that is not proven, the line says so."""
    moves: tuple[Move, ...] = field(default=())
    """What changes hands in the normal state, for a plan made from an old one."""


class Infeasible(Exception):
    """No plan meets the demand (or none was found, as the message then says).

    `str()` is a full account in lines: which loss, which host, by how much, what would help.
    """

    def __init__(
        self,
        reason: str,
        *,
        host: str | None = None,
        lost: tuple[str, ...] = (),
        load: Fraction | None = None,
        remedies: tuple[str, ...] = (),
    ) -> None:
        super().__init__("\n".join((reason, *remedies)))
        self.reason = reason
        self.host = host
        self.lost = lost
        self.load = load
        """The load of `host` after `lost`, as a share of its limit."""
        self.remedies = remedies
        """What would make it feasible, a line each, with numbers."""
