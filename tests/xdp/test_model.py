"""Random histories of a service: the program does what the model of IPVS does."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
from frames import (
    ACK,
    DIRECTOR_MAC,
    FIN,
    HTTP,
    PASS,
    RST,
    SYN,
    TX,
    Director,
    server,
    server_mac,
    tcp,
)
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ipvs_model import Client, Configured, Model
from ipvs_schedulers import SCHEDULERS

from conftest import empty
from trimaran.dataplane.base import (
    FALLBACK,
    HASH_PORT,
    Behaviour,
    Destination,
    SchedulerFlag,
    Service,
    Settings,
)
from trimaran.dataplane.xdp.loader import Loaded
from trimaran.model.service import Forwarding, Persistence

FLAGS = {"syn": SYN, "ack": ACK, "fin": FIN | ACK, "rst": RST}
NUMBERS = range(101, 106)
SERVERS = st.sampled_from(NUMBERS)
WEIGHTS = st.sampled_from([1, 0, 2, 3, 4, 6, 9, 100])
CLIENTS = st.tuples(st.integers(0, 5), st.integers(5000, 5009))
AGE = 22.0
"""Seconds of which no small number is within some seconds of any timeout."""
PATIENCE = 6.0
"""Seconds that a history may take: less than anything in it may be wrong about the time."""

FEW = 6


class History(RuleBasedStateMachine):
    """The program and the model, in step. A subclass says for which scheduler."""

    loaded: Loaded
    interface: int
    scheduler: str

    @initialize(
        masquerading=st.booleans(),
        network=st.sampled_from([None, None, None, 1]),
        conn_reuse_mode=st.sampled_from([1, 0, 2]),
        sloppy_tcp=st.sampled_from([0, 1]),
        expire_nodest_conn=st.sampled_from([0, 1]),
        expire_quiescent_template=st.sampled_from([0, 1]),
        weights=st.lists(WEIGHTS, min_size=1, max_size=len(NUMBERS)),
    )
    def begin(self, weights: Sequence[int], **configured: Any) -> None:
        if configured["network"] is not None:
            configured["expire_nodest_conn"] = 0
        self.configured = Configured(**configured)
        self.model = Model(SCHEDULERS[self.scheduler](), self.configured)
        self.director = Director(empty(self.loaded), self.interface)
        self.director.plane.tables.live["takeover"] = 0
        self.director.plane.set_behaviour(
            Behaviour(
                conn_reuse_mode=configured["conn_reuse_mode"],
                sloppy_tcp=configured["sloppy_tcp"],
                expire_nodest_conn=configured["expire_nodest_conn"],
                expire_quiescent_template=configured["expire_quiescent_template"],
            )
        )
        self.began = time.monotonic()
        for number, weight in zip(NUMBERS, weights, strict=False):
            self.put(number, weight, 0, 0)

    # What happens

    @rule(
        clients=st.lists(CLIENTS, min_size=1, max_size=8),
        ended_by=st.sampled_from(["nobody", "client", "server"]),
    )
    def converse(self, clients: Sequence[Client], ended_by: str) -> None:
        for client in clients:
            self.send(client, "syn")
            self.send(client, "ack")
            if ended_by == "client":
                self.send(client, "fin")
            elif ended_by == "server":
                self.answer(client, None, "fin")

    @rule(client=CLIENTS, event=st.sampled_from(list(FLAGS)))
    def send(self, client: Client, event: str) -> None:
        frame = tcp(FLAGS[event], source=f"10.7.0.{client[0]}", port=client[1])
        verdict, out = self.director.send(frame)
        self.is_in_time()
        seen = 100 + out[5] if verdict == TX and out[:5] == server_mac(100)[:5] else 0
        wanted = self.model.packet(client, event, seen)
        assert (None if verdict == PASS else seen) == wanted

    @rule(client=CLIENTS, number=st.none() | SERVERS, event=st.sampled_from(list(FLAGS)))
    def answer(self, client: Client, number: int | None, event: str) -> None:
        """Of the client's own server (None), or of this, which may be another."""
        if not self.configured.masquerading:
            return  # such packets are routed, and not looked at
        if number is None:
            own = self.model.connections.get(client)
            number = own.server.number if own else NUMBERS[0]
        ends = {"source": str(server(number).address), "target": f"10.7.0.{client[0]}"}
        frame = tcp(FLAGS[event], port=80, to=client[1], **ends)
        verdict, _ = self.director.send(DIRECTOR_MAC + server_mac(number) + frame[12:])
        assert (verdict == TX) == self.model.answer(client, number, event)

    @rule(
        number=SERVERS,
        weight=WEIGHTS,
        upper=st.sampled_from([0, 0, 1, 2, 4]),
        share=st.sampled_from([0, 0.5, 1]),
    )
    def put(self, number: int, weight: int, upper: int, share: float) -> None:
        """Thresholds: the upper one, and how much of it the lower one is."""
        self.model.put(number, weight, upper, int(upper * share))
        self.apply()

    @rule(number=SERVERS)
    def remove(self, number: int) -> None:
        self.model.remove(number)
        self.apply()

    @rule(number=SERVERS, weight=WEIGHTS)
    def come_back(self, number: int, weight: int) -> None:
        """Removed and added again, with the connections that it had."""
        present = self.model.server(number)
        self.remove(number)
        if present is not None:
            self.model.put(number, weight, present.upper, present.lower)
            self.apply()

    @precondition(lambda self: self.configured.network is None)
    @rule(times=st.sampled_from([1, 3, 45]))
    def pass_time(self, times: int) -> None:
        self.model.pass_time(times * AGE)
        self.director.age(times * AGE)
        self.director.poll()

    @precondition(lambda self: self.configured.network is not None)
    @rule()
    def pass_away(self) -> None:
        self.model.pass_away()
        self.director.expire_all()
        self.director.poll()

    def apply(self) -> None:
        name, *flags = self.scheduler.split()
        netmask = 0xFFFFFFFF << (self.configured.network or 0) & 0xFFFFFFFF
        settings = Settings(
            name,
            (FALLBACK if "fallback" in flags else SchedulerFlag(0))
            | (HASH_PORT if "port" in flags else SchedulerFlag(0)),
            None if self.configured.network is None else Persistence(300, netmask),
        )
        destinations = tuple(
            Destination(
                server(s.number),
                s.weight,
                Forwarding.MASQUERADING
                if self.configured.masquerading
                else Forwarding.DIRECT_ROUTING,
                upper_threshold=s.upper,
                lower_threshold=s.lower,
            )
            for s in reversed(self.model.servers)
        )
        self.director.plane.apply([Service(HTTP, settings, destinations)])

    def is_in_time(self) -> None:
        """Else what was seen says nothing: on a machine that stood still entries expire."""
        assume(time.monotonic() - self.began < PATIENCE)

    # All that can be listed

    @invariant()
    def servers_are_counted_alike(self) -> None:
        self.is_in_time()
        shown = {
            int(d.destination.key.address) & 0xFF: (
                *(d.active_connections, d.inactive_connections, d.persistent_connections),
                *(d.counters.connections, d.counters.packets_in, d.counters.bytes_in),
                *(d.counters.packets_out, d.counters.bytes_out),
            )
            for d in self.director.service().destinations
        }
        assert shown == {
            s.number: (
                *(s.active, s.total - s.active, s.templates),
                *(s.opened, s.packets, 40 * s.packets, s.answers, 40 * s.answers),
            )
            for s in self.model.servers
        }

    @invariant()
    def connections_are_alike(self) -> None:
        self.is_in_time()
        flows = {
            (int(f.client) & 0xFF, f.client_port): (int(f.destination.address) & 0xFF, f.state)
            for f in self.director.flows()
            if f.client_port
        }
        assert flows == {
            client: (c.server.number, c.state) for client, c in self.model.connections.items()
        }


@pytest.mark.timeout(1200)  # to have what fails made shorter takes a while, too
@pytest.mark.parametrize(
    "examples", [FEW, pytest.param(200, marks=pytest.mark.long)], ids=["few", "many"]
)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_it_does_what_the_model_does(
    loaded: Loaded, interface: int, scheduler: str, examples: int
) -> None:
    of_scheduler = type(
        "History", (History,), {"loaded": loaded, "interface": interface, "scheduler": scheduler}
    )
    run_state_machine_as_test(
        of_scheduler,
        settings=settings(
            max_examples=examples,
            derandomize=examples == FEW,  # there a change is judged, not luck
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )
