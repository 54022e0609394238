"""How the end of a connect is judged."""

import errno
from ipaddress import IPv4Address

import pytest

from trimaran.health import tcp
from trimaran.health.verdict import Verdict
from trimaran.model.check import TcpCheck
from trimaran.model.duration import MILLISECOND, SECOND

CHECK = TcpCheck(IPv4Address("192.168.1.201"), 80, IPv4Address("192.168.1.9"), 2 * SECOND)


@pytest.mark.parametrize(
    ("error", "up", "reason"),
    [
        (0, True, "connected"),
        (errno.ECONNREFUSED, False, "connection refused"),
        (errno.ETIMEDOUT, False, "no answer"),
        (errno.EHOSTUNREACH, False, "host unreachable"),
        (errno.ENETUNREACH, False, "network unreachable"),
        (errno.EPERM, False, "dropped by this host's own firewall"),
        (errno.EPROTO, False, f"connect failed with error {errno.EPROTO} (EPROTO)"),
        (errno.EMFILE, None, "this process has no file descriptors left"),
        (errno.EADDRNOTAVAIL, None, "this host has no local port left"),
    ],
)
def test_judge(error: int, up: bool | None, reason: str) -> None:
    assert tcp.judge(error) == Verdict(up, reason)


def test_a_source_address_that_is_not_here() -> None:
    assert tcp.judge_bind(CHECK, errno.EADDRNOTAVAIL) == Verdict(
        False, "cannot bind to 192.168.1.9: not an address of this host"
    )
    assert tcp.judge_bind(CHECK, errno.ENOMEM).up is None


@pytest.mark.parametrize(("timeout", "text"), [(2 * SECOND, "2 s"), (1500 * MILLISECOND, "1.5 s")])
def test_no_answer_in_time(timeout: int, text: str) -> None:
    check = TcpCheck(IPv4Address("192.168.1.201"), 80, connect_timeout=timeout)
    assert tcp.unanswered(check) == Verdict(False, f"no answer within {text}")
