"""Desired services against actual ones: the steps from one to the other, fewest and in order.

What is new comes before what goes, so that a service is never without a destination that it
has both before and after, and the last service never goes before the first (IPVS would answer
live connections with resets: ipvs-semantics 1.8). An edit keeps a destination's place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trimaran.dataplane.base import Destination, Service
from trimaran.model.service import ServerKey, ServiceKey


@dataclass(frozen=True, slots=True)
class AddService:
    service: ServiceKey
    scheduler: str

    def __str__(self) -> str:
        return f"{self.service}: service added, scheduler {self.scheduler}"


@dataclass(frozen=True, slots=True)
class EditService:
    service: ServiceKey
    scheduler: str

    def __str__(self) -> str:
        return f"{self.service}: scheduler now {self.scheduler}"


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


def difference(desired: Sequence[Service], actual: Sequence[Service]) -> list[Step]:
    """The steps; none when all is as desired, whatever the order of the destinations."""
    before = {service.key: service for service in actual}
    steps: list[Step] = []
    for service in desired:
        present = before.pop(service.key, None)
        if present is None:
            steps.append(AddService(service.key, service.scheduler))
            present = Service(service.key, service.scheduler)
        elif present.scheduler != service.scheduler:
            steps.append(EditService(service.key, service.scheduler))
        steps.extend(_destinations(service, present))
    steps.extend(DeleteService(key) for key in before)
    return steps


def _destinations(desired: Service, actual: Service) -> Iterator[Step]:
    before = {destination.key: destination for destination in actual.destinations}
    edits: list[Step] = []
    for destination in desired.destinations:
        present = before.pop(destination.key, None)
        if present is None:
            yield AddDestination(desired.key, destination)
        elif present != destination:
            edits.append(EditDestination(desired.key, destination))
    yield from edits
    for key in before:
        yield DeleteDestination(desired.key, key)
