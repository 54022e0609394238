"""Thousands of services told to a child: all of them once, then only what has become of some.

A change of one costs what one costs, on the bus and at both its ends.
"""

from collections.abc import Sequence
from typing import Generic

import msgspec

from trimaran.dataplane.applied import Applied, Item
from trimaran.model.service import ServiceKey


class News(msgspec.Struct, Generic[Item], frozen=True):
    """Services that are new or not as they were, and who is gone. `whole`: there are no others."""

    items: tuple[Item, ...] = ()
    gone: tuple[ServiceKey, ...] = ()
    whole: bool = True


class Told(Generic[Item]):
    """The teller's end: what a child knows."""

    def __init__(self) -> None:
        self._told: Applied[Item] = Applied()

    def forget(self) -> None:
        """It knows nothing: it was started again, or did not get the news."""
        self._told.forget()

    def news(self, items: Sequence[Item]) -> News[Item]:
        """What it has to be told, so that it knows these."""
        found = self._told.compare(items)
        self._told.settle(items)
        if found is None:
            return News(tuple(items))
        changed, gone = found
        return News(tuple(changed), tuple(gone), whole=False)


class Heard(Generic[Item]):
    """The child's end."""

    def __init__(self) -> None:
        self._known: dict[ServiceKey, Item] = {}

    def take(self, news: News[Item]) -> tuple[Item, ...]:
        """All services there are now; those that did not change are the same objects."""
        if news.whole:
            self._known.clear()
        for key in news.gone:
            self._known.pop(key, None)
        self._known |= {item.key: item for item in news.items}
        return tuple(self._known.values())
