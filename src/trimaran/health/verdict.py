"""What is known of a server's fitness, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

from trimaran.model.check import TcpCheck
from trimaran.model.service import RealServer


@dataclass(frozen=True, slots=True)
class Verdict:
    """Fit (up), unfit, or not known (`up` None), with the reason as an operator would say it."""

    up: bool | None
    reason: str


UNKNOWN = Verdict(None, "not checked yet")
UNCHECKED = Verdict(True, "no check is configured")


def of_server(server: RealServer, verdicts: Mapping[TcpCheck, Verdict]) -> Verdict:
    """Judge a server by its checks: all must be up, and the first that is not says why."""
    if not server.checks:
        return UNCHECKED
    judged = [(check, verdicts[check]) for check in server.checks]
    for wanted in (False, None, True):
        for check, verdict in judged:
            if verdict.up is wanted:
                return _located(verdict, check, server)
    raise AssertionError("a verdict is up, down or unknown")


def _located(verdict: Verdict, check: TcpCheck, server: RealServer) -> Verdict:
    """Say where, when what was checked is not where the server's clients are sent."""
    if verdict.up is None or (check.address, check.port) == (server.key.address, server.key.port):
        return verdict
    return Verdict(verdict.up, f"{verdict.reason} at {check.address}:{check.port}")
