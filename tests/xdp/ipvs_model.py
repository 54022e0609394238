"""What kernel IPVS does with one TCP service for direct routing, in a few words of Python.

Written from the specification alone (ipvs-semantics 1.3, 1.5, 1.7, 2.1 to 2.9, 3), and its state
tables from the kernel's own. Time stands still but where `pass_away` says so.
"""

import json
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd
from pathlib import Path

_TCP = json.loads((Path(__file__).parents[1] / "data" / "ipvs" / "state-tables.json").read_text())
STATES: list[str] = _TCP["tcp"]["states"]
TABLE: dict[str, list[str]] = _TCP["tcp"]["normal"]["input-only"]
ACTIVE = frozenset(_TCP["tcp"]["active"])

Client = tuple[int, int]
"""Number of the host, and port."""


@dataclass
class Server:
    """`total`: connections, active or not; templates count apart."""

    number: int
    weight: int
    upper: int = 0
    lower: int = 0
    active: int = 0
    total: int = 0
    templates: int = 0
    opened: int = 0
    packets: int = 0
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

    def edit(self, weight: int, upper: int, lower: int) -> None:
        self.weight = weight
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


@dataclass
class Connection:
    server: Server
    state: str = "NONE"

    def see(self, event: str) -> None:
        after = TABLE[event][STATES.index(self.state)]
        self.server.active += (after in ACTIVE) - (self.state in ACTIVE)
        self.state = after


@dataclass
class Model:
    """`servers`, newest first; those in the `trash` come back as they were. `network`: how many
    bits of a host's number do not count for persistence; None: there is none."""

    scheduler: str
    network: int | None = None
    servers: list[Server] = field(default_factory=list)
    trash: dict[int, Server] = field(default_factory=dict)
    connections: dict[Client, Connection] = field(default_factory=dict)
    leads: dict[int, Server] = field(default_factory=dict)
    chosen_last: Server | None = None  # None: the head of the list
    level: int = 0

    # Changes

    def server(self, number: int) -> Server | None:
        return next((s for s in self.servers if s.number == number), None)

    def put(self, number: int, weight: int, upper: int, lower: int) -> None:
        """Add a server, or edit it."""
        present = self.server(number)
        if present is None:
            present = self.trash.pop(number, None) or Server(number, weight)
            self.servers.insert(0, present)
        elif (present.weight, present.upper, present.lower) == (weight, upper, lower):
            return
        present.edit(weight, upper, lower)
        self._list_changed()

    def remove(self, number: int) -> None:
        gone = self.server(number)
        if gone is None:
            return
        if self.chosen_last is gone:
            place = self.servers.index(gone)
            self.chosen_last = self.servers[place - 1] if place else None
        self.servers.remove(gone)
        self.trash[number] = gone
        self._list_changed()

    def _list_changed(self) -> None:
        if self.scheduler == "wrr":
            self.chosen_last = None
            if self.level > self._most or not self.level:
                self.level = self._most
            elif self._step > 1:
                self.level = self.level // self._step * self._step + 1

    def pass_away(self) -> None:
        """All connections and templates reach their end."""
        for connection in self.connections.values():
            connection.server.unbind(active=connection.state in ACTIVE)
        for server in (*self.servers, *self.trash.values()):
            server.templates = 0
        self.connections.clear()
        self.leads.clear()

    # Packets

    def packet(self, client: Client, event: str) -> int | None:
        """Number of the server that it goes to; 0: to none, None: it is the local stack's."""
        present = self.connections.get(client)
        if present is not None and self._begins_anew(present, event):
            chosen = self._choose(client)  # the old one still counts
            self.connections.pop(client)
            present.server.unbind(active=present.state in ACTIVE)
            return self._open(client, chosen, event)
        if present is None:
            return self._open(client, self._choose(client), event) if event == "syn" else None
        if present.server not in self.servers:
            return 0
        return self._forward(present, event)

    def _begins_anew(self, present: Connection, event: str) -> bool:
        return event == "syn" and present.state in ("TIME_WAIT", "CLOSE") and self.network is None

    def _open(self, client: Client, chosen: Server | None, event: str) -> int:
        if chosen is None:
            return 0
        self.connections[client] = connection = Connection(chosen)
        chosen.bind()
        chosen.opened += 1
        return self._forward(connection, event)

    def _forward(self, connection: Connection, event: str) -> int:
        connection.server.packets += 1
        connection.see(event)
        return connection.server.number

    def _choose(self, client: Client) -> Server | None:
        if self.network is None:
            return self._schedule()
        host = client[0] >> self.network
        led = self.leads.get(host)
        if led not in self.servers:
            self.leads.pop(host, None)  # its template is left to die, but still counts
            led = self._schedule()
            if led is not None:
                self.leads[host] = led
                led.templates += 1
        return led

    # Schedulers

    def _schedule(self) -> Server | None:
        fit = [server for server in self.servers if server.selectable]
        match self.scheduler:
            case "rr":
                return self._round_robin()
            case "wrr":
                return self._weighted_round_robin()
            case "nq" if idle := [server for server in fit if not server.active]:
                return idle[0]
            case "ovf":
                fit = [server for server in fit if server.active <= server.weight]
        # Of equal ones the newest, which is the first.
        match self.scheduler:
            case "lc":
                return min(fit, key=lambda s: s.overhead, default=None)
            case "wlc":
                return min(fit, key=lambda s: Fraction(s.overhead, s.weight), default=None)
            case "sed" | "nq":
                return min(fit, key=lambda s: Fraction(s.active + 1, s.weight), default=None)
            case _:
                return max(fit, key=lambda s: s.weight, default=None)

    def _round_robin(self) -> Server | None:
        start = self.servers.index(self.chosen_last) + 1 if self.chosen_last else 0
        for server in self.servers[start:] + self.servers[:start]:
            if server.selectable:
                self.chosen_last = server
                return server
        return None

    @property
    def _step(self) -> int:
        return gcd(*(server.weight for server in self.servers)) or 1

    @property
    def _most(self) -> int:
        return max((s.weight for s in self.servers), default=0) - (self._step - 1)

    def _weighted_round_robin(self) -> Server | None:
        if max((server.weight for server in self.servers), default=0) == 0:
            return None
        begin, lowest_seen = self.chosen_last, False
        place = self.servers.index(begin) + 1 if begin else 0
        around = False
        while True:
            for server in self.servers[place:]:
                if server.weight >= self.level and not server.overloaded:
                    self.chosen_last = server
                    return server
                if lowest_seen and around and server is begin:
                    return None  # the walk stops where it began
            self.level -= self._step
            if self.level <= 0:
                self.level = self._most
                if lowest_seen or begin is None:
                    self.chosen_last = None
                    return None
                around = True
            lowest_seen, place = self.level <= self._step, 0
