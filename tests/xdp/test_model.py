"""Random operations on a service: the program does what the model of IPVS does."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from frames import ACK, FIN, HTTP, PASS, RST, SYN, Director, server, tcp
from ipvs_model import Client, Model

from conftest import empty
from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.dataplane.xdp.loader import Loaded
from trimaran.model.service import Persistence

FLAGS = {"syn": SYN, "ack": ACK, "fin": FIN | ACK, "rst": RST}
NETWORK_BITS = 1
SERVERS = range(101, 106)
LIMITS = (0, 0, 0, 1, 2, 4)


@dataclass(frozen=True)
class Packet:
    client: Client
    event: str


@dataclass(frozen=True)
class Put:
    """Thresholds: the upper one, and how much of it the lower one is."""

    number: int
    weight: int
    upper: int
    share: float


@dataclass(frozen=True)
class Remove:
    number: int


@dataclass(frozen=True)
class PassAway:
    pass


Operation = Packet | Put | Remove | PassAway


def history(chance: random.Random) -> list[Operation]:
    """Mostly packets, of few clients, so that connections meet all that can happen to them."""

    def operation() -> Operation:
        match chance.random():
            case x if x < 0.8:
                client = chance.randrange(6), chance.randrange(5000, 5004)
                return Packet(client, chance.choice(["syn", "syn", *FLAGS]))
            case x if x < 0.93:
                weight, upper = chance.choice([0, 1, 2, 3, 4, 6, 9, 100]), chance.choice(LIMITS)
                return Put(chance.choice(SERVERS), weight, upper, chance.choice([0, 0.5, 1]))
            case x if x < 0.98:
                return Remove(chance.choice(SERVERS))
        return PassAway()

    return [operation() for _ in range(120)]


class Both:
    """The program and the model, in step."""

    def __init__(self, director: Director, scheduler: str, *, persistent: bool) -> None:
        self._director = director
        self._model = Model(scheduler, NETWORK_BITS if persistent else None)
        netmask = 0xFFFFFFFF << NETWORK_BITS & 0xFFFFFFFF
        self._settings = Settings(
            scheduler, persistence=Persistence(300, netmask) if persistent else None
        )

    def do(self, operation: Operation) -> None:
        match operation:
            case Packet(client, event):
                self._send(client, event)
            case Put(number, weight, upper, share):
                self._model.put(number, weight, upper, int(upper * share))
                self._apply()
            case Remove(number):
                self._model.remove(number)
                self._apply()
            case PassAway():
                self._model.pass_away()
                self._director.expire_all()
                self._director.poll()

    def _send(self, client: Client, event: str) -> None:
        frame = tcp(FLAGS[event], source=f"10.7.0.{client[0]}", port=client[1])
        wanted = self._model.packet(client, event)
        if wanted is None:
            assert self._director.send(frame)[0] == PASS
        else:
            assert self._director.chosen(frame) == wanted

    def _apply(self) -> None:
        destinations = tuple(
            Destination(
                server(s.number), s.weight, upper_threshold=s.upper, lower_threshold=s.lower
            )
            for s in reversed(self._model.servers)
        )
        self._director.plane.apply([Service(HTTP, self._settings, destinations)])

    def compare(self) -> None:
        """All that can be listed."""
        view = self._director.service()
        shown = {
            int(d.destination.key.address) & 0xFF: (
                *(d.active_connections, d.inactive_connections, d.persistent_connections),
                *(d.counters.connections, d.counters.packets_in, d.counters.bytes_in),
            )
            for d in view.destinations
        }
        assert shown == {
            s.number: (
                s.active,
                s.total - s.active,
                s.templates,
                s.opened,
                s.packets,
                40 * s.packets,
            )
            for s in self._model.servers
        }
        flows = {
            (int(f.client) & 0xFF, f.client_port): (int(f.destination.address) & 0xFF, f.state)
            for f in self._director.flows()
            if f.client_port
        }
        assert flows == {
            client: (c.server.number, c.state) for client, c in self._model.connections.items()
        }


def difference(
    loaded: Loaded, scheduler: str, persistent: bool, operations: Sequence[Operation]
) -> str:
    """In what program and model differ after these, or while they are done; empty: in nothing."""
    both = Both(Director(empty(loaded)), scheduler, persistent=persistent)
    try:
        both.do(Put(101, 1, 0, 0))
        for operation in operations:
            both.do(operation)
        both.compare()
    except AssertionError as error:
        return str(error) or "differs"
    return ""


@pytest.mark.parametrize(
    "seeds",
    [range(8), pytest.param(range(8, 500), marks=[pytest.mark.long, pytest.mark.timeout(600)])],
    ids=["few", "many"],
)
@pytest.mark.parametrize("persistent", [False, True], ids=["", "persistent"])
@pytest.mark.parametrize("scheduler", ["rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf"])
def test_it_does_what_the_model_does(
    loaded: Loaded, scheduler: str, persistent: bool, seeds: range
) -> None:
    for seed in seeds:
        operations = history(random.Random(f"{scheduler} {seed}"))
        if difference(loaded, scheduler, persistent, operations):
            for place in reversed(range(len(operations))):  # only what it takes
                fewer = operations[:place] + operations[place + 1 :]
                if difference(loaded, scheduler, persistent, fewer):
                    operations = fewer
            what = difference(loaded, scheduler, persistent, operations)
            pytest.fail("\n".join([f"seed {seed}:", *map(str, operations), what]))
