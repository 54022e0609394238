"""What a balancer spends on a new TCP connection: wrk and nginx, each request a connection.

    client (c0) -- (l0) lb (l1) -- (s0) web;  web (s1) -- (c1) client, for direct replies

The time is that of the kernel threads that take in what reaches l0 and l1, and of HAProxy's
process; client and server are on the other CPU. Paths take turns:

- trimaran: direct routing; replies go past the balancer, as they are meant to
- routing: no balancer at all, both directions through the middle
- nft DNAT: nftables with connection tracking, both directions
- HAProxy: mode tcp

Needs root, two CPUs, and wrk, haproxy and nftables (`tools/setup bench`).
"""

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from veth import BUILT, PREFIX, REST_CPU, WORK_CPU, napi_threads, sh, within

from trimaran.dataplane.base import DataplaneError, Destination, Service, Settings
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.dataplane.xdp.ways import Neighbour
from trimaran.lab.recipe import nginx_config
from trimaran.model.service import Protocol, ServerKey, ServiceKey

ROOT = Path(__file__).parents[1]
CLIENT, LB, WEB = (PREFIX + name for name in ("client", "lb", "web"))
VIP, SERVER = IPv4Address("192.168.1.10"), IPv4Address("192.168.2.201")
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

LINKS = (("c0", CLIENT, "l0", LB), ("l1", LB, "s0", WEB), ("s1", WEB, "c1", CLIENT))


@dataclass(slots=True)
class Way:
    """A balancer. `use` is a context for as long as it works; it yields processes of its own."""

    name: str
    target: IPv4Address
    replies: str
    use: Callable[[], contextlib.AbstractContextManager[list[int]]]
    costs: list[float] = field(default_factory=list)
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
        self._start_nginx()
        with within(LB):
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
                sh(f"tee /sys/class/net/{device}/threaded", namespace, "1")
                if device not in ("l0", "l1"):
                    put(namespace, device, self._passing.program_descriptor("nop_pass"))
        for device, thread in napi_threads().items():
            os.sched_setaffinity(thread, {WORK_CPU if device in ("l0", "l1") else REST_CPU})
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

    def _start_nginx(self) -> None:
        (self._directory / "html").mkdir()
        (self._directory / "html" / "index.html").write_text("x" * 64)
        config = self._directory / "nginx.conf"
        config.write_text(nginx_config(self._directory).replace("access_log ", "access_log off; #"))
        self._start(WEB, REST_CPU, "nginx", "-e", "stderr", "-c", str(config))

    def _start(self, namespace: str, cpu: int, *command: str) -> "subprocess.Popen[bytes]":
        words = ["ip", "netns", "exec", namespace, "taskset", "-c", str(cpu), *command]
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        self._stack.callback(end, process)
        return process

    def ways(self) -> list[Way]:
        """All balancers."""
        return [
            Way("trimaran", VIP, DIRECT, self.trimaran),
            Way("routing", SERVER, THROUGH, self.passed_on),
            Way("nft DNAT", VIP, THROUGH, self.translated),
            Way("HAProxy", VIP, THROUGH, self.proxied),
        ]

    @contextlib.contextmanager
    def trimaran(self) -> Iterator[list[int]]:
        with within(LB):
            attachment = self._plane.attach("l0")
            if attachment.mode != "native":
                raise SystemExit(f"new_connections: l0 is in {attachment}")
            put(LB, "l1", self._passing.program_descriptor("nop_pass"))
        try:
            yield []
        finally:
            with within(LB):
                self._plane.detach("l0")
            take(LB, "l1", self._passing.program_descriptor("nop_pass"))

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
            process = self._start(LB, WORK_CPU, "haproxy", "-f", str(config), "-db")
            time.sleep(0.5)
            try:
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


def end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)


def spent(pids: list[int]) -> int:
    """Nanoseconds of the middle's threads, and of these processes."""
    threads = napi_threads()
    pids = [threads["l0"], threads["l1"], *pids]
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids)


def opens() -> int:
    """How many connections the client has opened so far (RFC 4022, tcpActiveOpens)."""
    lines = sh("grep ^Tcp: /proc/net/snmp", CLIENT).splitlines()
    names, values = (line.split() for line in lines)
    return int(values[names.index("ActiveOpens")])


def turn(way: Way, seconds: int) -> None:
    """One run of wrk; microseconds of the balancer for each connection."""
    sh(f"ip route replace 192.168.1.11/32 via {way.replies}", WEB)
    with way.use() as pids:
        opened, before = opens(), spent(pids)
        command = f"taskset -c {REST_CPU} wrk -t1 -c64 -d{seconds}s -H 'Connection: close'"
        said = sh(f"{command} http://{way.target}/", CLIENT)
        cost, opened = spent(pids) - before, opens() - opened
    found = re.search(r"(\d+) requests in ([\d.]+)s", said)
    if not found or not 100 * seconds < int(found[1]) <= opened or "Socket err" in said:
        raise SystemExit(f"new_connections: {way.name}: {opened} connections opened; {said}")
    way.costs.append(cost / opened / 1000)
    way.rates.append(opened / float(found[2]))


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of one turn")
    parser.add_argument("--json", type=argparse.FileType("w"), help="write the figures there, too")
    arguments = parser.parse_args()
    subprocess.run(["make", "--silent", "-C", str(ROOT / "bench" / "xdpbench")], check=True)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))
        directory.chmod(0o755)
        ways = Middle(stack, directory).ways()
        for _ in range(arguments.rounds):
            for way in ways:
                turn(way, arguments.seconds)
    print(f"{'new connections':18}{'µs of balancer each':>26}{'of one core':>16}{'offered':>12}")
    for way in ways:
        usual = statistics.median(way.costs)
        print(
            f"{way.name:18}{min(way.costs):17.1f} /{usual:7.1f}{1e6 / usual:14,.0f}/s"
            f"{statistics.median(way.rates):10,.0f}/s"
        )
    if arguments.json is not None:
        json.dump({way.name: statistics.median(way.costs) for way in ways}, arguments.json)


if __name__ == "__main__":
    try:
        main()
    except (DataplaneError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"new_connections: {error}")
