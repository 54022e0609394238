"""When a service has its quorum."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.health.administration import Place
from trimaran.health.quorum import Quorums, quorate
from trimaran.model.service import (
    Forwarding,
    Protocol,
    Quorum,
    RealServer,
    ServerKey,
    ServiceKey,
    VirtualService,
)

KEY = ServiceKey(Protocol.TCP, IPv4Address("10.0.0.1"), 80)
SERVERS = [ServerKey(IPv4Address(f"10.0.1.{n}"), 80) for n in range(9)]


def service(quorum: Quorum, weights: list[int]) -> VirtualService:
    servers = tuple(RealServer(key, w) for key, w in zip(SERVERS, weights, strict=False))
    return VirtualService(KEY, "rr", Forwarding.DIRECT_ROUTING, servers, quorum=quorum)


@pytest.mark.parametrize(
    ("fit", "before", "expected"),
    [
        (0, True, False),
        (2, True, False),
        (3, True, True),
        (3, False, False),
        (6, False, False),
        (7, False, True),
        (9, True, True),
    ],
)
def test_quorum_5_with_hysteresis_2(fit: int, before: bool, expected: bool) -> None:
    whole = service(Quorum(5, 2), [1] * 9)
    assert quorate(whole, set(SERVERS[:fit]), before) is expected


def test_without_any_weight_there_is_no_quorum() -> None:
    assert not quorate(service(Quorum(1), [0, 0]), set(SERVERS), True)


@given(st.integers(1, 9), st.integers(0, 8), st.lists(st.sets(st.sampled_from(SERVERS))))
def test_it_changes_only_beyond_the_hysteresis(
    weight: int, hysteresis: int, course: list[set[ServerKey]]
) -> None:
    whole = service(Quorum(weight, hysteresis), [1] * 9)
    quorums, before = Quorums(), True
    for fit in course:
        known = {(KEY, server): server in fit for server in SERVERS}
        quorums.settle([whole], known)
        now = quorums.quorate[KEY]
        if now and not before:
            assert len(fit) >= weight + hysteresis
        if before and not now:
            assert not fit or len(fit) < weight - hysteresis
        before = now


def settled(quorums: Quorums, service: VirtualService, fit: dict[Place, bool]) -> bool | None:
    """Whether it has its quorum then; None: nothing is said."""
    quorums.settle([service], fit)
    return quorums.quorate.get(KEY)


def test_what_is_removed_is_forgotten() -> None:
    quorums = Quorums()
    whole = service(Quorum(3, 1), [1] * 9)
    fit = {(KEY, server): True for server in SERVERS[:3]}
    unfit = {(KEY, server): False for server in SERVERS}
    assert settled(quorums, whole, unfit) is False
    quorums.forget_others({KEY})
    assert settled(quorums, whole, fit) is False
    quorums.forget_others(())
    assert settled(quorums, whole, fit) is True


def test_a_new_service_has_lost_nothing_before_all_its_servers_are_known() -> None:
    quorums = Quorums()
    whole = service(Quorum(1), [1] * 9)
    unfit = {(KEY, server): False for server in SERVERS}
    assert settled(quorums, whole, {}) is None
    assert settled(quorums, whole, dict(list(unfit.items())[:-1])) is None
    assert settled(quorums, whole, unfit) is False
    assert settled(quorums, whole, {}) is False
