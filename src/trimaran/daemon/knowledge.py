"""What the steward knows of real servers, services, trackers and BFD sessions, from what the
checker and the BFD process have said.

It outlives these: one that was started again knows nothing yet, and what was known stays true
until it says otherwise. Nothing here waits for anything or talks to anyone.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

import msgspec

from trimaran.daemon.desired import checked_services, desired_services
from trimaran.daemon.logs import few
from trimaran.daemon.messages import (
    ServerStatus,
    SessionsStatus,
    TrackerReading,
    TrackerReadings,
)
from trimaran.dataplane.base import Service
from trimaran.health import notices
from trimaran.health.administration import (
    NO_ORDERS,
    NOBODY_LEAVES,
    Leaving,
    Mode,
    Order,
    Place,
    administered,
)
from trimaran.health.quorum import Quorums
from trimaran.health.weights import weighted
from trimaran.model.config import Config
from trimaran.model.notification import Notice
from trimaran.model.service import ServerKey, ServiceKey
from trimaran.model.tracking import Tracker, TrackerKind

log = logging.getLogger("steward")

_Server = tuple[ServiceKey, ServerKey]


class Knowledge:
    """Which real servers are fit, with which weights; which services have their quorum; and what
    was found of trackers."""

    def __init__(self) -> None:
        self._fitness: dict[_Server, bool] = {}
        self._weights: dict[_Server, int] = {}
        self._quorums = Quorums()
        self.quorate: Mapping[ServiceKey, bool] = {}
        self.sessions = SessionsStatus(())
        self._readings: dict[Tracker, TrackerReading] = {}

    def learn(self, config: Config, said: Iterable[ServerStatus]) -> list[Notice] | None:
        """Take what the checker says; what scripts are to be told of it, None if it is not new."""
        configured = _servers(config)
        told = {
            key: status
            for status in said
            if status.up is not None and (key := (status.service, status.server)) in configured
        }
        known = {key: bool(status.up) for key, status in told.items()}
        weights = {key: weight for key, weight in self._weights.items() if key not in told} | {
            key: status.weight for key, status in told.items() if status.weight is not None
        }
        if known.items() <= self._fitness.items() and weights == self._weights:
            return None
        self._weights = weights
        before, self._fitness = self._fitness, self._fitness | known
        return list(
            notices.of_servers(
                config.virtual_services,
                before,
                self._fitness,
                first_results=config.scripts.first_results,
            )
        )

    def forget_others(self, config: Config) -> None:
        """Forget real servers that a new configuration does not have."""
        configured = _servers(config)
        self._fitness = {key: up for key, up in self._fitness.items() if key in configured}
        self._weights = {key: weight for key, weight in self._weights.items() if key in configured}

    def learn_readings(self, config: Config, said: Iterable[TrackerReading]) -> TrackerReadings:
        """Take what is said of trackers; what is known of all of them."""
        known = self._readings | {one.tracker: one for one in said if one.value is not None}
        trackers = [each.tracker for each in (*config.trackers, *config.bfd_sessions)]
        self._readings = {each: known[each] for each in trackers if each in known}
        return self.readings()

    def learn_sessions(self, config: Config, said: SessionsStatus) -> bool:
        """Take what is said of BFD sessions; whether one came up or went down."""
        before = {session.name: session.up for session in self.sessions.sessions}
        sessions = tuple(
            session
            if session.up is not None
            else msgspec.structs.replace(session, up=before.get(session.name))
            for session in said.sessions
        )
        self.sessions = SessionsStatus(sessions, said.discarded)
        self.learn_readings(
            config,
            (
                TrackerReading(Tracker(TrackerKind.BFD, one.name), one.up, one.since, one.reason)
                for one in sessions
            ),
        )
        return before != {session.name: session.up for session in sessions}

    def readings(self) -> TrackerReadings:
        """What is known of trackers."""
        return TrackerReadings(tuple(self._readings.values()))

    def is_complete(self, config: Config) -> bool:
        """Has every real server been checked whose checks wait for no address?"""
        awake = replace(config, virtual_services=checked_services(config, ()))
        return _servers(awake) <= self._fitness.keys()

    def conclude(
        self,
        config: Config,
        orders: Mapping[Place, Order] = NO_ORDERS,
        leaving: Mapping[Place, Leaving] = NOBODY_LEAVES,
    ) -> tuple[tuple[Service, ...], list[Notice]]:
        """What the dataplane shall hold now, and what scripts are to be told of quorums.

        `orders`: what an operator says of real servers; `leaving`: those on their way out.
        """
        services = weighted(config.virtual_services, self._weights)
        services = administered(services, orders, leaving)
        modes = {place: order.mode for place, order in orders.items()}
        disabled = {place: False for place, mode in modes.items() if mode is Mode.DISABLE}
        draining = {place for place, mode in modes.items() if mode is Mode.DRAIN} | leaving.keys()
        fitness = self._fitness | disabled | dict.fromkeys(leaving, True)
        before, self.quorate = self.quorate, self._quorums.settle(services, fitness)
        lines = [
            f"{key} {'has its quorum again' if up else 'has lost its quorum'}"
            for key, up in self.quorate.items()
            if up != before.get(key, True)
        ]
        for line in few(lines):
            log.warning("%s", line)
        told = list(notices.of_quorums(services, before, self.quorate))
        config = replace(config, virtual_services=services)
        return desired_services(config, fitness, self.quorate, draining), told

    def end(self, config: Config) -> Iterable[Notice]:
        """What scripts are to be told at the end of the daemon."""
        return notices.of_the_end(config.virtual_services, self._fitness, self.quorate)


def _servers(config: Config) -> set[_Server]:
    return {
        (service.key, server.key)
        for service in config.virtual_services
        for server in service.real_servers
    }
