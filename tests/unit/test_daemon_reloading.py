"""Reloads: one at a time, what is said of them, and that they end where a fresh start would."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.conf import Diagnostic, Result, Severity, Span
from trimaran.daemon.applying import Applying
from trimaran.daemon.encoding import encode
from trimaran.daemon.knowledge import Knowledge
from trimaran.daemon.messages import Applied, ServersStatus, ServerStatus
from trimaran.daemon.news import Heard, Told
from trimaran.daemon.reloading import Reloaded, Reloads, Verdict, beside
from trimaran.dataplane.base import Service
from trimaran.dataplane.difference import difference
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    DeleteService,
    EditDestination,
    EditService,
    Step,
)
from trimaran.health.administration import Place
from trimaran.health.roster import Roster, Standing
from trimaran.health.verdict import Verdict as CheckVerdict
from trimaran.model.address import VirtualAddress
from trimaran.model.check import Check, CheckTiming, TcpCheck
from trimaran.model.config import Config
from trimaran.model.difference import changes
from trimaran.model.duration import SECOND
from trimaran.model.router import VirtualRouter
from trimaran.model.service import (
    Forwarding,
    Persistence,
    Protocol,
    Quorum,
    RealServer,
    ServerKey,
    ServiceKey,
    SorryServer,
    VirtualService,
)
from trimaran.views.reloaded import exit_status, from_json, render_text

VIP = IPv4Address("192.168.1.10")
WEB = IPv4Address("192.168.1.201")


# One at a time


def test_those_asked_for_while_one_runs_are_one_and_come_next() -> None:
    begun: list[Config] = []
    gate = asyncio.Event()
    together = 0

    async def take(config: Config) -> Reloaded:
        nonlocal together
        together += 1
        assert together == 1
        begun.append(config)
        await gate.wait()
        together -= 1
        return Reloaded(Verdict.UNCHANGED, reason=str(len(begun)))

    async def story() -> list[str]:
        reloads = Reloads(lambda: Result(Config(), ()), take)
        first = reloads.ask()
        while not begun:
            await asyncio.sleep(0.001)
        waiting = [reloads.ask() for _ in range(1000)]
        gate.set()
        return [(await one).reason for one in (first, *waiting)]

    assert asyncio.run(story()) == ["1"] + ["2"] * 1000


def test_a_file_with_errors_is_refused_and_said(caplog: pytest.LogCaptureFixture) -> None:
    async def take(_: Config) -> Reloaded:
        raise AssertionError("it must not be taken")

    error = Diagnostic(Severity.ERROR, Span("a.conf", 3), "odd")

    async def story() -> Reloaded:
        return await Reloads(lambda: Result(None, (error,)), take).ask()

    outcome = asyncio.run(story())
    assert (outcome.verdict, outcome.diagnostics) == (Verdict.REFUSED, (error,))
    assert caplog.messages == [
        "a.conf:3:1: error: odd",
        "reload refused: the running configuration stays as it was",
    ]


def test_of_thousands_of_warnings_the_log_gets_a_few(caplog: pytest.LogCaptureFixture) -> None:
    odd = tuple(Diagnostic(Severity.WARNING, Span("a.conf", n), "odd") for n in range(1, 5001))

    async def take(_: Config) -> Reloaded:
        return Reloaded(Verdict.UNCHANGED)

    async def story() -> Reloaded:
        return await Reloads(lambda: Result(Config(), odd), take).ask()

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(story()).diagnostics == odd, "whoever asked for it gets them all"
    assert len(caplog.messages) == 101
    assert caplog.messages[0] == "a.conf:1:1: warning: odd"
    assert caplog.messages[-1].startswith("... and 4900 more")


def test_the_loop_goes_on_while_a_thread_reads() -> None:
    go = threading.Event()

    async def story() -> str:
        reading = asyncio.ensure_future(beside(lambda: "read" if go.wait(10) else "late"))
        await asyncio.sleep(0)
        go.set()  # which would never come if reading held the loop up
        return await reading

    assert asyncio.run(story()) == "read"


def test_the_plane_s_answer_is_waited_for_in_vain_or_not() -> None:
    async def story() -> None:
        applying = Applying()
        first, second = applying.ask(), applying.ask()
        applying.take(Applied(first, ("an old one",)))
        (late,) = await applying.wait(0.01)
        assert late == "the dataplane is not done with it after 0.01 s, and goes on"
        waiting = asyncio.ensure_future(applying.wait(10))
        applying.take(Applied(second, ("no room",)))
        assert await waiting == ("no room",)

    asyncio.run(story())


# What is said


def service(port: int, *servers: RealServer, scheduler: str = "rr") -> VirtualService:
    key = ServiceKey(Protocol.TCP, VIP, port)
    return VirtualService(key, scheduler, Forwarding.DIRECT_ROUTING, servers)


def server(number: int, weight: int = 1) -> RealServer:
    return RealServer(ServerKey(WEB + number, 80), weight)


def test_what_changes_in_words() -> None:
    vip = VirtualAddress(VIP, 24, "eth1")
    router = VirtualRouter("ip1", "eth1", 1, addresses=(vip,))
    before = Config(None, (router,), (service(80, server(0), server(1)), service(81, server(0))))
    after = Config(
        "lb1",
        (
            replace(
                router,
                priority=90,
                advertisement_interval=2 * SECOND,
                addresses=(replace(vip, address=VIP + 1),),
            ),
        ),
        (service(80, server(0, 3), server(2, 2), scheduler="wrr"), service(82, server(0))),
    )
    assert list(changes(before, before)) == []
    assert list(changes(before, after)) == [
        "virtual router ip1: priority 100 -> 90, advertisement interval changed, "
        "192.168.1.11/24 added, 192.168.1.10/24 removed",
        "TCP 192.168.1.10:80: scheduler rr -> wrr",
        "TCP 192.168.1.10:80: server 192.168.1.201:80: weight 1 -> 3",
        "TCP 192.168.1.10:80: server 192.168.1.203:80 added, weight 2",
        "TCP 192.168.1.10:80: server 192.168.1.202:80 removed",
        "TCP 192.168.1.10:82 added",
        "TCP 192.168.1.10:81 removed",
        "global: router id none -> lb1",
    ]


def test_what_a_command_says_and_its_exit_status() -> None:
    warning = Diagnostic(Severity.WARNING, Span("a.conf", 3, 5, 2), "odd", None, "  xy", None)
    good = Reloaded(Verdict.IN_FORCE, (), "", ("TCP 192.0.2.1:80 added",), (), 0.25)
    assert render_text(from_json(encode(good))) == (
        "TCP 192.0.2.1:80 added\nreload: the new configuration is in force (0.25 s)\n"
    )
    assert exit_status(good) == 0
    warned = Reloaded(Verdict.UNCHANGED, (warning,))
    assert render_text(from_json(encode(warned))).startswith("a.conf:3:5: warning: odd\n  xy\n")
    assert exit_status(warned) == 1
    assert exit_status(Reloaded(Verdict.IN_FORCE, left_out=("no room",))) == 1
    refused = Reloaded(Verdict.REFUSED, reason="net_namespace cannot change")
    assert render_text(refused) == (
        "reload refused: net_namespace cannot change: the running configuration stays as it was\n"
    )
    assert exit_status(refused) == 2


# state(A, then reload to B) = state(B)

checks = st.builds(
    lambda number, delay: TcpCheck(WEB + number, 80, timing=CheckTiming(delay * SECOND)),
    st.integers(0, 3),
    st.integers(1, 2),
)
servers = st.builds(
    RealServer,
    st.builds(lambda number: ServerKey(WEB + number, 80), st.integers(0, 4)),
    st.integers(0, 5),
    st.lists(checks, max_size=2, unique=True).map(tuple),
    upper_threshold=st.integers(0, 2),
    inhibit_on_failure=st.booleans(),
)
services = st.builds(
    VirtualService,
    st.builds(lambda port: ServiceKey(Protocol.TCP, VIP, port), st.integers(80, 83)),
    st.sampled_from(["rr", "wrr", "sh"]),
    st.just(Forwarding.DIRECT_ROUTING),
    st.lists(servers, min_size=1, max_size=4, unique_by=lambda one: one.key).map(tuple),
    persistence=st.none() | st.builds(Persistence, st.integers(1, 9), st.just(2**32 - 1)),
    quorum=st.builds(Quorum, st.integers(1, 4)),
    sorry_server=st.none() | st.just(SorryServer(ServerKey(WEB - 1, 80))),
)
configs = st.builds(
    lambda found: Config(virtual_services=tuple(found)),
    st.lists(services, max_size=4, unique_by=lambda one: one.key),
)
answers = st.fixed_dictionaries(
    {(number, delay): st.booleans() for number in range(4) for delay in (1, 2)}
)


class Director:
    """The pure cores of a director: what it knows, and what its dataplane has. Its processes tell
    each other what changed, as over the bus."""

    def __init__(self, answers: dict[tuple[int, int], bool]) -> None:
        self._answers = answers
        self.knowledge, self.roster = Knowledge(Config()), Roster()
        self.told: Told[Service] = Told()
        self.heard: Heard[Service] = Heard()
        self.dataplane: list[Service] = []
        self.steps: list[Step] = []

    def load(self, config: Config) -> None:
        """Start with a configuration, or go over to it; the checks have answered at the end."""
        self.knowledge.configure(config)
        self._apply()  # what is known is in force at once
        before = self.roster.places()
        changed = self.roster.configure(config.virtual_services, 0)
        gone = tuple(before - self.roster.places())
        self._learn(changed, gone)
        for check in list(self.roster.checks()):
            verdict = CheckVerdict(self._answers[name(check)], "answered")
            self._learn(self.roster.decide(check, verdict, 0))

    def _learn(self, changed: Sequence[Standing], gone: tuple[Place, ...] = ()) -> None:
        said = tuple(
            ServerStatus(s.service, s.server, s.verdict.up, 0, s.verdict.reason, s.verdict.weight)
            for s in changed
        )
        self.knowledge.learn(ServersStatus(said, gone, whole=False))
        assert self.knowledge.servers.keys() == self.roster.places()
        self._apply()

    def _apply(self) -> None:
        wanted, _ = self.knowledge.conclude()
        desired = self.heard.take(self.told.news(wanted))
        assert {one.key: one for one in desired} == {one.key: one for one in wanted}
        steps = difference(desired, self.dataplane)
        self.steps += steps
        self.dataplane = taken(self.dataplane, steps)
        assert not difference(desired, self.dataplane)


def name(check: Check) -> tuple[int, int]:
    assert isinstance(check, TcpCheck)
    return int(check.address) - int(WEB), check.timing.delay_loop // SECOND


def taken(services: Sequence[Service], steps: Sequence[Step]) -> list[Service]:
    """The services after these steps."""
    now = {service.key: service for service in services}
    for step in steps:
        if isinstance(step, DeleteService):
            del now[step.service]
            continue
        before = now.get(step.service)
        match step:
            case AddService() | EditService():
                old = before.destinations if before else ()
                now[step.service] = Service(step.service, step.settings, old)
                continue
        assert before is not None
        match step:
            case AddDestination(_, added):
                destinations = (*before.destinations, added)
            case EditDestination(_, edited):
                destinations = tuple(
                    edited if one.key == edited.key else one for one in before.destinations
                )
            case DeleteDestination(_, gone):
                destinations = tuple(one for one in before.destinations if one.key != gone)
        now[step.service] = replace(before, destinations=destinations)
    return list(now.values())


@settings(max_examples=100, deadline=None)
@given(configs, configs, answers)
def test_a_reload_ends_where_a_fresh_start_would(
    first: Config, second: Config, answers: dict[tuple[int, int], bool]
) -> None:
    reloaded, fresh = Director(answers), Director(answers)
    reloaded.load(first)
    reloaded.load(second)
    fresh.load(second)
    assert not difference(fresh.dataplane, reloaded.dataplane)
    assert len(fresh.dataplane) == len(reloaded.dataplane)
    assert set(fresh.roster.checks()) == set(reloaded.roster.checks())
    assert set(fresh.roster.standings()) == set(reloaded.roster.standings())
    assert fresh.knowledge.quorate == reloaded.knowledge.quorate


@settings(max_examples=100, deadline=None)
@given(configs, configs, answers)
def test_a_reload_touches_nothing_that_did_not_change(
    first: Config, second: Config, answers: dict[tuple[int, int], bool]
) -> None:
    """Not one step is about a service that is the same in both, so its connections stay."""
    director = Director(answers)
    director.load(first)
    director.steps.clear()
    director.load(second)
    same = {one.key for one in first.virtual_services if one in second.virtual_services}
    assert not same & {step.service for step in director.steps}
