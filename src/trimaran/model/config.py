"""A whole configuration: what one `keepalived.conf` means."""

from dataclasses import dataclass, field

from trimaran.model.bfd import BfdSession
from trimaran.model.group import SyncGroup
from trimaran.model.notification import NO_CHANNELS, Channels
from trimaran.model.router import VirtualRouter
from trimaran.model.routing import NO_ROUTING, Routing
from trimaran.model.script import ScriptPolicy, TimedScript
from trimaran.model.service import VirtualService
from trimaran.model.sync import Synchronisation
from trimaran.model.timeouts import NO_TIMEOUTS, Timeouts
from trimaran.model.tracking import Definition


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the daemon is asked to do. Names and keys are unique, references resolve.

    `timeouts`: those that are to be set; 0 for one that is not. `net_namespace`: None for the one
    that the daemon is started in. `trackers`: those that some virtual router uses.
    `startup_delay`, `delay_after_boot`: how long after the start, and after the machine's, its
    virtual routers take no part. `startup`, `shutdown`: run before everything else is started, and
    after it has ended.
    """

    router_id: str | None = None
    virtual_routers: tuple[VirtualRouter, ...] = ()
    virtual_services: tuple[VirtualService, ...] = ()
    timeouts: Timeouts = NO_TIMEOUTS
    scripts: ScriptPolicy = field(default=ScriptPolicy())
    synchronisation: Synchronisation | None = None
    net_namespace: str | None = None
    bfd_sessions: tuple[BfdSession, ...] = ()
    trackers: tuple[Definition, ...] = ()
    sync_groups: tuple[SyncGroup, ...] = ()
    channels: Channels = NO_CHANNELS
    routing: Routing = NO_ROUTING
    startup_delay: int = 0
    delay_after_boot: int = 0
    startup: TimedScript | None = None
    shutdown: TimedScript | None = None
