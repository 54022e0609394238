"""The structures shared with the program (bpf/layout.h), as numpy types.

`check` compares them with the object's own description (BTF), so that neither side can change
alone. Addresses and ports are in network order, everything else in the machine's.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from typing import Any, Final

import numpy as np

from trimaran.dataplane.base import DataplaneError
from trimaran.dataplane.xdp.libbpf import BpfObject

SLOTS: Final = 4
STATES: Final = 32
HELD_BITS: Final = 13
HELD_BUCKETS: Final = 1 << HELD_BITS
HELD_SLOTS: Final = 16
HELD6_SLOTS: Final = 16
FILTER_WORDS: Final = 2048
INTERFACES: Final = 1024
TICKS_PER_SECOND: Final = 16
PHASE_LIVE: Final = 2
PHASE_SHIFT: Final = 62
STATE_SHIFT: Final = 56
FORWARDING_SHIFT: Final = 54
DESTINATION_SHIFT: Final = 32
MAX_DESTINATIONS: Final = 1 << FORWARDING_SHIFT - DESTINATION_SHIFT
PLACE_BITS: Final = 20
NO_TABLE: Final = 0xFFFFFFFF
ROW_SLOTS: Final = 16
NEWCOMERS: Final = 256
NO_FLOWS: Final = 16
"""The least that a table of connections can be for."""
KIND_TEMPLATE: Final = 1 << 40
KIND_RETIRED: Final = 1 << 41


class DestinationFlag(IntFlag):
    """What the packet path may do with a destination."""

    CONFIGURED = 1
    RESOLVED = 2
    REACHABLE = 4
    LOCAL = 8
    MASQUERADED = 16
    USED = 128


class Scheduler(IntEnum):
    """How a service chooses, in the order of `enum scheduler`; names are IPVS's."""

    RR = 0
    WRR = 1
    LC = 2
    WLC = 3
    SED = 4
    NQ = 5
    FO = 6
    OVF = 7
    SH = 8
    DH = 9
    MH = 10
    LBLC = 11
    LBLCR = 12
    TWOS = 13


class Event(IntEnum):
    """What the packet path counts beside packets, in the order of `enum event`."""

    HASHED = 0
    EVICTED = 1
    NO_DESTINATION = 2
    DESTINATION_REMOVED = 3
    UNRESOLVED = 4
    CHECKSUM_OFFLOADED = 5
    FRAGMENT = 6
    TTL_EXCEEDED = 7
    TOO_BIG = 8
    ICMP_SENT = 9
    ICMP_SUPPRESSED = 10
    CONTENTION = 11
    MERGED = 12
    DEFENDED = 13
    NO_TEMPLATE = 14


ADDRESS: Final = np.dtype(("u1", (16,)))
"""Of either version of IP; IPv4's is followed by zeros."""

FLOW: Final = np.dtype(
    [
        ("addresses", "<u8"),
        ("transport", "<u8"),
        ("control", "<u8"),
        ("overflow", "<u4"),
        ("timeout", "<u4"),
    ]
)

# The same 32 bytes taken apart, for listings.
FLOW_FIELDS: Final = np.dtype(
    [
        ("client", ">u4"),
        ("virtual", ">u4"),
        ("client_port", ">u2"),
        ("virtual_port", ">u2"),
        ("protocol", "u1"),
        ("kind", "u1"),
        ("zero", "u1", (2,)),
        ("control", "<u8"),
        ("overflow", "<u4"),
        ("timeout", "<u4"),
    ]
)

FLOW6: Final = np.dtype([("flow", FLOW), ("client", ADDRESS), ("virtual_address", ADDRESS)])

FLOW6_FIELDS: Final = np.dtype(
    [
        ("number", "<u8"),
        *((name, FLOW_FIELDS[name]) for name in (FLOW_FIELDS.names or ())[2:]),
        ("client", ADDRESS),
        ("virtual", ADDRESS),
    ]
)

SERVICE: Final = np.dtype(
    [
        ("list", "<u8"),
        ("turn", "<u8"),
        ("address", ADDRESS),
        ("port", ">u2"),
        ("protocol", "u1"),
        ("configured", "u1"),
        ("scheduler", "<u4"),
        ("flags", "<u4"),
        ("netmask", ">u4"),
        ("timeout", "<u4"),
        ("zero", "<u4"),
        ("version", "u1"),
        ("reserved", "u1", (7,)),
    ]
)

LIST_HEAD: Final = np.dtype([("turn", "<u8"), ("divisor", "<u4"), ("table", "<u4")])

MEMBER: Final = np.dtype(
    [("destination", "<u4"), ("weight", "<u4"), ("stamp", "<u4"), ("reserved", "<u4")]
)

ROW: Final = np.dtype([("place", "<u2", (ROW_SLOTS,))])

DESTINATION: Final = np.dtype(
    [
        ("mac", "u1", (6,)),
        ("source_mac", "u1", (6,)),
        ("interface", "<u4"),
        ("mtu", "<u4"),
        ("flags", "<u4"),
        ("tunnel_port", ">u2"),
        ("tunnel", "u1"),
        ("tunnel_checksum", "u1"),
        ("port", ">u2"),
        ("protocol", "u1"),
        ("forwarding", "u1"),
        ("address", ADDRESS),
        ("translated_port", ">u2"),
        ("virtual_port", ">u2"),
        ("version", "u1"),
        ("virtual_version", "u1"),
        ("reserved", "<u2"),
        ("weight", "<u4"),
        ("service", "<u4"),
        ("virtual_address", ADDRESS),
        ("source", ADDRESS),
        ("sibling", "<u4"),
        ("reserved2", "<u4", (7,)),
    ]
)

COUNTERS: Final = np.dtype(
    [
        ("connections", "<u8"),
        ("packets", "<u8"),
        ("bytes", "<u8"),
        ("packets_out", "<u8"),
        ("bytes_out", "<u8"),
        ("reserved", "<u8", (3,)),
    ]
)

LOAD: Final = np.dtype([("connections", "<u8"), ("upper", "<u4"), ("lower", "<u4")])

EVENTS: Final = np.dtype([("count", "<u8", (16,))])

INTERFACE: Final = np.dtype(
    [
        ("mac", "<u8"),
        ("index", "<u4"),
        ("mtu", "<u4"),
        ("verify_checksums", "<u4"),
        ("never_tx", "<u4"),
        ("partial_checksums", "<u4"),
        ("reserved", "<u4"),
    ]
)

BEHAVIOUR: Final = np.dtype(
    [
        ("conn_reuse_mode", "<i4"),
        ("expire_nodest_conn", "<i4"),
        ("expire_quiescent_template", "<i4"),
        ("sloppy_tcp", "<i4"),
        ("secure_tcp", "<i4"),
        ("drop_packet", "<i4"),
        ("am_droprate", "<i4"),
        ("drop_entry", "<i4"),
    ]
)

HOP: Final = np.dtype([("address", ADDRESS), ("interface", "<u4"), ("version", "<u4")])

TRACING: Final = np.dtype(
    [
        ("until", "<u8"),
        ("client", "u1", (16,)),
        ("client_mask", "u1", (16,)),
        ("virtual_address", "u1", (16,)),
        ("virtual_mask", "u1", (16,)),
        ("ports", ">u2", (2,)),
        ("ports_mask", ">u2", (2,)),
        ("per_tick", "<u4"),
        ("protocol", "u1"),
        ("version", "u1"),
        ("reserved", "<u2"),
    ]
)

DECISION: Final = np.dtype(
    [
        ("time", "<u8"),
        ("client", "u1", (16,)),
        ("virtual_address", "u1", (16,)),
        ("before", "<u8"),
        ("after", "<u8"),
        ("ports", ">u2", (2,)),
        ("service", "<u4"),
        ("length", "<u4"),
        ("events", "<u4"),
        ("verdict", "<u4"),
        ("skipped", "<u4"),
        ("protocol", "u1"),
        ("flags", "u1"),
        ("version", "u1"),
        ("reserved", "u1", (5,)),
    ]
)

LIVE: Final = np.dtype(
    [
        ("version", "<u8"),
        ("tick_multiplier", "<u8"),
        ("hash_seed", "<u8"),
        ("clock", "<u8"),
        ("clock_time", "<u8"),
        ("services", "<u4"),
        ("icmp_per_second", "<u4"),
        ("lifetime", "<u4", (STATES,)),
        ("takeover", "<u8"),
        ("masqueraded", "<u4"),
        ("tunnelled", "<u4"),
        ("wildcards", "<u4"),
        ("persistent", "<u4"),
        ("candidates", "<u4"),
        ("reserved", "<u4"),
        ("behaviour", BEHAVIOUR),
        ("tracing", TRACING),
        ("transition", "u1", (4, STATES, 32)),
        ("unresolved_hop", HOP),
        ("server_filter", "<u4", (FILTER_WORDS,)),
        # Little-endian readings of the addresses' bytes, so that each is written by one store.
        ("held", "<u4", (HELD_BUCKETS, HELD_SLOTS)),
        # Of IPv6 what `addresses.number_after` makes of the seed and them.
        ("held6", "<u8", (HELD_BUCKETS, HELD6_SLOTS)),
        ("interfaces", INTERFACE, (INTERFACES,)),
    ]
)

LEDGER: Final = np.dtype(
    [("base", "<i8", (5,)), ("last", "<i8", (5,)), ("average", "<i8", (5,)), ("share", "<i8")]
)

SWEEP: Final = np.dtype(
    [
        ("first", "<u4"),
        ("buckets", "<u4"),
        ("expired", "<u4"),
        ("flows", "<u4"),
        ("round", "<u4"),
        ("version", "<u4"),
    ]
)

NEWCOMER: Final = np.dtype(
    [
        ("client", ADDRESS),
        ("virtual_address", ADDRESS),
        ("transport", "<u8"),
        ("control", "<u8"),
        ("timeout", "<u4"),
        ("version", "<u4"),
    ]
)

ENTERING: Final = np.dtype([("count", "<u4"), ("entered", "<u4")])

PREVIEW: Final = np.dtype(
    [("addresses", "<u8"), ("transport", "<u8"), ("service", "<u4"), ("chosen", "<i4")]
)

CLOCK_READING: Final = np.dtype([("jiffies", "<u8"), ("time", "<u8")])

ICMP_BUDGET: Final = np.dtype([("tick", "<u4"), ("tokens", "<u4")])

_STRUCTS: Final = {
    "flow": FLOW,
    "flow6": FLOW6,
    "service": SERVICE,
    "list_head": LIST_HEAD,
    "member": MEMBER,
    "row": ROW,
    "destination": DESTINATION,
    "counters": COUNTERS,
    "load": LOAD,
    "events": EVENTS,
    "interface": INTERFACE,
    "behaviour": BEHAVIOUR,
    "tracing": TRACING,
    "decision": DECISION,
    "hop": HOP,
    "live": LIVE,
    "ledger": LEDGER,
    "sweep": SWEEP,
    "preview": PREVIEW,
    "clock_reading": CLOCK_READING,
    "newcomer": NEWCOMER,
    "entering": ENTERING,
    "icmp_budget": ICMP_BUDGET,
}

_MEANING: Final = 4
"""To be raised when the meaning of a field changes but its place does not."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much the maps hold. `flows`, of IPv4, is a power of two; twice as many slots are made.

    `rows`, of `ROW_SLOTS` slots each: the hash tables of a thousand mh services, or of all sh
    services. `flows6` is for IPv6 what `flows` is; without services of IPv6 next to nothing.
    """

    flows: int = 1 << 20
    services: int = 1 << 12
    destinations: int = 1 << 14
    rows: int = 1 << 18
    flows6: int = NO_FLOWS

    def holds(self, other: "Capacity") -> bool:
        """Whether there is room for as many services as in the other, in a table of connections
        of the same size (their places depend on it). IPv6's can be replaced while it is empty."""
        return (
            self.flows == other.flows
            and self.services >= other.services
            and self.destinations >= other.destinations
            and self.rows >= other.rows
        )

    @property
    def buckets(self) -> int:
        """Half full at capacity, so that nearly all flows find room in their first bucket."""
        return 2 * self.flows // SLOTS

    @property
    def buckets6(self) -> int:
        """The same of IPv6."""
        return 2 * self.flows6 // SLOTS

    @property
    def members(self) -> int:
        """Room for every list and its head twice, and for holes."""
        return 4 * self.destinations + 2 * self.services


def version(capacity: Capacity, cpus: int) -> int:
    """Identifies layout and sizes, but for that of IPv6's table: maps are taken over by a new
    program if this is equal."""
    sizes = replace(capacity, flows6=NO_FLOWS)
    described = repr((_MEANING, [(n, d.descr) for n, d in _STRUCTS.items()], sizes, cpus))
    return int.from_bytes(hashlib.blake2b(described.encode(), digest_size=8).digest(), "little")


def check(compiled: BpfObject) -> None:
    """Compares every shared structure with the compiled program's."""
    for name, declared in _STRUCTS.items():
        size, members = compiled.members(4, name)
        fields: Mapping[str, Any] = declared.fields or {}
        here = {field: (entry[1], entry[0].itemsize) for field, entry in fields.items()}
        if size != declared.itemsize or members != here:
            raise DataplaneError(
                f"the compiled XDP program does not match this trimaran (struct {name}): "
                "compile it again with `make -C bpf`"
            )
