"""What is told when servers and services come up or go down."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from trimaran.health import notices
from trimaran.model.notification import Letter
from trimaran.model.script import Script
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    VirtualService,
)

UP, DOWN, QUORUM_UP, QUORUM_DOWN = (Script((name,)) for name in ("up", "down", "q_up", "q_down"))
ONE, TWO = (ServerKey(IPv4Address(f"10.0.1.{n}"), 80) for n in (1, 2))


def service(last: int, **more: object) -> VirtualService:
    key = ServiceKey(Protocol.TCP, IPv4Address(f"10.0.0.{last}"), 80)
    servers = (RealServer(ONE, notify_up=UP, notify_down=DOWN), RealServer(TWO))
    whole = VirtualService(key, "rr", Forwarding.DIRECT_ROUTING, servers)
    return replace(whole, quorum_up=QUORUM_UP, quorum_down=QUORUM_DOWN, **more)  # type: ignore[arg-type]


A, B = service(1), service(2)


def scripts(found: object) -> list[str]:
    assert not isinstance(found, str)
    return [script.command[0] for notice in found for script in notice.scripts]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (True, True, []),
        (True, False, ["down"]),
        (False, True, ["up"]),
        (None, True, []),
        (None, False, ["down"]),
        (False, None, []),
    ],
)
def test_servers(before: bool | None, after: bool | None, expected: list[str]) -> None:
    was, now = ({} if up is None else {(A.key, ONE): up} for up in (before, after))
    assert scripts(notices.of_servers([A], was, now, first_results=False)) == expected


def test_first_results() -> None:
    for up, name in ((True, "up"), (False, "down")):
        now = {(A.key, ONE): up, (A.key, TWO): up}
        assert scripts(notices.of_servers([A], {}, now, first_results=True)) == [name]
    alpha = replace(A, real_servers=(replace(A.real_servers[0], alpha=True),))
    found = [
        scripts(notices.of_servers([alpha], {}, {(A.key, ONE): up}, first_results=False))
        for up in (True, False)
    ]
    assert found == [["up"], []]


def test_the_first_state_of_a_quorum_is_told_and_then_its_changes() -> None:
    assert scripts(notices.of_quorums([A], {}, {A.key: True})) == ["q_up"]
    assert scripts(notices.of_quorums([A], {}, {A.key: False})) == ["q_down"]
    assert scripts(notices.of_quorums([A], {A.key: True}, {A.key: True})) == []
    assert scripts(notices.of_quorums([A, B], {A.key: True}, {A.key: False, B.key: True})) == [
        "q_down",
        "q_up",
    ]


def test_a_group_speaks_once() -> None:
    group = [replace(one, group="g") for one in (A, B)]
    fitness = {(one.key, ONE): False for one in group}
    (notice,) = notices.of_servers(group, {}, fitness, first_results=True)
    assert notice.subject == "real server 10.0.1.1:80 of TCP group g"
    (notice,) = notices.of_quorums(group, {}, {one.key: True for one in group})
    assert notice.subject == "quorum of TCP group g"


def test_lines_and_mail() -> None:
    quiet = replace(A.real_servers[1], mail=False)
    told = replace(A, real_servers=(A.real_servers[0], quiet), mail=True)
    down = {(A.key, server): False for server in (ONE, TWO)}
    found = list(notices.of_servers([told], {}, down, first_results=False))
    assert [notice.line for notice in found] == [
        "RS [10.0.1.1]:tcp:80 [10.0.0.1]:tcp:80 DOWN",
        "RS [10.0.1.2]:tcp:80 [10.0.0.1]:tcp:80 DOWN",
    ]
    title = "Realserver [10.0.1.1]:tcp:80 of virtual server [10.0.0.1]:tcp:80 - DOWN"
    letters = [notice.letter for notice in found]
    assert letters == [Letter(title, "=> CHECK failed on service <="), None]
    (notice,) = notices.of_quorums([told], {A.key: True}, {A.key: False})
    assert notice.line == "VS [10.0.0.1]:tcp:80 DOWN"
    title = "Virtualserver [10.0.0.1]:tcp:80 - DOWN"
    assert notice.letter == Letter(title, "=> Quorum lost <=")
    (first,) = notices.of_quorums([told], {}, {A.key: True})
    assert first.letter is None


def test_the_end() -> None:
    fitness = {(one.key, server): True for one in (A, B) for server in (ONE, TWO)}
    quorate = {A.key: True, B.key: True}
    assert scripts(notices.of_the_end([A, B], fitness, quorate)) == []
    ending = [A, replace(B, omega=True)]
    assert scripts(notices.of_the_end(ending, fitness, quorate)) == ["down", "q_down"]
    fitness[(B.key, ONE)] = False
    assert scripts(notices.of_the_end(ending, fitness, {A.key: True, B.key: False})) == []
