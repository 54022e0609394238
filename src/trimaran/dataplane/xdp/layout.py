"""The structures shared with the program (bpf/layout.h), as numpy types.

`agreement` compares them with the object's own description (BTF), so that neither side can change
alone. Addresses and ports are in network order, everything else in the machine's.
"""

from enum import IntEnum, IntFlag
from typing import Final

import numpy as np

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
        ("service_filter", "<u4", (FILTER_WORDS,)),
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
