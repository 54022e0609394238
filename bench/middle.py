"""A balancer between wrk and nginx, one of several at a time, for benchmarks of new connections.

client (c0) -- (l0) lb (l1) -- (s0) web;  web (s1) -- (c1) client, for direct replies
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from veth import BUILT, PREFIX, REST_CPU, WORK_CPU, aim_redirect, napi_threads, sh, within

from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.dataplane.xdp.ways import Neighbour
from trimaran.lab.recipe import nginx_config
from trimaran.model.service import Protocol, ServerKey, ServiceKey

CLIENT, LB, WEB = (PREFIX + name for name in ("client", "lb", "web"))
VIP, SERVER, PAST = (IPv4Address(a) for a in ("192.168.1.10", "192.168.2.201", "10.77.0.2"))
DNAT = f"""
table ip bench {{
    chain prerouting {{
        type nat hook prerouting priority dstnat;
        ip daddr {VIP} tcp dport 80 dnat to {SERVER}
    }}
}}
"""
HAPROXY = f"""
global
    nbthread 1
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen bench
    bind {VIP}:80
    server web {SERVER}:80
"""
DIRECT, THROUGH = "10.77.0.1 dev s1", "192.168.2.1 dev s0"
"""By which way the web server reaches the client."""

APART = 50_000
"""Nanoseconds between two looks of l0's thread, where it is told to wait."""
LINKS = (("c0", CLIENT, "l0", LB), ("l1", LB, "s0", WEB), ("s1", WEB, "c1", CLIENT))


@dataclass(slots=True)
class Way:
    """A balancer. `use` is a context for as long as it works; it yields processes of its own.

    Microseconds a connection: `costs` of the balancer in threads of its own, `totals` of all there
    is when all is on one CPU. `wakes`: how often l0's thread is woken for a connection.
    """

    name: str
    target: IPv4Address
    replies: str
    use: Callable[[], contextlib.AbstractContextManager[list[int]]]
    costs: list[float] = field(default_factory=list)
    totals: list[float] = field(default_factory=list)
    wakes: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


class Middle:
    """The network with nginx, and what can be put in its middle."""

    def __init__(self, stack: contextlib.ExitStack, directory: Path) -> None:
        self._stack = stack
        self._directory = directory
        self._passing = libbpf.BpfObject(BUILT / "nop.bpf.o")
        self._passing.load()
        stack.callback(self._passing.close)
        self._make()
        self._nginx = self._start_nginx()
        with within(LB):
            aim_redirect(self._passing, mac(WEB, "s0"), mac(LB, "l1"), "l1")
            self._plane = XdpDataplane.open(Capacity(1 << 18), log=lambda line: None)
            way = Neighbour(mac(WEB, "s0"), mac(LB, "l1"), socket.if_nametoindex("l1"), 1500)
            self._plane.set_neighbour(SERVER, way)
            self._plane.set_held([VIP])
            key, server = ServiceKey(Protocol.TCP, VIP, 80), Destination(ServerKey(SERVER, 80))
            self._plane.apply([Service(key, Settings("rr"), (server,))])
        stack.callback(self._plane.close, remove=True)

    def _make(self) -> None:
        for namespace in (CLIENT, LB, WEB):
            with contextlib.suppress(OSError):
                sh(f"ip netns del {namespace}")
            sh(f"ip netns add {namespace}")
            self._stack.callback(sh, f"ip netns del {namespace}")
            quiet = "net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"
            settings = "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0"
            sh(f"sysctl -qw {quiet} {settings}", namespace)
            sh("ip link set lo up", namespace)
        single = "numrxqueues 1 numtxqueues 1"
        for one, at, other, there in LINKS:
            peer = f"peer name {other} netns {there} {single}"
            sh(f"ip link add {one} netns {at} {single} type veth {peer}")
            for device, namespace in ((one, at), (other, there)):
                sh(f"ethtool -K {device} tx off gro on", namespace)
                sh(f"ip link set {device} up", namespace)
                if device not in ("l0", "l1"):
                    put(namespace, device, self._passing.program_descriptor("nop_pass"))
        sh("sysctl -qw net.ipv4.ip_forward=1", LB)
        sh("sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2", WEB)
        for address, namespace, device in (
            ("192.168.1.11/24", CLIENT, "c0"),
            ("192.168.1.1/24", LB, "l0"),
            (f"{VIP}/32", LB, "l0"),
            ("192.168.2.1/24", LB, "l1"),
            (f"{SERVER}/24", WEB, "s0"),
            (f"{VIP}/32", WEB, "lo"),
            ("10.77.0.1/24", CLIENT, "c1"),
            ("10.77.0.2/24", WEB, "s1"),
        ):
            sh(f"ip address add {address} dev {device}", namespace)
        sh("ip route add 192.168.2.0/24 via 192.168.1.1", CLIENT)

    def use_threads(self, on: bool) -> None:
        """Whether the interfaces have threads, those of the middle with a CPU for themselves. Else
        a packet is dealt with where it is sent, in the sender's time, on the CPU of all others."""
        self._balancer_cpu = WORK_CPU if on else REST_CPU
        for one, at, other, there in LINKS:
            for device, namespace in ((one, at), (other, there)):
                sh(f"tee /sys/class/net/{device}/threaded", namespace, str(int(on)))
        if on:
            for device, thread in napi_threads().items():
                os.sched_setaffinity(thread, {WORK_CPU if device in ("l0", "l1") else REST_CPU})

    def servers(self) -> list[int]:
        """nginx's processes."""
        children = Path(f"/proc/{self._nginx}/task/{self._nginx}/children").read_text()
        return [self._nginx, *map(int, children.split())]

    def _start_nginx(self) -> int:
        (self._directory / "html").mkdir()
        (self._directory / "html" / "index.html").write_text("x" * 64)
        config = self._directory / "nginx.conf"
        config.write_text(nginx_config(self._directory).replace("access_log ", "access_log off; #"))
        return self._start(WEB, REST_CPU, "nginx", "-e", "stderr", "-c", str(config)).pid

    def _start(self, namespace: str, cpu: int, *command: str) -> "subprocess.Popen[bytes]":
        words = ["ip", "netns", "exec", namespace, "taskset", "-c", str(cpu), *command]
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        self._stack.callback(end, process)
        return process

    def ways(self) -> list[Way]:
        """All balancers."""
        return [
            Way("trimaran", VIP, DIRECT, self.trimaran),
            Way("trimaran, 50 µs apart", VIP, DIRECT, self.apart),
            Way("redirect", VIP, DIRECT, self.redirected),
            Way("routing", SERVER, THROUGH, self.passed_on),
            Way("nft DNAT", VIP, THROUGH, self.translated),
            Way("HAProxy", VIP, THROUGH, self.proxied),
        ]

    @contextlib.contextmanager
    def trimaran(self) -> Iterator[list[int]]:
        with within(LB):
            attachment = self._plane.attach("l0")
            if attachment.mode != "native":
                raise OSError(f"l0 is in {attachment}")
            put(LB, "l1", self._passing.program_descriptor("nop_pass"))
        try:
            yield []
        finally:
            with within(LB):
                self._plane.detach("l0")
            take(LB, "l1", self._passing.program_descriptor("nop_pass"))

    @contextlib.contextmanager
    def apart(self) -> Iterator[list[int]]:
        with self.trimaran() as pids:
            poll_apart(LB, "l0", APART)
            try:
                yield pids
            finally:
                poll_apart(LB, "l0", 0)

    @contextlib.contextmanager
    def redirected(self) -> Iterator[list[int]]:
        programs = {
            "l0": self._passing.program_descriptor("redirect"),
            "l1": self._passing.program_descriptor("nop_pass"),
        }
        for device, program in programs.items():
            put(LB, device, program)
        try:
            yield []
        finally:
            for device, program in programs.items():
                take(LB, device, program)

    @contextlib.contextmanager
    def passed_on(self) -> Iterator[list[int]]:
        program = self._passing.program_descriptor("nop_pass")
        for device in ("l0", "l1"):
            put(LB, device, program)
        try:
            yield []
        finally:
            for device in ("l0", "l1"):
                take(LB, device, program)

    @contextlib.contextmanager
    def translated(self) -> Iterator[list[int]]:
        with self.passed_on():
            sh("nft -f -", LB, DNAT)
            try:
                yield []
            finally:
                sh("nft flush ruleset", LB)

    @contextlib.contextmanager
    def proxied(self) -> Iterator[list[int]]:
        config = self._directory / "haproxy.cfg"
        config.write_text(HAPROXY)
        with self.passed_on():
            process = self._start(LB, self._balancer_cpu, "haproxy", "-f", str(config), "-db")
            try:
                wait_for_listener(LB, VIP)
                yield [process.pid]
            finally:
                end(process)


def mac(namespace: str, device: str) -> bytes:
    text = sh(f"cat /sys/class/net/{device}/address", namespace)
    return bytes.fromhex(text.strip().replace(":", ""))


def put(namespace: str, device: str, program: int) -> None:
    with within(namespace):
        libbpf.xdp_attach(socket.if_nametoindex(device), program, libbpf.XDP_FLAGS_DRV_MODE)


def take(namespace: str, device: str, program: int) -> None:
    with within(namespace):
        libbpf.xdp_detach(socket.if_nametoindex(device), program, libbpf.XDP_FLAGS_DRV_MODE)


def wait_for_listener(namespace: str, address: IPv4Address) -> None:
    """Return as soon as port 80 is served; raises if it is not after ten seconds."""
    until = time.monotonic() + 10
    with within(namespace):
        while True:
            with socket.socket() as attempt:
                if not attempt.connect_ex((str(address), 80)):
                    return
            if time.monotonic() > until:
                raise OSError(f"nobody listens on {address}:80")
            time.sleep(0.05)


def poll_apart(namespace: str, device: str, nanoseconds: int) -> None:
    """Make an interface wait so long between two looks at what has come; 0: no longer
    (Documentation/networking/napi.rst, software IRQ coalescing)."""
    for setting, value in (
        ("gro_flush_timeout", nanoseconds),
        ("napi_defer_hard_irqs", int(nanoseconds > 0)),
    ):
        sh(f"tee /sys/class/net/{device}/{setting}", namespace, str(value))


def end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
