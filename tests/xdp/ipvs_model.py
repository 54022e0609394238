"""What kernel IPVS does with one TCP service, in a few words of Python.

Written from the specification alone (ipvs-semantics 1.2 to 1.8, 2, 3), and its state tables from
the kernel's own. Time stands still but where `pass_time` says so.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ipvs_schedulers import Asking, Scheduler, Server

_TCP = json.loads((Path(__file__).parents[1] / "data" / "ipvs" / "state-tables.json").read_text())[
    "tcp"
]
STATES: list[str] = _TCP["states"]
TIMEOUTS: dict[str, int] = dict(zip(STATES, _TCP["timeouts"], strict=True))
TABLES: dict[str, dict[str, list[str]]] = _TCP["normal"]
ACTIVE = frozenset(_TCP["active"])
CLIENTS = 0x0A070000
"""10.7.0.0: clients' hosts are numbers in it."""

Client = tuple[int, int]
"""Number of the host, and port."""


@dataclass(frozen=True)
class Configured:
    """`network`: how many bits of a client's address do not count for persistence; None: there is
    none. The rest as in net.ipv4.vs."""

    masquerading: bool = False
    network: int | None = None
    conn_reuse_mode: int = 1
    sloppy_tcp: int = 0
    expire_nodest_conn: int = 0
    expire_quiescent_template: int = 0


@dataclass
class Connection:
    """`left`: seconds, if nothing more comes."""

    server: Server
    answered: bool
    state: str = "NONE"
    left: float = 0.0

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    def see(self, direction: str, event: str) -> None:
        before = self.active
        self.state = TABLES[direction][event][STATES.index(self.state)]
        self.server.active += self.active - before
        self.left = TIMEOUTS[self.state]


@dataclass
class Model:
    """`servers`, newest first; those in the `trash` come back as they were."""

    scheduler: Scheduler
    configured: Configured = Configured()
    servers: list[Server] = field(default_factory=list)
    trash: dict[int, Server] = field(default_factory=dict)
    connections: dict[Client, Connection] = field(default_factory=dict)
    leads: dict[int, Server] = field(default_factory=dict)

    # Changes

    def server(self, number: int) -> Server | None:
        return next((s for s in self.servers if s.number == number), None)

    def put(self, number: int, weight: int, upper: int, lower: int) -> None:
        """Add a server, or edit it."""
        present = self.server(number)
        if present is None:
            added = self.trash.pop(number, None) or Server(number)
            added.last_weight = 0
            added.edit(weight, upper, lower)
            self.servers.insert(0, added)
            self.scheduler.changed(self.servers, "add", added)
        elif (present.weight, present.upper, present.lower) != (weight, upper, lower):
            present.edit(weight, upper, lower)
            self.scheduler.changed(self.servers, "edit", present)

    def remove(self, number: int) -> None:
        gone = self.server(number)
        if gone is None:
            return
        self.scheduler.changed(self.servers, "remove", gone)
        self.servers.remove(gone)
        self.trash[number] = gone
        if self.configured.expire_nodest_conn:
            self._expire([c for c, x in self.connections.items() if x.server is gone])

    def pass_time(self, seconds: float) -> None:
        for connection in self.connections.values():
            connection.left -= seconds
        self._expire([c for c, x in self.connections.items() if x.left <= 0])

    def pass_away(self) -> None:
        """All connections and templates reach their end."""
        self._expire(list(self.connections))
        for server in (*self.servers, *self.trash.values()):
            server.templates = 0
        self.leads.clear()

    def _expire(self, clients: Sequence[Client]) -> None:
        for client in clients:
            gone = self.connections.pop(client)
            gone.server.unbind(active=gone.active)

    # Packets

    def packet(self, client: Client, event: str, seen: int = 0) -> int | None:
        """Number of the server that a client's packet goes to; 0: to none, None: it is the local
        stack's. `seen`: whom it went to, if the scheduler is one of luck."""
        present = self.connections.get(client)
        asking = Asking(CLIENTS + client[0], client[1], seen)
        if present is not None and self._begins_anew(present, event):
            chosen = self._choose(asking)  # the old one still counts
            self._expire([client])
            return self._open(client, chosen, event)
        if present is None:
            opens = event == "syn" or (self.configured.sloppy_tcp and event != "rst")
            return self._open(client, self._choose(asking), event) if opens else None
        if present.server not in self.servers:
            return 0
        return self._forward(present, event)

    def answer(self, client: Client, number: int, event: str) -> bool:
        """Whether a masqueraded server's packet to the client is translated."""
        present = self.connections.get(client)
        if present is None or present.server.number != number:
            return False
        present.answered = True
        present.see("output", event)
        present.server.answers += present.server in self.servers
        return True

    def _begins_anew(self, present: Connection, event: str) -> bool:
        configured = self.configured
        if event != "syn":
            return False
        if configured.expire_nodest_conn and not present.server.weight:
            return True
        if configured.network is not None or not configured.conn_reuse_mode:
            return False
        one_way = configured.conn_reuse_mode & 2 and not present.answered
        return present.state in ("TIME_WAIT", "CLOSE", "FIN_WAIT" if one_way else "CLOSE")

    def _open(self, client: Client, chosen: Server | None, event: str) -> int:
        if chosen is None:
            return 0
        opened = Connection(chosen, answered=self.configured.masquerading)
        self.connections[client] = opened
        chosen.bind()
        chosen.opened += 1
        return self._forward(opened, event)

    def _forward(self, connection: Connection, event: str) -> int:
        connection.server.packets += 1
        connection.see("input" if connection.answered else "input-only", event)
        return connection.server.number

    def _choose(self, asking: Asking) -> Server | None:
        configured = self.configured
        if configured.network is None:
            return self.scheduler.choose(self.servers, asking)
        network = asking.address >> configured.network
        led = self.leads.get(network)
        quiescent = configured.expire_quiescent_template and led is not None and not led.weight
        if led not in self.servers or quiescent:
            self.leads.pop(network, None)  # its template is left to die, but still counts
            led = self.scheduler.choose(self.servers, asking)
            if led is not None:
                self.leads[network] = led
                led.templates += 1
        return led
