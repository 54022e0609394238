"""How kernel IPVS chooses a server for a new connection, in a few words of Python.

Written from the specification alone (ipvs-semantics 2). A scheduler is told of each change of the
list of servers (newest first), and keeps what it remembers between two choices.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import cycle
from math import gcd
from typing import NamedTuple

ADDRESSES = 0xC0A80100
"""192.168.1.0: servers and the virtual address are numbers in it."""
VIRTUAL = ADDRESSES + 10
PORT = 80


@dataclass(eq=False)
class Server:
    """`total`: connections, active or not; templates count apart. `last_weight` that was not 0."""

    number: int
    weight: int = 0
    last_weight: int = 0
    upper: int = 0
    lower: int = 0
    active: int = 0
    total: int = 0
    templates: int = 0
    opened: int = 0
    packets: int = 0
    answers: int = 0
    overloaded: bool = False

    @property
    def least(self) -> int:
        """Below this the overload ends."""
        return self.lower or self.upper - (self.upper >> 2)

    @property
    def selectable(self) -> bool:
        return self.weight > 0 and not self.overloaded

    @property
    def overhead(self) -> int:
        return 256 * self.active + self.total

    @property
    def load(self) -> Fraction:
        return Fraction(self.overhead, self.weight)

    def edit(self, weight: int, upper: int, lower: int) -> None:
        self.weight = weight
        self.last_weight = weight or self.last_weight
        if (upper, lower) == (self.upper, self.lower):
            return
        self.upper, self.lower = upper, lower
        if not upper or self.total < self.least:
            self.overloaded = False
        elif self.total >= upper:
            self.overloaded = True

    def bind(self) -> None:
        self.total += 1
        self.overloaded |= self.total == self.upper

    def unbind(self, *, active: bool) -> None:
        if self.total == self.least:
            self.overloaded = False
        self.total -= 1
        self.active -= active


class Asking(NamedTuple):
    """A client that asks: its address and port. `seen`: whom it was led to, where that is luck."""

    address: int
    port: int
    seen: int = 0


def selectable(servers: Sequence[Server]) -> list[Server]:
    return [server for server in servers if server.selectable]


@dataclass
class Least:
    """lc, wlc, sed, nq, fo, ovf. Of equal ones the newest, which is the first."""

    name: str

    def changed(self, servers: Sequence[Server], how: str, which: Server) -> None:
        pass

    def choose(self, servers: Sequence[Server], asking: Asking) -> Server | None:
        fit = selectable(servers)
        match self.name:
            case "nq" if idle := [server for server in fit if not server.active]:
                return idle[0]
            case "sed" | "nq":
                return min(fit, key=lambda s: Fraction(s.active + 1, s.weight), default=None)
            case "lc":
                return min(fit, key=lambda s: s.overhead, default=None)
            case "wlc":
                return min(fit, key=lambda s: s.load, default=None)
            case "ovf":
                fit = [server for server in fit if server.active <= server.weight]
        return max(fit, key=lambda s: s.weight, default=None)


@dataclass
class RoundRobin:
    """rr. `last` chosen; None: the head of the list, as in all that follow."""

    last: Server | None = None

    def changed(self, servers: Sequence[Server], how: str, which: Server) -> None:
        if how == "remove" and self.last is which:
            place = servers.index(which)
            self.last = servers[place - 1] if place else None

    def choose(self, servers: Sequence[Server], asking: Asking) -> Server | None:
        start = servers.index(self.last) + 1 if self.last else 0
        for server in (*servers[start:], *servers[:start]):
            if server.selectable:
                self.last = server
                return server
        return None


@dataclass
class WeightedRoundRobin:
    """wrr, in passes over the list, each for a lower level of weight than the one before."""

    last: Server | None = None
    level: int = 0
    step: int = 1
    most: int = 0

    def changed(self, servers: Sequence[Server], how: str, which: Server) -> None:
        weights = [s.weight for s in servers if how != "remove" or s is not which]
        self.last = None
        self.step = gcd(*weights) or 1
        self.most = max(weights, default=0) - (self.step - 1)
        if self.level > self.most or not self.level:
            self.level = self.most
        elif self.step > 1:
            self.level = self.level // self.step * self.step + 1

    def choose(self, servers: Sequence[Server], asking: Asking) -> Server | None:
        if self.most <= 0:
            return None
        begin, lowest_seen = self.last, False
        place = servers.index(begin) + 1 if begin else 0
        around = False
        while True:
            for server in servers[place:]:
                if server.weight >= self.level and not server.overloaded:
                    self.last = server
                    return server
                if lowest_seen and around and server is begin:
                    return None  # the walk stops where it began
            self.level -= self.step
            if self.level <= 0:
                self.level = self.most
                if lowest_seen or begin is None:
                    self.last = None
                    return None
                around = True
            lowest_seen, place = self.level <= self.step, 0


@dataclass
class Table:
    """sh, dh, mh: a table of servers that a hash leads into. It holds them by themselves: who was
    removed is not in the list any more, and refused."""

    name: str
    flags: Collection[str] = ()
    slots: Sequence[Server] = ()

    def changed(self, servers: Sequence[Server], how: str, which: Server) -> None:
        present = [s for s in servers if how != "remove" or s is not which]
        match self.name:
            case "mh":
                shares = tuple((s.number, s.last_weight) for s in present)
                by_number = {s.number: s for s in present}
                self.slots = [by_number[number] for number in maglev(shares)]
            case "sh":
                self.slots = buckets([s for s in present for _ in range(max(1, s.weight))])
            case "dh" if how != "edit":
                self.slots = buckets(present)

    def choose(self, servers: Sequence[Server], asking: Asking) -> Server | None:
        client = asking.address + (asking.port if "port" in self.flags else 0)
        for slot in self._tries(client):
            if self.slots and self.slots[slot].selectable:
                return self.slots[slot]
        return None

    def _tries(self, client: int) -> Iterator[int]:
        if self.name == "dh":
            yield bucket(VIRTUAL)
            return
        first = bucket(client) if self.name == "sh" else siphash(client, MAGLEV_KEY) % MAGLEV_SLOTS
        yield first
        if "fallback" in self.flags:
            for offset in range(256 if self.name == "sh" else MAGLEV_SLOTS):
                if self.name == "sh":
                    yield (first + (offset + first) % 256) % 256
                else:
                    again = client + (offset + first) % MAGLEV_SLOTS
                    yield siphash(again, MAGLEV_KEY) % MAGLEV_SLOTS


@dataclass
class Locality:
    """lblc, and with `replicated` lblcr: for one virtual address, so that what is kept is one set
    (of one server: lblc), newest first. The kernel's keeps a server that was removed, too, and has
    it again when it comes back: docs/ipvs-differences.md."""

    replicated: bool
    kept: list[Server] = field(default_factory=list)

    def changed(self, servers: Sequence[Server], how: str, which: Server) -> None:
        if how == "remove" and which in self.kept:
            self.kept.remove(which)

    def choose(self, servers: Sequence[Server], asking: Asking) -> Server | None:
        usable = [s for s in self.kept if s.weight and not (self.replicated and s.overloaded)]
        best = min(usable, key=lambda s: s.load, default=None)
        if best is not None and not (
            best.active > best.weight and any(2 * s.active < s.weight for s in servers)
        ):
            return best
        chosen = min(selectable(servers), key=lambda s: s.load, default=None)
        if chosen is not None and chosen not in self.kept:
            self.kept = [chosen, *self.kept] if self.replicated else [chosen]
        return chosen


class TwoChoices:
    """twos, which is luck: any that is selectable."""

    def changed(self, servers: Sequence[Server], how: str, which: Server) -> None:
        pass

    def choose(self, servers: Sequence[Server], asking: Asking) -> Server | None:
        fit = selectable(servers)
        return next((s for s in fit if s.number == asking.seen), fit[0] if fit else None)


Scheduler = Least | RoundRobin | WeightedRoundRobin | Table | Locality | TwoChoices

SCHEDULERS: dict[str, Callable[[], Scheduler]] = {
    "rr": RoundRobin,
    "wrr": WeightedRoundRobin,
    "lc": lambda: Least("lc"),
    "wlc": lambda: Least("wlc"),
    "sed": lambda: Least("sed"),
    "nq": lambda: Least("nq"),
    "fo": lambda: Least("fo"),
    "ovf": lambda: Least("ovf"),
    "lblc": lambda: Locality(replicated=False),
    "lblcr": lambda: Locality(replicated=True),
    "dh": lambda: Table("dh"),
    "sh": lambda: Table("sh"),
    "sh fallback port": lambda: Table("sh", ("fallback", "port")),
    "mh": lambda: Table("mh"),
    "mh fallback port": lambda: Table("mh", ("fallback", "port")),
    "twos": TwoChoices,
}
"""By name and flags."""


# Hashes

MAGLEV_SLOTS = 4093
MAGLEV_KEY, SKIP_KEY = 2654435761, 2654446892
_WORD = (1 << 64) - 1


def bucket(number: int) -> int:
    return (number * 0x61C88647 & 0xFFFFFFFF) >> 24


def buckets(in_turn: Sequence[Server]) -> list[Server]:
    return [server for server, _ in zip(cycle(in_turn), range(256), strict=False)]


@lru_cache(1 << 16)
def siphash(number: int, key: int) -> int:
    """SipHash-1-3 of the number's four bytes, both halves of the key alike; its low 32 bits."""
    v = [key ^ start for start in (
        0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573
    )]  # fmt: skip

    def turn(x: int, by: int) -> int:
        return (x << by | x >> 64 - by) & _WORD

    def mix(rounds: int) -> None:
        for _ in range(rounds):
            for a, b, c, d, right, left in ((0, 1, 2, 3, 13, 16), (2, 1, 0, 3, 17, 21)):
                v[a] = v[a] + v[b] & _WORD
                v[b] = turn(v[b], right) ^ v[a]
                v[c] = v[c] + v[d] & _WORD
                v[d] = turn(v[d], left) ^ v[c]
                v[a] = turn(v[a], 32)

    message = 4 << 56 | number & 0xFFFFFFFF
    v[3] ^= message
    mix(1)
    v[0] ^= message
    v[2] ^= 0xFF
    mix(3)
    return (v[0] ^ v[1] ^ v[2] ^ v[3]) & 0xFFFFFFFF


@lru_cache(256)
def maglev(shares: tuple[tuple[int, int], ...]) -> list[int]:
    """Whose each slot is, of servers by number and last weight."""
    divisor = gcd(*(weight for _, weight in shares)) or 1
    most = max((weight for _, weight in shares), default=0) // divisor
    shift = max(0, most.bit_length() - 6)
    if not most:
        return []
    picks = []
    for number, weight in shares:
        address = ADDRESSES + number + PORT
        offset = siphash(address, MAGLEV_KEY) % MAGLEV_SLOTS
        skip = siphash(address, SKIP_KEY) % (MAGLEV_SLOTS - 1) + 1
        order = iter([(offset + n * skip) % MAGLEV_SLOTS for n in range(MAGLEV_SLOTS)])
        turns = max(1, weight // divisor >> shift) if weight else 0
        picks += [(number, order)] * turns
    slots: dict[int, int] = {}
    for number, order in cycle(picks):
        free = next((slot for slot in order if slot not in slots), None)
        if free is not None:
            slots[free] = number
        if len(slots) == MAGLEV_SLOTS:
            break
    return [slots[slot] for slot in range(MAGLEV_SLOTS)]
