"""The program's maps as arrays in memory: no system call to read, edit or count."""

import os
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trimaran.dataplane.xdp import layout, libbpf
from trimaran.dataplane.xdp.capacity import SLOTS

Records = NDArray[Any]

_WORDS: Final = list(layout.COUNTERS.names or ())
_COUNTED: Final = [
    _WORDS.index(name) for name in ("connections", "packets", "packets_out", "bytes", "bytes_out")
]

_MAPPED: Final = {
    "flows": layout.FLOW,
    "flows6": layout.FLOW6,
    "services": layout.SERVICE,
    "members": layout.MEMBER,
    "slots": layout.ROW,
    "destinations": layout.DESTINATION,
    "counters": layout.COUNTERS,
    "loads": layout.LOAD,
    "templates": np.dtype("<u8"),
    "events": layout.EVENTS,
    "ledger": layout.LEDGER,
    "newcomers": layout.NEWCOMER,
}
LIVE_MAP: Final = ".data.live"
SERVICE_IDS: Final = {4: "service_ids", 6: "service_ids6"}
MASQUERADED: Final = {4: "masqueraded", 6: "masqueraded6"}
FRAGMENTS: Final = "fragments"
WAYS: Final = "ways"
BUDGETS: Final = "icmp_budgets"
DECISIONS: Final = "decisions"
TRACED: Final = "traced"
MAPS: Final = (
    *_MAPPED,
    LIVE_MAP,
    *SERVICE_IDS.values(),
    *MASQUERADED.values(),
    FRAGMENTS,
    WAYS,
    BUDGETS,
    DECISIONS,
    TRACED,
)


class Tables:
    """All maps of one program. Owns the descriptors that it is given."""

    def __init__(self, descriptors: dict[str, int], *, writable: bool) -> None:
        self._descriptors = descriptors
        self._writable = writable
        mapped = {name: self._map(name, kind) for name, kind in _MAPPED.items()}
        self.flows = mapped["flows"]
        self.flows6 = mapped["flows6"]
        self.services = mapped["services"]
        self.members = mapped["members"]
        self.heads = self.members.view(layout.LIST_HEAD)
        self.slots = mapped["slots"]["place"].reshape(-1)
        self.destinations = mapped["destinations"]
        self.loads = mapped["loads"]
        self.load_bytes = self.loads.view("u1").reshape(-1, self.loads.itemsize)
        self.templates = mapped["templates"]
        self.ledger = mapped["ledger"]
        self.events = mapped["events"]
        self.newcomers = mapped["newcomers"]
        self.counters = mapped["counters"].reshape(-1, len(self.destinations))
        words = self.counters.itemsize // 8
        self._counter_words = self.counters.view("<u8").reshape(*self.counters.shape, words)
        self.decisions = descriptors[DECISIONS]
        self.live = self._map(LIVE_MAP, layout.LIVE)[0]
        # By version of IP, as all that is there for each.
        self.service_ids = {version: descriptors[name] for version, name in SERVICE_IDS.items()}
        self.masqueraded = {version: descriptors[name] for version, name in MASQUERADED.items()}

    def _map(self, name: str, kind: np.dtype[Any]) -> Records:
        info = libbpf.map_info(self._descriptors[name])
        size = info.value_size * info.max_entries
        whole = -(-size // os.sysconf("SC_PAGESIZE")) * os.sysconf("SC_PAGESIZE")
        memory = libbpf.map_memory(self._descriptors[name], whole, writable=self._writable)
        return np.frombuffer(memory, dtype=kind, count=size // kind.itemsize)

    def close(self) -> None:
        """Closes the descriptors. The memory stays mapped for as long as an array uses it."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)

    def descriptors(self) -> dict[str, int]:
        """Of all maps, by name."""
        return dict(self._descriptors)

    def replace_flows6(self, descriptor: int) -> None:
        """Another table of IPv6 connections, which owns its descriptor from now on."""
        os.close(self._descriptors["flows6"])
        self._descriptors["flows6"] = descriptor
        self.flows6 = self._map("flows6", layout.FLOW6)

    @property
    def buckets(self) -> dict[int, int]:
        """Of the tables of connections, by version of IP."""
        return {4: len(self.flows) // SLOTS, 6: len(self.flows6) // SLOTS}

    def fields(self) -> dict[int, Records]:
        """The tables of connections, taken apart."""
        return {
            4: self.flows.view(layout.FLOW_FIELDS),
            6: self.flows6.view(layout.FLOW6_FIELDS),
        }

    def tick(self) -> float:
        """The program's clock now, in 1/16 s, from its last reading (with the sweep)."""
        while True:
            clock = int(self.live["clock"])
            elapsed = time.monotonic_ns() - int(self.live["clock_time"])
            if clock == int(self.live["clock"]):
                return clock / 256 + elapsed * layout.TICKS_PER_SECOND / 1e9

    def counted(self, which: int | Sequence[int] | slice = slice(None)) -> NDArray[np.int64]:
        """Connections, packets in and out, bytes in and out of destinations (of all)."""
        words = self._counter_words[:, which]
        sums: NDArray[np.int64] = words.sum(axis=0)[..., _COUNTED].astype(np.int64)
        return sums

    def connections(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """ActiveConn and InActConn of every destination."""
        now = self.loads["connections"].astype(np.int64)
        active, total = now & 0xFFFFFFFF, now >> 32 & 0x7FFFFFFF
        return active, np.maximum(total - active, 0)

    def referred(self) -> NDArray[np.int64]:
        """How many connections and templates lead to each destination."""
        active, inactive = self.connections()
        return active + inactive + self.templates.astype(np.int64)

    def order(self, service: int) -> list[int]:
        """The destinations of a service in list order, newest first."""
        place, length, _ = unpack_list(int(self.services["list"][service]))
        return [int(d) for d in self.members["destination"][place + 1 : place + 1 + length]]

    def event_totals(self) -> dict[layout.Event, int]:
        """How often each event happened since the maps were made."""
        sums = self.events["count"].sum(axis=0, dtype=np.uint64)
        return {event: int(sums[event]) for event in layout.Event}


def unpack_list(word: int) -> tuple[int, int, int]:
    """Where the head is, how many members follow it, and the generation."""
    field = (1 << layout.PLACE_BITS) - 1
    return word >> 2 * layout.PLACE_BITS, word >> layout.PLACE_BITS & field, word & field


def pack_list(head: int, length: int, generation: int) -> int:
    field = (1 << layout.PLACE_BITS) - 1
    return head << 2 * layout.PLACE_BITS | length << layout.PLACE_BITS | generation & field


def destination_of(control: int) -> int:
    """The number of the destination in a connection's control word."""
    return control >> layout.DESTINATION_SHIFT & layout.MAX_DESTINATIONS - 1


def state_of(control: int) -> int:
    """The state in a connection's control word (`dataplane.states`)."""
    return control >> layout.STATE_SHIFT & layout.STATES - 1
