"""Desired services against actual ones: the steps from one to the other, fewest and in order.

What is new comes before what goes, so that a service is never without a destination that it
has both before and after, and the last service never goes before the first (IPVS would answer
live connections with resets: ipvs-semantics 1.8). An edit keeps a destination's place.
"""

from collections.abc import Iterator, Sequence

from trimaran.dataplane.base import Service
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    DeleteService,
    EditDestination,
    EditService,
    Step,
)


def difference(desired: Sequence[Service], actual: Sequence[Service]) -> list[Step]:
    """The steps; none when all is as desired, whatever the order of the destinations."""
    before = {service.key: service for service in actual}
    steps: list[Step] = []
    for service in desired:
        present = before.pop(service.key, None)
        if present is service:
            continue  # of ten thousand nearly all
        if present is None:
            steps.append(AddService(service.key, service.settings))
            present = Service(service.key, service.settings)
        elif present.settings != service.settings:
            steps.append(EditService(service.key, service.settings))
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
