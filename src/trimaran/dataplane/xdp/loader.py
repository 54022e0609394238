"""Loads the program, on new maps or on those of the program that is already running.

Nothing is pinned: the program attached to an interface keeps itself and its maps alive when the
daemon is gone, and is found again through the interface. So the state belongs to the network
namespace, ends with it, and needs no bpffs (which every `ip netns exec` hides).
"""

import errno
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from trimaran.dataplane import sctp, states
from trimaran.dataplane.base import ALWAYS, Behaviour, DataplaneError, Refused, TcpState, Timeouts
from trimaran.dataplane.direction import Direction
from trimaran.dataplane.xdp import agreement, layout, libbpf
from trimaran.dataplane.xdp.capacity import SLOTS, Capacity
from trimaran.dataplane.xdp.tables import (
    BUDGETS,
    LIVE_MAP,
    MAPS,
    MASQUERADED,
    SERVICE_IDS,
    Tables,
)

OBJECT: Final = Path(__file__).with_name("trimaran.bpf.o")
PROGRAM_NAME: Final = "trimaran"
ICMP_PER_SECOND: Final = 1000
"""Errors sent a second and CPU: Linux's icmp_msgs_per_sec."""
NEAR_BYTES: Final = 1 << 21
"""Of a table's near buckets (bpf/flows.h), at most: what a CPU's second-level cache holds."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Descriptors of the loaded programs."""

    main: int
    sweep: int
    enter: int
    preview: int
    reflect: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded program with its tables, which take so much `memory` (bytes).

    `adopted`: the tables were there before.
    """

    source: libbpf.BpfObject
    programs: Programs
    tables: Tables
    capacity: Capacity
    memory: int
    adopted: bool


def attached_programs() -> Iterator[tuple[str, int]]:
    """Interfaces of this network namespace that trimaran's program is on, and its number."""
    for index, name in socket.if_nameindex():
        try:
            number, _ = libbpf.xdp_query(index)
            if number and is_ours(number):
                yield name, number
        except libbpf.BpfError as error:
            if error.errno == errno.EPERM:
                raise Refused(errno.EPERM, "looking into XDP programs needs root") from error
            continue  # the interface or the program went away meanwhile


def is_ours(program: int) -> bool:
    descriptor = libbpf.program_by_id(program)
    try:
        return libbpf.program_info(descriptor).name == PROGRAM_NAME
    finally:
        os.close(descriptor)


def maps_of(program: int) -> dict[str, int]:
    """Descriptors of the maps of a running program, by name."""
    descriptor = libbpf.program_by_id(program)
    try:
        found: dict[str, int] = {}
        for number in libbpf.program_info(descriptor).map_ids:
            opened = libbpf.map_by_id(number)
            name = libbpf.map_info(opened).name
            if name in MAPS:
                found[name] = opened
            else:
                os.close(opened)
        return found
    finally:
        os.close(descriptor)


def running_maps() -> dict[str, int] | None:
    """The maps of the program that is attached in this network namespace, if any."""
    for _, number in attached_programs():
        maps = maps_of(number)
        if set(maps) == set(MAPS):
            return maps
        _close(maps)
    return None


def present_capacity() -> Capacity | None:
    """How much the tables of the program hold that is attached here; None: there is none."""
    maps = running_maps()
    if maps is None:
        return None
    try:
        return capacity_of(maps)
    finally:
        _close(maps)


def capacity_of(maps: dict[str, int]) -> Capacity:
    """How much a program's maps hold."""
    entries = {name: libbpf.map_info(descriptor).max_entries for name, descriptor in maps.items()}
    return Capacity(
        entries["flows"] * SLOTS // 2,
        entries["services"],
        entries["destinations"],
        entries["slots"],
        entries["flows6"] * SLOTS // 2,
    )


def load(
    capacity: Capacity, log: Callable[[str], None], maps: dict[str, int] | None = None
) -> Loaded:
    """Loads the program; `log` is told of tables that could not be taken over.

    Those of a program that is attached here are, if they hold at least `capacity`; or `maps`,
    descriptors of the caller's, in any case. Only IPv6's table of connections is made anew if it
    is too small.
    """
    if not OBJECT.exists():
        raise DataplaneError(f"{OBJECT} is missing: compile it with `make -C bpf`")
    cpus = libbpf.possible_cpus()
    source = libbpf.BpfObject(OBJECT)
    agreement.check(source)
    kept = _duplicates(maps) if maps else _maps_to_keep(capacity, cpus, log)
    if kept:
        running = capacity_of(kept)
        if running.flows6 < capacity.flows6:
            os.close(kept.pop("flows6"))
        capacity = replace(running, flows6=max(running.flows6, capacity.flows6))
    _size(source, capacity, cpus)
    _fill_constants(source, capacity, cpus)
    memory = source.memory()
    if not kept and memory > _available_bytes():
        raise _no_memory(capacity, memory)
    for name, descriptor in kept.items():
        source.reuse(name, descriptor)
    _close(kept)
    try:
        source.load()
    except libbpf.BpfError as error:
        if error.errno == errno.ENOMEM:
            raise _no_memory(capacity, memory) from error
        raise
    programs = Programs(
        *(
            source.program_descriptor(n)
            for n in ("trimaran", "sweep", "enter", "preview", "reflect")
        )
    )
    tables = Tables({n: os.dup(source.map_descriptor(n)) for n in MAPS}, writable=True)
    for name in ("ledger", "newcomers"):  # which the program itself does not use
        libbpf.bind_map(programs.main, source.map_descriptor(name))
    if not kept:
        _initialise(tables, source, agreement.version(capacity, cpus))
    set_transitions(tables)
    return Loaded(source, programs, tables, capacity, memory, adopted=bool(kept))


def _available_bytes() -> int:
    """What the kernel can give without swapping (proc(5), since Linux 3.14)."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return sys.maxsize


def _no_memory(capacity: Capacity, memory: int) -> DataplaneError:
    return DataplaneError(
        f"the tables for {capacity.flows} connections, {capacity.services} services and "
        f"{capacity.destinations} real servers need {memory >> 20} MiB, and the kernel has "
        f"{_available_bytes() >> 20} MiB available: ask for less (--connections)"
    )


def _maps_to_keep(capacity: Capacity, cpus: int, log: Callable[[str], None]) -> dict[str, int]:
    maps = running_maps()
    if maps is None:
        return {}
    running = capacity_of(maps)
    version = agreement.version(running, cpus)
    same_size = libbpf.map_info(maps[LIVE_MAP]).value_size == layout.LIVE.itemsize
    if same_size and running.holds(capacity):
        memory = libbpf.map_memory(maps[LIVE_MAP], os.sysconf("SC_PAGESIZE"), writable=False)
        if int.from_bytes(memory[:8], "little") == version:
            return maps
    log(
        "the running XDP program has tables of another layout or size: "
        "starting with an empty connection table"
    )
    _close(maps)
    return {}


def _duplicates(maps: dict[str, int]) -> dict[str, int]:
    return {name: os.dup(descriptor) for name, descriptor in maps.items()}


def _close(maps: dict[str, int]) -> None:
    for descriptor in maps.values():
        os.close(descriptor)


def _size(source: libbpf.BpfObject, capacity: Capacity, cpus: int) -> None:
    for name, entries in {
        "flows": capacity.buckets,
        "flows6": capacity.buckets6,
        "services": capacity.services,
        "members": capacity.members,
        "destinations": capacity.destinations,
        "slots": capacity.rows,
        "counters": cpus * capacity.destinations,
        "loads": capacity.destinations,
        "templates": capacity.destinations,
        "events": cpus,
        "newcomers": layout.NEWCOMERS,
        "ledger": capacity.destinations + capacity.services + 1,
        **dict.fromkeys(SERVICE_IDS.values(), capacity.services),
        **dict.fromkeys(MASQUERADED.values(), capacity.destinations),
        BUDGETS: cpus,
    }.items():
        source.set_max_entries(name, entries)


def _fill_constants(source: libbpf.BpfObject, capacity: Capacity, cpus: int) -> None:
    section = source.initial_value(".rodata")
    _, variables = source.members(15, ".rodata")

    def put(name: str, value: bytes) -> None:
        offset, size = variables[name]
        section[offset : offset + size] = value.ljust(size, b"\0")

    def by_state(value: Callable[[int], int]) -> bytes:
        return bytes(value(state) for state in range(layout.STATES))

    put("sctp_event", bytes(sctp.CHUNKS.get(chunk, sctp.SctpEvent.DATA) for chunk in range(16)))
    put("active_connection", by_state(lambda s: s in states.ACTIVE))
    put("reusable", by_state(lambda s: s in states.REUSABLE))
    ranks = {s: rank for rank, group in enumerate(states.EVICTION, start=1) for s in group}
    put("eviction_rank", by_state(lambda s: ranks.get(s, 0)))
    for buckets, record in (capacity.buckets, layout.FLOW), (capacity.buckets6, layout.FLOW6):
        near, suffix = near_buckets_of(buckets, record.itemsize), "6" * (record is layout.FLOW6)
        put(f"near_buckets{suffix}", near.to_bytes(4, "little"))
        put(f"far_buckets{suffix}", (buckets - near).to_bytes(4, "little"))
    put("capacity", capacity.destinations.to_bytes(4, "little"))


def near_buckets_of(buckets: int, record: int) -> int:
    """How many of a table's buckets are near ones, with records of so many bytes."""
    return min(buckets // 8, NEAR_BYTES // (SLOTS * record))


def _initialise(tables: Tables, source: libbpf.BpfObject, version: int) -> None:
    live = tables.live
    live["hash_seed"] = secrets.randbits(64)
    live["tick_multiplier"] = (layout.TICKS_PER_SECOND << 24) // _jiffies_per_second(source)
    live["icmp_per_second"] = ICMP_PER_SECOND
    live["behaviour"] = astuple(Behaviour())
    set_lifetimes(tables, Timeouts())
    live["version"] = version


def set_transitions(tables: Tables) -> None:
    """Writes the tables of states, those that `secure_tcp` asks for; a cell by one store."""
    secure = int(tables.live["behaviour"]["secure_tcp"]) == ALWAYS
    for direction in Direction:
        for state in states.STATE_NAMES:
            tables.live["transition"][direction][state] = [
                states.next_state(state, flags, direction, secure=secure) for flags in range(32)
            ]


def set_lifetimes(tables: Tables, timeouts: Timeouts) -> None:
    """Sets how long entries live in each state. The tick that has begun does not count."""
    for state in states.STATE_NAMES:
        seconds = states.timeout(state, timeouts)
        tables.live["lifetime"][state] = seconds * layout.TICKS_PER_SECOND + 1


def lifetimes(tables: Tables) -> Timeouts:
    """The timeouts that can be set, in seconds."""
    tcp, fin, udp = (
        (int(tables.live["lifetime"][state]) - 1) // layout.TICKS_PER_SECOND
        for state in (TcpState.ESTABLISHED, TcpState.FIN_WAIT, states.UDP_STATE)
    )
    return Timeouts(tcp, fin, udp)


def _jiffies_per_second(source: libbpf.BpfObject) -> int:
    """The kernel's HZ, which nothing tells: jiffies counted over 0.1 s, from edge to edge."""
    program = source.program_descriptor("read_clock")

    def reading() -> tuple[int, int]:
        context = libbpf.run(program, context=bytes(layout.CLOCK_READING.itemsize)).context
        jiffies, now = np.frombuffer(context, dtype=layout.CLOCK_READING)[0].tolist()
        return int(jiffies), int(now)

    def edge() -> tuple[int, int]:
        first = reading()
        while (following := reading())[0] == first[0]:
            pass
        return following

    jiffies, begin = edge()
    time.sleep(0.1)
    later, end = edge()
    rate = (later - jiffies) * 1e9 / (end - begin)
    return min((100, 250, 300, 1000), key=lambda hz: abs(hz - rate))
