"""What is known of a server's fitness, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trimaran.model.check import Check, NetworkCheck
from trimaran.model.service import RealServer

MOST_WEIGHT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """Fit (up), unfit, or not known (`up` None), with the reason as an operator would say it.

    A check may say something of the server's weight too: `weight`, what it is to be instead of
    the configured one; `added`, by how much it is to be changed.
    """

    up: bool | None
    reason: str
    weight: int | None = None
    added: int = 0


UNKNOWN = Verdict(None, "not checked yet")
UNCHECKED = Verdict(True, "no check is configured")


def of_server(server: RealServer, verdicts: Mapping[Check, Verdict]) -> Verdict:
    """Judge a server by its checks: all must be up, and the first that is not says why.

    What they say of its weight adds up, as with keepalived; `weight` of the result is None if
    they say nothing.
    """
    if not server.checks:
        return UNCHECKED
    judged = [(check, verdicts[check]) for check in server.checks]
    for wanted in (False, None, True):
        for check, verdict in judged:
            if verdict.up is wanted:
                weight = _weight(server.weight, (verdict for _, verdict in judged))
                return Verdict(wanted, _reason(verdict, check, server), weight)
    raise AssertionError("a verdict is up, down or unknown")


def _weight(configured: int, verdicts: Iterable[Verdict]) -> int | None:
    weight = configured
    said = False
    for verdict in verdicts:
        if verdict.weight is not None:
            weight += verdict.weight - configured
        weight += verdict.added
        said = said or verdict.weight is not None or verdict.added != 0
    return min(max(weight, 0), MOST_WEIGHT) if said else None


def _reason(verdict: Verdict, check: Check, server: RealServer) -> str:
    """Say where, when what was checked is not where the server's clients are sent."""
    if verdict.up is None or not isinstance(check, NetworkCheck):
        return verdict.reason
    if (check.address, check.port) == (server.key.address, server.key.port):
        return verdict.reason
    return f"{verdict.reason} at {check.address}:{check.port}"
