"""What was counted, and how fast, for destinations, services and in all.

The packet path counts by destination only; the rest are sums. The ledger has a row for each
destination, then for each service, then one for the total.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from trimaran.dataplane import estimator
from trimaran.dataplane.base import Counters
from trimaran.dataplane.xdp.layout import DestinationFlag
from trimaran.dataplane.xdp.tables import Tables

_BEHIND: Final = 3 * estimator.PERIOD


def counted(tables: Tables) -> NDArray[np.int64]:
    """Connections, packets in and out, bytes in and out, for each row of the ledger."""
    destinations, services = len(tables.destinations), len(tables.services)
    rows = tables.ledger["base"].copy()
    own = tables.counted() - rows[:destinations]
    rows[:destinations] = own
    service = tables.destinations["service"]
    member = np.flatnonzero((tables.destinations["flags"] != 0) & (service < services))
    np.add.at(rows, destinations + service[member], own[member])
    configured = np.flatnonzero(tables.services["configured"])
    rows[-1] += rows[destinations + configured].sum(axis=0)
    return rows


def as_counters(row: NDArray[np.int64]) -> Counters:
    """A row as a value."""
    return Counters(*(int(number) for number in row))


def zero(tables: Tables, service: int | None) -> None:
    """Starts counts and rates anew: those of a service (its record) and its destinations, or all.

    What a single one counted stays in the total (ipvs-semantics 5.3). A removed destination keeps
    its counts for the time when it comes back, as IPVS's does; its service does not.
    """
    destinations = len(tables.destinations)
    ledger, before = tables.ledger, counted(tables)
    flags, owner = tables.destinations["flags"], tables.destinations["service"]
    present = flags & DestinationFlag.CONFIGURED != 0
    removed = (flags != 0) & ~present & (owner < len(tables.services))
    if service is None:
        rows = np.arange(destinations, len(ledger))
    else:
        present, removed = present & (owner == service), removed & (owner == service)
        rows = np.array([destinations + service])
        ledger["base"][-1] += before[rows[0]]
    present, removed = np.flatnonzero(present), np.flatnonzero(removed)
    ledger["base"][present] += before[present]
    ledger["base"][rows] = 0
    np.subtract.at(ledger["base"], destinations + owner[removed], before[removed])
    touched = np.append(present, rows)
    ledger["average"][touched] = 0
    ledger["last"][touched] = counted(tables)[touched]


class Estimators:
    """Keeps the rates, every two seconds."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._due: int | None = None

    def poll(self, now: int) -> None:
        """`now` in nanoseconds. After a longer pause the rates go on from what is counted."""
        if self._due is not None and now < self._due:
            return
        ledger = self._tables.ledger
        rows = counted(self._tables)
        if self._due is None or now > self._due + _BEHIND:
            self._due = now
        else:
            ledger["average"][...] = estimator.estimate(ledger["average"], rows - ledger["last"])
        ledger["last"][...] = rows
        self._due += estimator.PERIOD
