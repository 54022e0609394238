"""Routes and rules of the kernel's routing, as a virtual router or the whole daemon holds them."""

from dataclasses import dataclass
from enum import IntEnum

from trimaran.model.ip import IPAddress

MAIN_TABLE = 254
"""linux/rtnetlink.h: RT_TABLE_MAIN."""
PROTOCOL = 18
"""RTPROT_KEEPALIVED: who has made a route, as `ip route` shows it."""


class RouteKind(IntEnum):
    """linux/rtnetlink.h: RTN_..."""

    UNICAST = 1
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8
    THROW = 9


@dataclass(frozen=True, slots=True)
class Network:
    """A prefix."""

    address: IPAddress
    prefix_length: int

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix_length}"


@dataclass(frozen=True, slots=True)
class Route:
    """An entry of `virtual_routes` or `static_routes` (ip-route(8)).

    `device` "" and `metric` 0: the kernel's choice. `scope` None: what `ip route` would take.
    `tracked`: without its device the virtual router is in FAULT.
    """

    destination: Network
    kind: RouteKind = RouteKind.UNICAST
    gateway: IPAddress | None = None
    device: str = ""
    source: IPAddress | None = None
    table: int = MAIN_TABLE
    metric: int = 0
    scope: int | None = None
    protocol: int = PROTOCOL
    tos: int = 0
    mtu: int = 0
    on_link: bool = False
    tracked: bool = True

    def __str__(self) -> str:
        kind = "" if self.kind is RouteKind.UNICAST else f"{self.kind.name.lower()} "
        via = f" via {self.gateway}" if self.gateway else ""
        device = f" dev {self.device}" if self.device else ""
        table = f" table {self.table}" if self.table != MAIN_TABLE else ""
        return f"route {kind}{self.destination}{via}{device}{table}"


class RuleKind(IntEnum):
    """linux/fib_rules.h: FR_ACT_..."""

    LOOKUP = 1
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """An entry of `virtual_rules` or `static_rules` (ip-rule(8)): packets that are so are routed
    by this table. `inverted`: those that are not so."""

    preference: int
    ipv6: bool = False
    source: Network | None = None
    destination: Network | None = None
    table: int = 0
    kind: RuleKind = RuleKind.LOOKUP
    inverted: bool = False
    input_device: str = ""
    output_device: str = ""
    mark: int = 0
    mark_mask: int = 0
    tos: int = 0
    tracked: bool = True

    def __str__(self) -> str:
        parts = (
            ("from", self.source),
            ("to", self.destination),
            ("iif", self.input_device),
            ("oif", self.output_device),
            ("table", self.table),
        )
        words = [f"{name} {value}" for name, value in parts if value]
        return f"rule {self.preference}: {' '.join(words)}"


@dataclass(frozen=True, slots=True)
class Routing:
    """Routes and rules together, in the order in which they are made."""

    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()

    def without(self, other: "Routing") -> "Routing":
        """Those that the other does not have."""
        return Routing(
            tuple(route for route in self.routes if route not in other.routes),
            tuple(rule for rule in self.rules if rule not in other.rules),
        )


NO_ROUTING = Routing()
