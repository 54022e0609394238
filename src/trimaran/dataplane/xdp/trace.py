"""Live decisions of the packet path, as they are made: samples through a ring buffer (bpf/trace.h).

Whoever reads says again and again for how long: the program stops telling by itself soon after.
There is one reader at a time, for the ring buffer gives each decision once.
"""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

import numpy as np

from trimaran.dataplane import states
from trimaran.dataplane.base import DataplaneError, Destination, Refused
from trimaran.dataplane.xdp import layout
from trimaran.dataplane.xdp.addresses import address_in
from trimaran.dataplane.xdp.explain import Tuple
from trimaran.dataplane.xdp.layout import Event
from trimaran.dataplane.xdp.loader import running_maps
from trimaran.dataplane.xdp.records import read_destination, read_settings, service_key
from trimaran.dataplane.xdp.ring import RingBuffer
from trimaran.dataplane.xdp.tables import Tables, destination_of, state_of
from trimaran.model.service import Protocol, ServiceKey

Network = IPv4Network | IPv6Network

_LEASE_SECONDS: Final = 3
_RENEW_SECONDS: Final = 0.5
_PROTOCOLS: Final = {protocol.number: protocol for protocol in Protocol}
_PASS: Final = 2


@dataclass(frozen=True, slots=True)
class Filter:
    """Which packets; None: any. Ports are the client's and the virtual one."""

    protocol: Protocol | None = None
    client: Network | None = None
    virtual: Network | None = None
    client_port: int | None = None
    virtual_port: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a packet.

    `time`: when, in ns of CLOCK_MONOTONIC. `flags`: TCP's. `length`: of the IP packet, in bytes.
    `before`, `after`: the state of its connection, None without an entry. `server`: whose that
    is. `events`: what the packet path counted for it. `passed`: up to the kernel. `skipped`: how
    many more such packets came just before, too many to be told of.
    """

    time: int
    packet: Tuple
    flags: int
    length: int
    service: ServiceKey | None
    scheduler: str
    before: str | None
    after: str | None
    server: Destination | None
    local: bool
    events: frozenset[Event]
    dropped: bool
    passed: bool
    skipped: int


class Trace:
    """A reader on a program's tables. `stop` ends it, or that it is not read for some seconds.

    `per_second`: how many decisions each CPU may tell of, in bursts of a sixteenth of that.
    """

    def __init__(self, tables: Tables, wanted: Filter, per_second: int) -> None:
        self._tables = tables
        self._told: list[bytes] = []
        self._ring = RingBuffer(tables.decisions, self._told.append)
        self._ring.poll(0)
        self._told.clear()  # what an earlier reader left
        tables.live["tracing"] = _record(wanted, per_second)

    def stop(self) -> None:
        """Nothing more is told."""
        self._tables.live["tracing"]["until"] = 0
        self._ring.close()

    def decisions(self, seconds: float | None = None) -> Iterator[Decision]:
        """Those made from now on, as they come, for so long (None: for ever)."""
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            tick = int(self._tables.tick()) + _LEASE_SECONDS * layout.TICKS_PER_SECOND
            self._tables.live["tracing"]["until"] = tick & 0xFFFFFFFF or 1
            left = _RENEW_SECONDS if end is None else end - time.monotonic()
            self._ring.poll(max(0.0, min(left, _RENEW_SECONDS)))
            told, self._told[:] = self._told[:], []
            for data in told:
                yield _decision(self._tables, data)


@contextmanager
def running(wanted: Filter, per_second: int) -> Iterator[Trace]:
    """A trace of the program that is attached in this network namespace. Raises
    `DataplaneError`, also if another trace runs here."""
    with _only_one():
        maps = running_maps()
        if maps is None:
            raise DataplaneError("no XDP dataplane of trimaran runs in this network namespace")
        tables = Tables(maps, writable=True)
        trace = Trace(tables, wanted, per_second)
        try:
            yield trace
        finally:
            trace.stop()
            tables.close()


def _only_one() -> socket.socket:
    """A lock of the network namespace, until it is closed (see `ownership.hold_tables`)."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lock.bind("\0trimaran-xdp-trace")
    except OSError as error:
        lock.close()
        raise Refused(
            errno.EBUSY, "another trace runs in this network namespace: one at a time"
        ) from error
    return lock


def _record(wanted: Filter, per_second: int) -> "np.ndarray[tuple[()], np.dtype[np.void]]":
    record = np.zeros((), dtype=layout.TRACING)
    for name, mask, net in (
        ("client", "client_mask", wanted.client),
        ("virtual_address", "virtual_mask", wanted.virtual),
    ):
        if net is not None:
            record[name] = _bytes(net.network_address.packed)
            record[mask] = _bytes(net.netmask.packed)
            record["version"] = net.version
    ports = (wanted.client_port, wanted.virtual_port)
    record["ports"] = [port or 0 for port in ports]
    record["ports_mask"] = [0 if port is None else 0xFFFF for port in ports]
    record["per_tick"] = -(-per_second // layout.TICKS_PER_SECOND)
    record["protocol"] = wanted.protocol.number if wanted.protocol else 0
    return record


def _bytes(packed: bytes) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    return np.frombuffer(packed.ljust(16, b"\0"), dtype="u1")


def _decision(tables: Tables, data: bytes) -> Decision:
    record = np.frombuffer(data, dtype=layout.DECISION, count=1)[0]
    version, verdict = int(record["version"]), int(record["verdict"])
    packet = Tuple(
        _PROTOCOLS[int(record["protocol"])],
        address_in(record["client"], version),
        int(record["ports"][0]),
        address_in(record["virtual_address"], version),
        int(record["ports"][1]),
    )
    before, after, service = (int(record[name]) for name in ("before", "after", "service"))
    served = service < len(tables.services) and bool(tables.services["configured"][service])
    number = destination_of(after or before)
    known = bool(after or before)
    flags = int(tables.destinations["flags"][number]) if known else 0
    return Decision(
        time=int(record["time"]),
        packet=packet,
        flags=int(record["flags"]) if packet.protocol is Protocol.TCP else 0,
        length=int(record["length"]),
        service=service_key(tables, service) if served else None,
        scheduler=read_settings(tables, service).scheduler if served else "",
        before=states.STATE_NAMES[state_of(before)] if before else None,
        after=states.STATE_NAMES[state_of(after)] if after else None,
        server=read_destination(tables, number) if flags else None,
        local=bool(flags & layout.DestinationFlag.LOCAL),
        events=frozenset(event for event in Event if int(record["events"]) >> event & 1),
        dropped=verdict < _PASS,
        passed=verdict == _PASS,
        skipped=int(record["skipped"]),
    )


def network(text: str) -> Network:
    """An address, or a network by prefix length. Raises ValueError."""
    return ip_network(text.strip("[]"), strict=False)


def wall_time(decision: Decision) -> float:
    """Seconds since the epoch when it was made."""
    return time.time() - (time.monotonic_ns() - decision.time) / 1e9
