"""What checks say of weights, and what becomes of it."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.health import file, misc
from trimaran.health.roster import Roster
from trimaran.health.schedule import Schedule
from trimaran.health.verdict import Verdict, of_server
from trimaran.health.weights import weighted
from trimaran.model.check import CheckTiming, FileCheck, MiscCheck, TcpCheck
from trimaran.model.duration import SECOND
from trimaran.model.script import Script
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    VirtualService,
)

WEB = ip_address("10.0.1.1")
CHECKS = tuple(TcpCheck(WEB, port) for port in (1, 2, 3))
SERVER = RealServer(ServerKey(WEB, 1), 10, CHECKS)
SERVICE = VirtualService(
    ServiceKey(Protocol.TCP, ip_address("10.0.0.1"), 80),
    "wrr",
    Forwarding.DIRECT_ROUTING,
    (SERVER,),
)


def weight(*verdicts: Verdict) -> int | None:
    return of_server(SERVER, dict(zip(CHECKS, verdicts, strict=True))).weight


def up(weight: int | None = None, added: int = 0) -> Verdict:
    return Verdict(True, "fine", weight, added)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ((up(), up(), up()), None),
        ((up(10), up(), up()), 10),
        ((up(3), up(), up()), 3),
        ((up(0), up(), up()), 0),
        ((up(3), up(12), up()), 5),
        ((up(), up(added=-4), up(added=7)), 13),
        ((up(2), up(added=-4), up()), 0),
        ((up(added=2**40), up(), up()), 2**31 - 1),
    ],
)
def test_what_checks_say_of_the_weight_adds_up(
    verdicts: tuple[Verdict, ...], expected: int | None
) -> None:
    assert weight(*verdicts) == expected


@given(
    st.lists(st.builds(up, st.none() | st.integers(0, 300), st.integers()), min_size=3, max_size=3)
)
def test_a_weight_is_one_that_ipvs_takes(verdicts: list[Verdict]) -> None:
    found = weight(*verdicts)
    assert found is None or 0 <= found < 2**31


def test_a_new_weight_is_news_but_does_not_change_since_when_a_server_is_up() -> None:
    schedule = Schedule(CheckTiming(), 0)
    assert schedule.finished(up(3), 0)
    assert not schedule.finished(up(3), SECOND)
    assert schedule.finished(up(4), 2 * SECOND)
    assert schedule.finished(up(), 3 * SECOND)
    roster = Roster()
    server = RealServer(SERVER.key, 10, CHECKS[:1])
    roster.configure([VirtualService(SERVICE.key, "rr", SERVICE.forwarding, (server,))], 0)
    roster.decide(CHECKS[0], up(3), 5)
    (standing,) = roster.decide(CHECKS[0], up(4), 7)
    assert (standing.verdict.weight, standing.since) == (4, 5)


def test_services_with_weights_that_checks_give() -> None:
    assert weighted([SERVICE], {}) == (SERVICE,)
    (changed,) = weighted([SERVICE], {(SERVICE.key, SERVER.key): 3})
    assert [server.weight for server in changed.real_servers] == [3]
    other = ServiceKey(Protocol.UDP, WEB, 1)
    assert weighted([SERVICE], {(other, SERVER.key): 3}) == (SERVICE,)


@pytest.mark.parametrize(
    ("dynamic", "status", "verdict"),
    [
        (False, 0, Verdict(True, "exit status 0")),
        (False, 1, Verdict(False, "exit status 1")),
        (False, 2, Verdict(False, "exit status 2")),
        (False, 255, Verdict(False, "exit status 255")),
        (False, -9, Verdict(False, "/bin/x was ended by signal 9")),
        (True, 0, Verdict(True, "exit status 0")),
        (True, 1, Verdict(False, "exit status 1")),
        (True, 2, Verdict(True, "exit status 2: weight 0", 0)),
        (True, 255, Verdict(True, "exit status 255: weight 253", 253)),
        (True, -15, Verdict(False, "/bin/x was ended by signal 15")),
    ],
)
def test_exit_status(dynamic: bool, status: int, verdict: Verdict) -> None:
    assert misc.judge(MiscCheck(Script(("/bin/x",)), dynamic=dynamic), status) == verdict


@pytest.mark.parametrize(
    ("weight", "content", "up", "added"),
    [
        (0, b"0\n", True, 0),
        (0, None, True, 0),
        (0, b"1", False, 0),
        (0, b"-1\n", False, 0),
        (1, b"5\n", True, 5),
        (-2, b" 5 ", True, -10),
        (3, b"-5", True, -15),
        (1, b"-2147483647", False, 0),
        (1, b"99999999999999999999", True, 2**31 - 1),
        (1, b"", None, 0),
        (1, b"five", None, 0),
        (1, b"1" * 64, None, 0),
    ],
)
def test_numbers_in_files(weight: int, content: bytes | None, up: bool | None, added: int) -> None:
    verdict = file.judge(FileCheck("/f", weight), content)
    assert (verdict.up, verdict.added, verdict.weight) == (up, added, None)


@given(st.none() | st.binary(max_size=64), st.integers(-(2**31) + 1, 2**31 - 1))
def test_any_content_has_a_verdict(content: bytes | None, weight: int) -> None:
    verdict = file.judge(FileCheck("/f", weight), content)
    assert -(2**31) < verdict.added < 2**31
