"""A service's list of destinations, as the packet path reads it.

A list is written anew beside the old one, with its head and the hash table that its scheduler
looks up in, and switched to by one store: a packet sees all of a change or nothing.
"""

import math
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final

from trimaran.dataplane import buckets
from trimaran.dataplane.base import DataplaneError
from trimaran.dataplane.maglev import MAGLEV_SLOTS, Table, maglev_table
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.addresses import fold
from trimaran.dataplane.xdp.extents import Extents
from trimaran.dataplane.xdp.layout import NO_TABLE, PLACE_BITS, ROW_SLOTS, Scheduler
from trimaran.dataplane.xdp.records import server_key
from trimaran.dataplane.xdp.tables import Tables, pack_list, unpack_list

HASHING: Final = (Scheduler.SH, Scheduler.DH, Scheduler.MH)
"""Whose choice is a function of the client and of the list alone."""


class Lists:
    """Writes the lists of all services."""

    def __init__(self, tables: Tables, services: Collection[int]) -> None:
        self._tables = tables
        heads = [self._head(service) for service in services]
        self._members = Extents(
            len(tables.members), ((head, length + 1) for head, length in heads if length)
        )
        self._rows = Extents(
            len(tables.slots) // ROW_SLOTS, filter(None, map(self._rows_of, services))
        )

    def settle(self) -> None:
        """What was released a second ago is free from now on."""
        self._members.settle()
        self._rows.settle()

    def release(self, service: int) -> None:
        """Give up the list of a service that is gone."""
        rows = self._rows_of(service)
        if rows:
            self._rows.release(*rows)
        head, length = self._head(service)
        if length:
            self._members.release(head, length + 1)

    def write(
        self, service: int, combined: Sequence[int], gone: Collection[int], *, fresh: bool
    ) -> bool:
        """Switch the service to a new list; False, and nothing is changed, if there is no room.

        `combined`: the destinations in list order, with those that are `gone` still in their
        places. `fresh`: the scheduler begins anew.
        """
        after = [destination for destination in combined if destination not in gone]
        table = self._table(service, after)
        rows = -(-len(table) // ROW_SLOTS)
        place = self._take(self._members, len(after) + 1) if after else 0
        first_row = self._take(self._rows, rows) if rows and place is not None else NO_TABLE
        if place is None or first_row is None:
            if place is not None and after:
                self._members.release(place, len(after) + 1)
            return False
        if rows:
            start = first_row * ROW_SLOTS
            self._tables.slots[start : start + len(table)] = table
        if after:
            self._write_members(service, place, after)
            self._write_head(service, place, first_row, combined, gone, fresh=fresh)
        self.release(service)
        services = self._tables.services
        generation = unpack_list(int(services["list"][service]))[2] + 1
        services["list"][service] = pack_list(place, len(after), generation)
        return True

    def _take(self, extents: Extents, length: int) -> int | None:
        with suppress(DataplaneError):
            return extents.take(length)
        libbpf.wait_for_packets()
        self.settle()
        with suppress(DataplaneError):
            return extents.take(length)
        return None

    def _head(self, service: int) -> tuple[int, int]:
        return unpack_list(int(self._tables.services["list"][service]))[:2]

    def _rows_of(self, service: int) -> tuple[int, int] | None:
        """First row and number of rows of the service's hash table."""
        head, length = self._head(service)
        table = int(self._tables.heads["table"][head]) if length else NO_TABLE
        if table == NO_TABLE:
            return None
        maglev = self._tables.services["scheduler"][service] == Scheduler.MH
        return table, -(-(MAGLEV_SLOTS if maglev else buckets.BUCKETS) // ROW_SLOTS)

    def _table(self, service: int, destinations: Sequence[int]) -> Sequence[int] | Table:
        tables = self._tables
        match int(tables.services["scheduler"][service]):
            case Scheduler.SH:
                weights = tables.destinations["weight"][destinations].tolist()
                return buckets.source_hash_table(weights)
            case Scheduler.DH:
                return buckets.destination_hash_table(len(destinations))
            case Scheduler.MH:
                keys = [server_key(tables, destination) for destination in destinations]
                servers = [(fold(key.address), key.port) for key in keys]
                shares = tables.ledger["share"][destinations].tolist()
                return maglev_table(servers, shares)
        return []

    def _write_members(self, service: int, place: int, destinations: Sequence[int]) -> None:
        members = self._tables.members
        stamps = dict(self._stamps(service))
        rows = slice(place + 1, place + 1 + len(destinations))
        members["destination"][rows] = destinations
        members["weight"][rows] = self._tables.destinations["weight"][list(destinations)]
        members["stamp"][rows] = [stamps.get(destination, 0) for destination in destinations]

    def _stamps(self, service: int) -> Sequence[tuple[int, int]]:
        head, length = self._head(service)
        present = self._tables.members[head + 1 : head + 1 + length]
        stamps = zip(present["destination"].tolist(), present["stamp"].tolist(), strict=True)
        return list(stamps)

    def _write_head(
        self,
        service: int,
        place: int,
        table: int,
        combined: Sequence[int],
        gone: Collection[int],
        *,
        fresh: bool,
    ) -> None:
        weights = self._tables.destinations["weight"][
            [destination for destination in combined if destination not in gone]
        ]
        divisor = math.gcd(*weights.tolist()) or 1
        cursor, level = (0, 0) if fresh else self._turn(service)
        match int(self._tables.services["scheduler"][service]):
            case Scheduler.WRR:
                cursor, level = 0, _wrr_level(level, int(weights.max()), divisor)
            case Scheduler.LBLCR:
                cursor = 0
            case scheduler:
                stays = scheduler == Scheduler.RR
                cursor = self._moved(service, cursor, combined, gone, back=stays)
                level = 0
        head = self._tables.heads[place : place + 1]
        head["turn"] = cursor << 32 | level
        head["divisor"] = divisor
        head["table"] = table

    def _turn(self, service: int) -> tuple[int, int]:
        """Cursor and level as they are now."""
        head, length, generation = unpack_list(int(self._tables.services["list"][service]))
        turn = int(self._tables.services["turn"][service])
        if turn >> 52 != generation & 0xFFF:
            turn = int(self._tables.heads["turn"][head]) if length else 0
        return turn >> 32 & (1 << PLACE_BITS) - 1, turn & 0xFFFFFFFF

    def _moved(
        self,
        service: int,
        cursor: int,
        combined: Sequence[int],
        gone: Collection[int],
        *,
        back: bool,
    ) -> int:
        """The cursor in the new list: at the same destination; if that is gone, at its nearest
        predecessor that stays (`back`), or nowhere."""
        before = self._tables.order(service)
        if not 0 < cursor <= len(before):
            return 0
        at = list(combined).index(before[cursor - 1])
        while at >= 0 and combined[at] in gone:
            if not back:
                return 0
            at -= 1
        after = [destination for destination in combined if destination not in gone]
        return after.index(combined[at]) + 1 if at >= 0 else 0


def _wrr_level(level: int, highest: int, divisor: int) -> int:
    """wrr's current weight after a change of the list (ipvs-semantics 2.5)."""
    most = max(highest - (divisor - 1), 0)
    if level > most or level == 0:
        return most
    return level // divisor * divisor + 1 if divisor > 1 else level
