"""The changes that can be made to a dataplane, one by one: what ipvsadm does."""

from dataclasses import dataclass
from typing import Protocol

from trimaran.dataplane.base import (
    Destination,
    Settings,
    SyncDaemon,
    SyncRole,
    Timeouts,
    View,
)
from trimaran.model.service import ServerKey, ServiceKey


@dataclass(frozen=True, slots=True)
class AddService:
    service: ServiceKey
    settings: Settings

    def __str__(self) -> str:
        return f"{self.service}: service added, scheduler {self.settings.scheduler}"


@dataclass(frozen=True, slots=True)
class EditService:
    service: ServiceKey
    settings: Settings

    def __str__(self) -> str:
        return f"{self.service}: service changed, scheduler {self.settings.scheduler}"


@dataclass(frozen=True, slots=True)
class DeleteService:
    service: ServiceKey

    def __str__(self) -> str:
        return f"{self.service}: service removed"


@dataclass(frozen=True, slots=True)
class AddDestination:
    service: ServiceKey
    destination: Destination

    def __str__(self) -> str:
        added = self.destination
        return f"{self.service}: server {added.key} added, weight {added.weight}"


@dataclass(frozen=True, slots=True)
class EditDestination:
    service: ServiceKey
    destination: Destination

    def __str__(self) -> str:
        edited = self.destination
        return f"{self.service}: server {edited.key} now has weight {edited.weight}"


@dataclass(frozen=True, slots=True)
class DeleteDestination:
    service: ServiceKey
    server: ServerKey

    def __str__(self) -> str:
        return f"{self.service}: server {self.server} removed"


Step = (
    AddService | EditService | AddDestination | EditDestination | DeleteDestination | DeleteService
)


class Operator(View, Protocol):
    """What ipvsadm does to a dataplane: one change at a time, each done or `Refused`.

    With the numbers that IPVS refuses with (ipvs-semantics 6.2): ESRCH for an absent service,
    ENOENT for an absent destination, EEXIST for one that is there, and so on.
    """

    def execute(self, step: Step) -> None: ...

    def zero(self, service: ServiceKey | None) -> None:
        """Set counters to zero: the service's and its destinations', or all."""
        ...

    def flush(self) -> None: ...
    def set_timeouts(self, timeouts: Timeouts) -> None: ...
    def start_sync(self, daemon: SyncDaemon) -> None: ...
    def stop_sync(self, role: SyncRole) -> None: ...
