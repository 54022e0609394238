"""What was applied last, so that the next time only what is another value is looked at. Pure.

Of ten thousand services one differs: to find it may not take longer than to change it.
"""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from trimaran.model.service import ServiceKey


class Keyed(Protocol):
    """A service, of whatever room."""

    @property
    def key(self) -> ServiceKey: ...


Item = TypeVar("Item", bound=Keyed)


class Applied(Generic[Item]):
    """Remembers the services that are in force just as they were wanted, if they are."""

    def __init__(self) -> None:
        self._services: Sequence[Item] | None = None

    def forget(self) -> None:
        """They may not be in force, or somebody changed them otherwise."""
        self._services = None

    def settle(self, services: Sequence[Item]) -> None:
        """All of these are in force."""
        self._services = tuple(services)

    def compare(self, services: Sequence[Item]) -> tuple[list[Item], list[ServiceKey]] | None:
        """Which of these are new or others than before, and which are gone; None: not known."""
        if self._services is None:
            return None
        changed = self._in_place(services, self._services)
        if changed is not None:
            return changed, []
        before = {service.key: service for service in self._services}
        changed = []
        for service in services:
            present = before.pop(service.key, None)
            if present is not service and present != service:
                changed.append(service)
        return changed, list(before)

    def _in_place(self, services: Sequence[Item], before: Sequence[Item]) -> list[Item] | None:
        """The short way, without hashing the keys: None unless these are the same in order."""
        if len(services) != len(before):
            return None
        changed = []
        for service, present in zip(services, before, strict=True):
            if service is present:
                continue
            if service.key != present.key:
                return None
            if service != present:
                changed.append(service)
        return changed
