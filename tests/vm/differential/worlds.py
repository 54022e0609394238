"""The two dataplanes under comparison, on equal networks of their own.

Kernel IPVS gets frames by a veth pair, the XDP program by BPF_PROG_TEST_RUN.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict

import numpy as np
from frames import DROP, PASS, REDIRECT, TX, Director, server
from frames6 import VIP6, Director6, server6
from golden_bench import Bench, ip, namespace
from own_network import own_network
from seen import echo, echoed, is_housekeeping

from trimaran.dataplane.base import (
    Behaviour,
    Connection,
    Counters,
    Refused,
    ServiceView,
    Timeouts,
)
from trimaran.dataplane.ipvs.operator import IpvsOperator
from trimaran.dataplane.steps import Operator, Step
from trimaran.dataplane.xdp import layout
from trimaran.dataplane.xdp.behaviour import write_behaviour
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.loader import Loaded, load, set_lifetimes
from trimaran.dataplane.xdp.plane import XdpDataplane

PREFIX = "vm-diff-"
SMALL_MTUS = ((server(104), 1000), (server6(104), 1400))
_PATIENCE = 60.0
"""Seconds, for what takes milliseconds."""
_DEFENCES = 2.0
"""Seconds: IPVS looks at secure_tcp once a second (ipvs-semantics 4.9), or a bit later."""


def attempt(operator: Operator, step: Step) -> int:
    """The errno that the step is refused with; 0 if it is done."""
    try:
        operator.execute(step)
    except Refused as refused:
        return refused.errno
    return 0


class KernelWorld:
    """IPVS of a network namespace. After each frame a ping shows where its consequences end."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._pings = self._secure_tcp = 0
        with namespace(f"{PREFIX}client"):
            self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._wire.bind(("v0", 3))
        self._wire.settimeout(_PATIENCE)
        with bench.inside():
            self.operator = IpvsOperator.open()
            subprocess.run(
                [
                    *("sysctl", "-qw", "net.ipv4.icmp_ratemask=0", "net.ipv4.conf.all.rp_filter=0"),
                    "net.ipv6.icmp.ratelimit=0",
                ],
                check=True,
            )
            # Not the source of what the director sends: the other world has none to choose.
            ip("address", "change", f"{VIP6}/128", "dev", "eth1", "preferred_lft", "0")
            for key, mtu in SMALL_MTUS:
                ip("route", "add", str(key.address), "dev", "eth1", "mtu", "lock", str(mtu))

    def send(self, frame: bytes) -> list[bytes]:
        """The frames that come of it."""
        self._pings += 1
        self._wire.send(frame)
        self._wire.send(echo(self._pings))
        emitted: list[bytes] = []
        while True:
            received = self._wire.recv(2048)
            if is_housekeeping(received):
                continue
            if (number := echoed(received)) is None:
                emitted.append(received)
            elif number == self._pings & 0xFFFF:
                return emitted

    def close(self) -> None:
        self.operator.close()
        self._wire.close()

    def connections(self) -> list[Connection]:
        with self._bench.inside():
            return list(self.operator.connections())

    def totals(self) -> Counters:
        with self._bench.inside(), open("/proc/thread-self/net/ip_vs_stats") as lines:
            numbers = [int(word, 16) for word in lines.readlines()[2].split()]
        return Counters(*numbers)

    def clear(self) -> None:
        """No services, no connections, counters zero."""
        with self._bench.inside():
            self.set_behaviour(Behaviour(expire_nodest_conn=1))
            self.operator.flush()
            end = time.monotonic() + _PATIENCE
            while self.connections():
                assert time.monotonic() < end, "connections stay"
                time.sleep(0.02)
            self.set_behaviour(Behaviour())
        self.operator.set_timeouts(Timeouts())
        self.operator.zero(None)

    def set_behaviour(self, behaviour: Behaviour) -> None:
        """Sets them all, and waits until they are looked at."""
        with self._bench.inside():
            for name, value in asdict(behaviour).items():
                with open(f"/proc/sys/net/ipv4/vs/{name}", "w") as setting:
                    setting.write(str(value))
        if behaviour.secure_tcp != self._secure_tcp:
            self._secure_tcp = behaviour.secure_tcp
            time.sleep(_DEFENCES)


class XdpWorld:
    """The XDP program, without an interface that it gets packets from."""

    def __init__(self, loaded: Loaded, interface: int) -> None:
        self._loaded, self._interface = loaded, interface
        self.clear()

    @property
    def operator(self) -> XdpDataplane:
        return self._director.plane

    def send(self, frame: bytes) -> tuple[bool, bytes | None]:
        """Whether the frame is left to the kernel; otherwise the frame that comes of it."""
        verdict, out = self._director.send(frame)
        assert verdict in (PASS, TX, DROP, REDIRECT), verdict
        return verdict == PASS, out if verdict in (TX, REDIRECT) else None

    def lifetimes(self) -> "Sequence[float]":
        """Seconds that each entry still lives; negative for those that are over, but not swept."""
        tables = self._loaded.tables
        control = np.concatenate([tables.flows["control"], tables.flows6["flow"]["control"]])
        control = control[control >> np.uint64(layout.PHASE_SHIFT) == layout.PHASE_LIVE]
        now = np.uint32(int(tables.tick()) & 0xFFFFFFFF)
        ticks = (control.astype(np.uint32) - now).view(np.int32)
        left: list[float] = (ticks / layout.TICKS_PER_SECOND).tolist()
        return left

    def connections(self) -> list[Connection]:
        return list(self.operator.connections())

    def totals(self) -> Counters:
        return self.operator.totals()[0]

    def clear(self) -> None:
        tables = self._loaded.tables
        XdpDataplane(self._loaded).apply([])
        for name in ("flows", "flows6", "destinations", "counters", "loads", "templates", "ledger"):
            getattr(tables, name)[...] = 0
        tables.events["count"] = 0
        set_lifetimes(tables, Timeouts())
        self._director = Director(XdpDataplane(self._loaded), self._interface)
        six = Director6(self._director)
        for resolve, (_, mtu) in zip(
            (self._director.resolve, six.resolve), SMALL_MTUS, strict=True
        ):
            resolve(104, mtu=mtu)
        self.operator.set_icmp_rate(1 << 20)
        self.set_behaviour(Behaviour())
        # Connections that another director opened are not to be taken over.
        tables.live["takeover"] = 0

    def set_behaviour(self, behaviour: Behaviour) -> None:
        write_behaviour(self._loaded.tables, behaviour)

    def sweep(self) -> None:
        """What the daemon does each second."""
        self._director.poll()


@contextmanager
def both() -> Iterator[tuple[KernelWorld, XdpWorld]]:
    """Both on one CPU, so that what comes of a frame comes in order."""
    with ExitStack() as undo:
        before = os.sched_getaffinity(0)
        undo.callback(os.sched_setaffinity, 0, before)
        os.sched_setaffinity(0, {min(before)})
        bench = undo.enter_context(Bench(PREFIX))
        loaded = load(Capacity(flows=1 << 12, flows6=1 << 12, services=64, destinations=256), print)
        undo.callback(lambda: XdpDataplane(loaded).close(remove=True))
        interface = undo.enter_context(own_network(loaded.programs.main))
        kernel = KernelWorld(bench)
        undo.callback(kernel.close)
        yield kernel, XdpWorld(loaded, interface)


def by_key(views: Sequence[ServiceView]) -> list[ServiceView]:
    return sorted(views, key=lambda view: str(view.key))
