"""What the steward knows of real servers, services, trackers and BFD sessions, from what the
checker and the BFD process have said.

It outlives these: one that was started again knows nothing yet, and what was known stays true
until it says otherwise. Nothing here waits for anything or talks to anyone.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from trimaran.daemon.desired import checked_services, desired_services
from trimaran.daemon.logs import few
from trimaran.daemon.messages import (
    ServersStatus,
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
from trimaran.model.service import ServerKey, ServiceKey, VirtualService
from trimaran.model.tracking import Tracker, TrackerKind

log = logging.getLogger("steward")


class Knowledge:
    """Which real servers are fit, with which weights; which services have their quorum; and what
    was found of trackers.

    What follows for a service is worked out again only if something of it has changed.
    """

    def __init__(self, config: Config) -> None:
        self.servers: dict[Place, ServerStatus] = {}
        self._fitness: dict[Place, bool] = {}
        self._weights: dict[Place, int] = {}
        self._quorums = Quorums()
        self._config = Config()
        self._services: dict[ServiceKey, VirtualService] = {}
        # What the dataplane shall hold, in the file's order; and for which this is to be seen anew.
        self._desired: dict[ServiceKey, Service] = {}
        self._stale: dict[ServiceKey, None] = {}
        self._administered: set[ServiceKey] = set()
        self.sessions = SessionsStatus(())
        self._readings: dict[Tracker, TrackerReading] = {}
        self.configure(config)

    @property
    def quorate(self) -> Mapping[ServiceKey, bool]:
        """Which services have their quorum, as far as it is known."""
        return self._quorums.quorate

    def configure(self, config: Config) -> None:
        """Know of these services and real servers, and forget others."""
        if config is self._config:
            return
        before, self._config = self._services, config
        self._services = {service.key: service for service in config.virtual_services}
        for key, service in self._services.items():
            if (known := before.get(key)) is not service and known != service:
                self._stale[key] = None
        configured = set(_places(config))
        self.servers = {place: s for place, s in self.servers.items() if place in configured}
        self._fitness = {place: up for place, up in self._fitness.items() if place in configured}
        self._weights = {place: w for place, w in self._weights.items() if place in configured}
        self._desired = {key: self._desired.get(key, Service(key)) for key in self._services}
        self._quorums.forget_others(self._services.keys())

    def learn(self, said: ServersStatus) -> list[Notice] | None:
        """Take what the checker says; what scripts are to be told of it, None if it is not new."""
        told = {(one.service, one.server): one for one in said.servers}
        if said.whole:
            self.servers = told
        else:
            self.servers |= told
            for place in said.gone:
                self.servers.pop(place, None)
        fit, weights = {}, dict(self._weights)
        for place, status in told.items():
            if status.up is None or not self._is_configured(*place):
                continue
            fit[place] = bool(status.up)
            if status.weight is not None:
                weights[place] = status.weight
            else:
                weights.pop(place, None)
        news = [place for place, up in fit.items() if self._fitness.get(place) is not up]
        other = [place for place in fit if self._weights.get(place) != weights.get(place)]
        if not news and not other:
            return None
        self._stale |= {service: None for service, _ in (*news, *other)}
        self._weights = weights
        before, self._fitness = self._fitness, self._fitness | fit
        return list(
            notices.of_servers(
                [self._services[key] for key in dict.fromkeys(service for service, _ in news)],
                before,
                self._fitness,
                first_results=self._config.scripts.first_results,
            )
        )

    def _is_configured(self, service: ServiceKey, server: ServerKey) -> bool:
        present = self._services.get(service)
        return present is not None and any(one.key == server for one in present.real_servers)

    def learn_readings(self, said: Iterable[TrackerReading]) -> TrackerReadings:
        """Take what is said of trackers; what is known of all of them."""
        known = self._readings | {one.tracker: one for one in said if one.value is not None}
        trackers = [each.tracker for each in (*self._config.trackers, *self._config.bfd_sessions)]
        self._readings = {each: known[each] for each in trackers if each in known}
        return self.readings()

    def learn_sessions(self, said: SessionsStatus) -> bool:
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
            TrackerReading(Tracker(TrackerKind.BFD, one.name), one.up, one.since, one.reason)
            for one in sessions
        )
        return before != {session.name: session.up for session in sessions}

    def readings(self) -> TrackerReadings:
        """What is known of trackers."""
        return TrackerReadings(tuple(self._readings.values()))

    def is_complete(self) -> bool:
        """Has every real server been checked whose checks wait for no address?"""
        awake = replace(self._config, virtual_services=checked_services(self._config, ()))
        return all(place in self._fitness for place in _places(awake))

    def conclude(
        self,
        orders: Mapping[Place, Order] = NO_ORDERS,
        leaving: Mapping[Place, Leaving] = NOBODY_LEAVES,
    ) -> tuple[tuple[Service, ...], list[Notice]]:
        """What the dataplane shall hold now, and what scripts are to be told of quorums.

        `orders`: what an operator says of real servers; `leaving`: those on their way out.
        """
        before, self._administered = (
            self._administered,
            {service for service, _ in (*orders, *leaving)},
        )
        stale = self._stale | dict.fromkeys(before | self._administered)
        self._stale = {}
        services = [self._services[key] for key in stale if key in self._services]
        told = self._settle(services, orders, leaving) if services else []
        return tuple(self._desired.values()), told

    def _settle(
        self,
        services: Sequence[VirtualService],
        orders: Mapping[Place, Order],
        leaving: Mapping[Place, Leaving],
    ) -> list[Notice]:
        """See anew what follows for these services."""
        services = administered(weighted(services, self._weights), orders, leaving)
        modes = {place: order.mode for place, order in orders.items()}
        disabled = {place: False for place, mode in modes.items() if mode is Mode.DISABLE}
        draining = {place for place, mode in modes.items() if mode is Mode.DRAIN} | leaving.keys()
        fitness = self._fitness | disabled | dict.fromkeys(leaving, True)
        quorate = self._quorums.quorate
        before = {s.key: quorate[s.key] for s in services if s.key in quorate}
        self._quorums.settle(services, fitness)
        lines = [
            f"{one.key} {'has its quorum again' if quorate[one.key] else 'has lost its quorum'}"
            for one in services
            if one.key in quorate and quorate[one.key] != before.get(one.key, True)
        ]
        for line in few(lines):
            log.warning("%s", line)
        for desired in desired_services(services, fitness, quorate, draining):
            self._desired[desired.key] = desired
        return list(notices.of_quorums(services, before, quorate))

    def end(self) -> Iterable[Notice]:
        """What scripts are to be told at the end of the daemon."""
        services = self._config.virtual_services
        return notices.of_the_end(services, self._fitness, self.quorate)


def _places(config: Config) -> Iterator[Place]:
    return (
        (service.key, server.key)
        for service in config.virtual_services
        for server in service.real_servers
    )
