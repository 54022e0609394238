"""How long it takes to list a million connections of the XDP dataplane, and to count them.

In a network namespace of its own: a full table, whose entries are written rather than made by
packets, and then the commands that an operator types. Needs root.
"""

import os
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np

from trimaran.dataplane.base import Destination, Settings, TcpState
from trimaran.dataplane.steps import AddDestination, AddService
from trimaran.dataplane.xdp import layout
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.dataplane.xdp.view import XdpView
from trimaran.model.service import Protocol, ServerKey, ServiceKey

NAMESPACE = "trimaran-bench-listing"
CONNECTIONS = 1_000_000
SERVERS = 16
RUNS = 5
HERE = Path(__file__)
ALIAS = Path(sys.executable).with_name("trimaran-ipvsadm")
TRIMARAN = Path(sys.executable).with_name("trimaran")

VIP = IPv4Address("192.168.1.10")
STATES = (TcpState.ESTABLISHED, TcpState.FIN_WAIT, TcpState.SYN_RECV, TcpState.CLOSE)


def main() -> None:
    """Make the namespace, and measure inside of it."""
    if sys.argv[1:] == ["inside"]:
        measure()
        return
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    try:
        inside = ["ip", "netns", "exec", NAMESPACE]
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        subprocess.run([*inside, sys.executable, str(HERE), "inside"], check=True)
    finally:
        subprocess.run(["ip", "netns", "del", NAMESPACE], check=True)


def measure() -> None:
    """Fill the table, and time the commands."""
    plane = XdpDataplane.open(log=lambda line: None)
    plane.attach("lo")
    fill(plane)
    print(f"listing: {CONNECTIONS:,} connections on XDP, {RUNS} runs, {os.cpu_count()} CPUs")
    print("command                          min s   median s   max s   memory MB")
    timed("ipvsadm -Lnc", [str(ALIAS), "-Lnc"], lines=CONNECTIONS + 2)
    timed("ipvsadm -Ln", [str(ALIAS), "-Ln"], lines=SERVERS + 4)
    timed("xdp status", [str(TRIMARAN), "xdp", "status"])
    counts = sorted(seconds_to_count(plane) for _ in range(RUNS))
    print(f"of which counting by state {counts[0] * 1e3:9.0f} ms {counts[RUNS // 2] * 1e3:5.0f} ms")
    plane.close(remove=True)


def fill(plane: XdpDataplane) -> None:
    """A service with servers, and connections spread over the whole table."""
    key = ServiceKey(Protocol.TCP, VIP, 80)
    plane.execute(AddService(key, Settings("rr")))
    for number in range(SERVERS):
        server = ServerKey(IPv4Address("192.168.1.100") + number, 80)
        plane.execute(AddDestination(key, Destination(server)))
    fields = plane.tables.flows.view(layout.FLOW_FIELDS)
    random = np.random.default_rng(1)
    taken = random.choice(len(fields), CONNECTIONS, replace=False)
    rows = np.zeros(CONNECTIONS, dtype=layout.FLOW_FIELDS)
    rows["client"] = random.integers(1 << 24, 223 << 24, CONNECTIONS)
    rows["client_port"] = random.integers(1024, 65536, CONNECTIONS)
    rows["virtual"], rows["virtual_port"] = int(VIP), 80
    rows["protocol"] = Protocol.TCP.number
    ends = int(plane.tables.tick()) + random.integers(600, 900, CONNECTIONS) * 16
    state = random.choice([int(state) for state in STATES], CONNECTIONS)
    rows["control"] = (
        (ends & 0xFFFFFFFF)
        | random.integers(0, SERVERS, CONNECTIONS) << layout.DESTINATION_SHIFT
        | state << layout.STATE_SHIFT
    ).astype(np.uint64) | np.uint64(layout.PHASE_LIVE << layout.PHASE_SHIFT)
    fields[taken] = rows


def timed(name: str, command: list[str], lines: int | None = None) -> None:
    """Run it with its output counted, and print one line."""
    seconds, memory = [], 0
    for _ in range(RUNS):
        begin = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            found = sum(
                part.count(b"\n") for part in iter(lambda: process.stdout.read(1 << 20), b"")
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds.append(time.perf_counter() - begin)
        memory = max(memory, usage.ru_maxrss)
        if process.returncode or (lines is not None and found != lines):
            raise SystemExit(f"{name}: status {process.returncode}, {found} lines")
    seconds.sort()
    print(
        f"{name:30} {seconds[0]:7.2f} {seconds[RUNS // 2]:10.2f} {seconds[-1]:7.2f} "
        f"{memory / 1024:11.0f}"
    )


def seconds_to_count(view: XdpView) -> float:
    """The time that counting takes, start of a process apart."""
    begin = time.perf_counter()
    counted = sum(view.live_flows().values())
    assert counted == CONNECTIONS
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
