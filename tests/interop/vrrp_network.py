"""Two routers and an observer on one segment: network namespaces, and what speaks VRRP in them.

Every network has a prefix of its own. What was started is ended, what was made is deleted.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet
from scapy.utils import rdpcap

_numbers = count(1)
HOSTS = ("a", "b", "c")
"""The two routers, and who watches."""


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


class Router:
    """A host that speaks VRRP: 10.88.0.1 or .2, with a link-local address, on eth0."""

    def __init__(self, name: str, namespace: str, directory: Path) -> None:
        self.name, self.namespace, self.directory = name, namespace, directory
        self.number = HOSTS.index(name) + 1
        self.address = f"10.88.0.{self.number}"
        self.sixth = f"fe80::{self.number}"
        self.program = ""
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, program: str, text: str) -> None:
        """Run trimaran or keepalived with this configuration."""
        self.program = program
        self.directory.mkdir(exist_ok=True)
        file = self.directory / "router.conf"
        file.write_text(text)
        self.spawn(_command(program, file, self.directory))

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> None:
        """Stop what runs, and wait for its end."""
        for process in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(number)
        for process in self._processes:
            process.wait(seconds)
        self._processes.clear()

    def holds(self, address: str) -> bool:
        shown = ip("-n", self.namespace, "-o", "address", "show")
        return f" {address}/" in shown

    @property
    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        words = ["ip", "netns", "exec", self.namespace, *command]
        return subprocess.run(words, capture_output=True, text=True, timeout=30)

    def spawn(self, command: list[str]) -> None:
        """Run a program here until `stop`."""
        with (self.directory / "log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", self.namespace, *command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )


class Network:
    """The segment. `a` and `b` are routers; everything that `c` hears is captured."""

    def __init__(self, prefix: str, directory: Path) -> None:
        self.prefix, self.directory = prefix, directory
        self.a, self.b = (Router(name, f"{prefix}-{name}", directory / name) for name in HOSTS[:2])
        self.watcher = f"{prefix}-c"
        self._capture = directory / "capture.pcap"

    def packets(self) -> list[Packet]:
        """What was heard so far, whole, as scapy decodes it."""
        return list(rdpcap(str(self._capture))) if self._capture.stat().st_size > 24 else []

    def adverts(self, router: Router) -> list[Packet]:
        """The advertisements of a router so far, from their IP headers on."""
        found = []
        for frame in self.packets():
            layer = frame.getlayer(IP) or frame.getlayer(IPv6)
            protocol = getattr(layer, "proto", getattr(layer, "nh", None))
            if protocol in (112, 51) and layer.src in (router.address, router.sixth):
                found.append(layer)
        return found


def wait_for(what: str, predicate: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for this: {what}"
        time.sleep(0.02)


@contextmanager
def network(directory: Path) -> Iterator[Network]:
    """A network for a while. What routers said is shown if the test fails."""
    prefix = f"vrio{os.getpid()}x{next(_numbers)}"
    made = Network(prefix, directory)
    names = [f"{prefix}-{name}" for name in ("lan", *HOSTS)]
    capture: subprocess.Popen[bytes] | None = None
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        _build(prefix)
        capture = subprocess.Popen(
            ["ip", "netns", "exec", made.watcher, sys.executable,
             str(Path(__file__).with_name("vrrp_capture.py")), str(directory / "capture.pcap")],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert capture.stdout is not None
        assert capture.stdout.readline() == b"ready\n"
        yield made
    finally:
        for router in (made.a, made.b):
            try:
                router.stop()
            except subprocess.TimeoutExpired:
                router.stop(signal.SIGKILL)
            print(f"--- {router.name} ({router.program}):\n{router.log}")
        if capture is not None:
            capture.kill()
            capture.communicate()
        for name in names:
            if Path(f"/run/netns/{name}").exists():
                ip("netns", "del", name)


def _build(prefix: str) -> None:
    lan = f"{prefix}-lan"
    ip("-n", lan, "link", "add", "br0", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
    # It learns nothing, like a hub: who watches hears what is for others too.
    ip("-n", lan, "link", "set", "br0", "up", "type", "bridge", "ageing_time", "0")
    for number, name in enumerate(HOSTS, 1):
        host = f"{prefix}-{name}"
        ip("-n", lan, "link", "add", "name", name, "type", "veth", "peer", "eth0", "netns", host)
        ip("-n", lan, "link", "set", "dev", name, "master", "br0", "up")
        # One link-local address that tests can know, without duplicate address detection.
        ip("-n", host, "link", "set", "eth0", "addrgenmode", "none")
        ip("-n", host, "address", "add", f"10.88.0.{number}/24", "dev", "eth0")
        ip("-n", host, "address", "add", f"fe80::{number}/64", "dev", "eth0", "nodad")
        ip("-n", host, "address", "add", f"2001:db8:88::{number}/64", "dev", "eth0", "nodad")
        ip("-n", host, "link", "set", "eth0", "up")


def _command(program: str, file: Path, directory: Path) -> list[str]:
    if program == "trimaran":
        command = str(Path(sys.executable).with_name("trimaran"))
        return [command, "run", "-f", str(file), "--run-dir", str(directory / "run")]
    words = ["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp"]
    words += [f"--use-file={file}", f"--pid={directory}/keepalived.pid"]
    return [*words, f"--vrrp_pid={directory}/vrrp.pid"]
