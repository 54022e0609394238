"""Which real servers stand or fall with which check.

A check is a value: servers of any number of services that are checked in the same way share one
probe, and its verdict is fanned out to them.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from trimaran.health.administration import Place
from trimaran.health.verdict import UNKNOWN, Verdict, of_server
from trimaran.model.check import Check
from trimaran.model.service import RealServer, ServerKey, ServiceKey, VirtualService


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one real server of one service stands.

    `since`: when it came up, went down or became unknown, in nanoseconds since the epoch.
    """

    service: ServiceKey
    server: ServerKey
    verdict: Verdict
    since: int

    @property
    def place(self) -> Place:
        """Which real server of which service."""
        return self.service, self.server


_Member = tuple[ServiceKey, RealServer]


class Roster:
    """The verdicts of all checks, and what follows from them for all real servers."""

    def __init__(self) -> None:
        self._verdicts: dict[Check, Verdict] = {}
        self._places: dict[Check, list[_Member]] = {}
        self._standings: dict[Place, Standing] = {}
        self._servers: dict[Place, RealServer] = {}

    def configure(self, services: Iterable[VirtualService], now: int) -> list[Standing]:
        """Take the whole set of services; return the standings that are new or changed.

        What is known of a check that stays is kept. A new check starts as unknown, and so does
        a server that has one, until it has answered.
        """
        places = [(service.key, server) for service in services for server in service.real_servers]
        self._servers = {(service, server.key): server for service, server in places}
        self._places = {}
        for place in places:
            for check in place[1].checks:
                self._places.setdefault(check, []).append(place)
        self._verdicts = {check: self._verdicts.get(check, UNKNOWN) for check in self._places}
        known = self._standings
        self._standings = {
            key: known[key] for service, server in places if (key := (service, server.key)) in known
        }
        return self._settle(places, now)

    def decide(self, check: Check, verdict: Verdict, now: int) -> list[Standing]:
        """Take a check's new verdict; return the standings that changed by it."""
        self._verdicts[check] = verdict
        return self._settle(self._places[check], now)

    def checks(self) -> Iterable[Check]:
        """The checks to be made, each once."""
        return self._places.keys()

    def checks_of(self, standing: Standing) -> Iterable[Check]:
        """The checks that a standing follows from."""
        return self._servers[standing.service, standing.server].checks

    def places(self) -> Set[Place]:
        """All real servers, as they are at each time."""
        return self._standings.keys()

    def standings(self) -> Iterable[Standing]:
        """All real servers."""
        return self._standings.values()

    def _settle(self, places: Iterable[_Member], now: int) -> list[Standing]:
        changed = []
        for service, server in places:
            key = (service, server.key)
            verdict = of_server(server, self._verdicts)
            before = self._standings.get(key)
            if before is not None and before.verdict == verdict:
                continue
            since = before.since if before and before.verdict.up == verdict.up else now
            self._standings[key] = Standing(service, server.key, verdict, since)
            changed.append(self._standings[key])
        return changed
