"""The steward: owns the configuration, starts and watches the children, passes messages on.

It is the only process that knows all of them. It does nothing that an advertisement or a
packet would have to wait for.
"""

import asyncio
import logging
from dataclasses import astuple
from typing import Any

from pyroute2 import AsyncIPRoute

from trimaran.daemon import (
    control,
    leftovers,
    orphans,
    sessions,
    systemd,
)
from trimaran.daemon.acceptance import Acceptance
from trimaran.daemon.administration import Administration
from trimaran.daemon.applying import Applying
from trimaran.daemon.children import IPVS_PLANE, XDP_PLANE, Children
from trimaran.daemon.choice import Choice, Kind
from trimaran.daemon.desired import beneath, checked_services, client_interfaces
from trimaran.daemon.held import Held
from trimaran.daemon.knowledge import Knowledge
from trimaran.daemon.messages import (
    AddressesHeld,
    Applied,
    Changed,
    ConfigureBfd,
    ConfigureChecker,
    ConfigurePlane,
    ConfigureSpeaker,
    ConfigureTrackers,
    FromChild,
    HandedOver,
    HoldRequest,
    PlaneStatus,
    Remaining,
    RouterNews,
    RoutersStatus,
    ServersStatus,
    SessionsStatus,
    Synchronised,
    TrackerReadings,
    Unserved,
)
from trimaran.daemon.news import Told
from trimaran.daemon.notifier import Notifier
from trimaran.daemon.orders import Orders
from trimaran.daemon.pace import SLOWNESS
from trimaran.daemon.reloading import Read, Reloaded, Reloads, Verdict
from trimaran.daemon.requests import Requests
from trimaran.daemon.rundir import RunDirectory
from trimaran.daemon.scripts import run_alone
from trimaran.daemon.settling import Settling
from trimaran.daemon.signals import hold_signals, obey_signals
from trimaran.daemon.speakers import Speakers
from trimaran.daemon.status import Status
from trimaran.daemon.tasks import EXIT_DEFECT, describe_defect, spawn
from trimaran.daemon.virtual_macs import VirtualMacs
from trimaran.dataplane.base import Service
from trimaran.dataplane.ipvs.plane import ForeignChanges
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.model import difference
from trimaran.model.config import Config
from trimaran.model.service import VirtualService

log = logging.getLogger("steward")

_APPLYING_SECONDS = 60.0
_LAST_SCRIPTS_SECONDS = 5.0


class Steward:
    """One director's daemon, from start to stop."""

    def __init__(
        self,
        config: Config,
        read: Read,
        run_directory: RunDirectory,
        dataplane: Choice,
        foreign_changes: ForeignChanges,
        capacity: Capacity,
    ) -> None:
        self._config = config
        self._dataplane = dataplane
        self._reloads = Reloads(read, self._take)
        self._applying = Applying()
        self._run_directory = run_directory
        self._knowledge = Knowledge(config)
        self._told_plane: Told[Service] = Told()
        self._told_checker: Told[VirtualService] = Told()
        self._administration = Administration(run_directory.orders, self._configure_plane)
        self._administration.recall(config)
        self._notifier = Notifier(config)
        self._acceptance = Acceptance()
        self._speakers = Speakers()
        self._plane_status = PlaneStatus(dataplane.kind, {})
        self._stopping = asyncio.Event()
        self._exit_status = 0
        self._settling = Settling(self._serve, self._follow_synchronisation)
        xdp = (XDP_PLANE, *map(str, astuple(capacity)))
        ipvs = (IPVS_PLANE, str(run_directory.services_made), foreign_changes.value)
        self._children = Children(
            self._receive,
            {
                "speaker": self._configure_speaker,
                "checker": self._checker_ready,
                "plane": self._plane_ready,
                "bfd": self._configure_bfd,
            },
            {"speaker": self._speaker_died, "checker": self._checker_died},
            self._give_up,
            ipvs if dataplane.kind is Kind.IPVS else xdp,
        )
        self._speaker, self._plane = self._children.speaker, self._children.plane
        self._checker, self._bfd = self._children.checker, self._children.bfd
        if config.bfd_sessions:
            self._children.want_bfd(start=False)
        self._held = Held(run_directory, self._plane.send)
        self._orders = Orders(self._speaker.send, self._plane.send)
        self._requests = Requests(
            self._reloads,
            self._administration,
            self._orders,
            self._checker,
            self._status,
            self._maintain,
        )
        self._maintenance = False

    async def run(self) -> int:
        """Run until a signal says stop; returns the exit status."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._defect)
        obey_signals(loop, self._stopping.set, self._reloads.ask)
        async with AsyncIPRoute() as self._netlink:
            log.info("dataplane: %s: %s", self._dataplane.kind, self._dataplane.reason)
            await orphans.remove_stale(
                self._netlink, self._config, self._run_directory.held_addresses
            )
            self._macs = VirtualMacs(
                self._netlink, self._run_directory.virtual_macs, self._tell_of_unserved
            )
            await self._macs.start(self._config)
            if self._dataplane.kind is Kind.XDP:
                leftovers.remove_services(self._run_directory.services_made)
            try:
                server = await control.serve(
                    self._run_directory.control_socket, self._requests.answer
                )
            except control.ControlError as error:
                log.error("%s", error)
                await self._macs.end()
                self._run_directory.release()
                hold_signals()
                return 1
            self._notifier.start()
            self._acceptance.configure(self._config)
            await run_alone("startup_script", self._config.startup, self._config.scripts)
            self._children.start()
            self._settling.begin(self._config, self._configure_speaker)
            watchdog = spawn(self._feed_watchdog(), "watchdog")
            await self._stopping.wait()
            systemd.notify("STOPPING=1")
            watchdog.cancel()
            server.close()
            self._notifier.tell_of_services(self._knowledge.end())
            await self._children.stop(self._let_go, self._run_directory.services_made)
            await self._macs.end()
            await self._acceptance.end()
            await self._notifier.finish(_LAST_SCRIPTS_SECONDS)
            await run_alone("shutdown_script", self._config.shutdown, self._config.scripts)
        self._run_directory.release()
        log.info("stopped")
        hold_signals()  # one that comes now must not change the exit status
        return self._exit_status

    # Children

    def _give_up(self, status: int = 1) -> None:
        self._exit_status = status
        self._stopping.set()

    def _defect(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception that nobody expected: a clean end beats a steward in an unknown state."""
        if isinstance(context.get("exception"), OSError) and "socket" in context:
            log.warning("control socket: %s", context.get("message"))  # asyncio tries again
            return
        log.critical("%s", describe_defect(context))
        self._give_up(EXIT_DEFECT)

    async def _speaker_died(self) -> None:
        await self._let_go()
        self._speakers.died()
        self._held.clear()
        self._follow_held()

    async def _checker_died(self) -> None:
        if number := sessions.end(self._checker.pid):
            log.warning("killed %d programs of checks that the checker left", number)

    async def _let_go(self) -> None:
        held = self._held.let_go()
        await orphans.remove_routing(self._netlink, self._config)
        await orphans.remove(self._netlink, held, "the speaker is gone")
        await self._macs.take_down()

    # Messages

    def _receive(self, message: FromChild) -> None:
        match message:
            case HoldRequest():
                self._held.take(message)
                self._follow_held()
            case AddressesHeld():
                self._speaker.send(message)
            case RouterNews(happened):
                self._notifier.happened(happened)
            case RoutersStatus():
                self._speakers.hear(message)
            case Remaining():
                self._administration.take(message)
            case Applied():
                self._applying.take(message)
            case HandedOver() | Changed():
                self._orders.take(message)
            case ServersStatus():
                if message.whole:
                    self._requests.checker_told()
                self._learn_fitness(message)
            case SessionsStatus():
                if self._knowledge.learn_sessions(message):
                    self._tell_of_sessions()
            case TrackerReadings(readings):
                self._speaker.send(self._knowledge.learn_readings(readings))
            case Synchronised():
                self._settling.synchronise()
            case PlaneStatus():
                changed = message.unserved != self._plane_status.unserved
                self._plane_status = message
                if changed:
                    self._tell_of_unserved()

    def _follow_held(self) -> None:
        spawn(self._macs.holding(self._held.addresses), "remove unwanted devices")
        if any(service.ha_suspend for service in self._config.virtual_services):
            self._configure_checker()

    def _tell_of_unserved(self) -> None:
        self._speaker.send(Unserved(self._plane_status.unserved | self._macs.trouble))

    def _tell_of_sessions(self) -> None:
        self._checker.send(self._knowledge.sessions)
        self._speaker.send(self._knowledge.readings())

    def _learn_fitness(self, said: ServersStatus) -> None:
        told = self._knowledge.learn(said)
        if told is None:
            return
        self._notifier.tell_of_services(told)
        self._settle_if_complete()
        self._configure_plane()

    def _settle_if_complete(self) -> None:
        if not self._settling.settled and self._knowledge.is_complete():
            self._settling.settle()

    def _serve(self) -> None:
        self._configure_plane()
        self._configure_speaker()

    def _follow_synchronisation(self) -> None:
        if self._config.synchronisation is not None:
            self._configure_speaker()

    def _configure_speaker(self) -> None:
        if self._plane.ready and self._settling.stands(self._config):
            resumed = self._speakers.resumable(self._config)
            self._tell_of_unserved()
            self._speaker.send(self._knowledge.readings())
            self._speaker.send(
                ConfigureSpeaker(
                    self._config.virtual_routers, resumed, self._maintenance, self._config.routing
                )
            )

    def _checker_ready(self) -> None:
        self._told_checker.forget()
        self._configure_checker()

    def _configure_checker(self) -> None:
        config = self._config
        services = checked_services(config, {address.address for address in self._held.addresses})
        news = self._told_checker.news(services)
        if not self._checker.send(ConfigureChecker(news, config.scripts)):
            self._told_checker.forget()
        self._checker.send(ConfigureTrackers(config.trackers, config.scripts))
        self._tell_of_sessions()

    def _configure_bfd(self) -> None:
        if self._config.bfd_sessions:
            self._children.want_bfd(start=True)
        self._bfd.send(ConfigureBfd(self._config.bfd_sessions))

    def _plane_ready(self) -> None:
        self._told_plane.forget()
        self._settle_if_complete()
        self._configure_plane()
        self._configure_speaker()

    def _configure_plane(self) -> None:
        if not self._settling.settled:
            return
        said = self._administration
        services, told = self._knowledge.conclude(said.orders, said.leaving)
        self._notifier.tell_of_services(told)
        wanted = ConfigurePlane(
            self._told_plane.news(services),
            client_interfaces(self._config),
            self._config.timeouts,
            self._config.synchronisation,
            self._applying.ask(),
            said.watched(),
            beneath(self._config),
        )
        if not self._plane.send(wanted):
            self._told_plane.forget()
        self._held.tell_plane()

    # Reload, stop, status

    async def _take(self, config: Config) -> Reloaded:
        """Go over to a new configuration; back when the dataplane has it."""
        before = self._config
        if config == before:
            return Reloaded(Verdict.UNCHANGED)
        if config.net_namespace != before.net_namespace:
            why = "net_namespace cannot change while the daemon runs"
            return Reloaded(Verdict.REFUSED, reason=why)
        self._config = config
        await self._macs.make(config)
        self._notifier.configure(config)
        self._acceptance.configure(config)
        self._knowledge.configure(config)
        self._administration.configure(before, config)
        self._configure_plane()
        self._configure_speaker()
        self._configure_checker()
        self._configure_bfd()
        await self._macs.holding(self._held.addresses)
        left_out: tuple[str, ...] = ()
        if self._settling.settled:
            left_out = await self._applying.wait(_APPLYING_SECONDS * SLOWNESS)
        changed = tuple(difference.changes(before, config))
        return Reloaded(Verdict.IN_FORCE, changes=changed, left_out=left_out)

    async def _feed_watchdog(self) -> None:
        interval = systemd.watchdog_interval()
        while interval is not None:
            systemd.notify("WATCHDOG=1")
            await asyncio.sleep(interval)

    def _maintain(self, on: bool) -> None:
        self._maintenance = on
        log.info("maintenance: %s", "on" if on else "off")
        self._configure_speaker()

    def _status(self) -> Status:
        return Status(
            config=self._config,
            routers=self._speakers.routers,
            servers=tuple(self._knowledge.servers.values()),
            sessions=self._knowledge.sessions.sessions,
            plane=self._plane_status,
            processes=self._children.status(),
            quorate=self._knowledge.quorate,
            maintenance=self._maintenance,
            orders=self._administration.orders,
            leaving=self._administration.leaving,
            connections=self._administration.remaining,
            trackers=self._knowledge.readings().readings,
        )
