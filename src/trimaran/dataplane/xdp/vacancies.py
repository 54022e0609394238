"""Which records of a table are free. Pure."""

import heapq
from collections.abc import Iterable


class Vacancies:
    """Gives the lowest free number, so that what is in use stays together."""

    def __init__(self, free: Iterable[int]) -> None:
        self._free = list(free)
        heapq.heapify(self._free)

    def take(self) -> int | None:
        """A number that nobody has; None if there is none left."""
        return heapq.heappop(self._free) if self._free else None

    def give_back(self, number: int) -> None:
        """The number may be given to somebody else."""
        heapq.heappush(self._free, number)
