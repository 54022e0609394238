"""What a packet costs in the XDP program, beside two others in the same run.

BPF_PROG_TEST_RUN through xdpbench/, which puts a fresh packet before each run and takes turns
between the programs: the floor swaps two MAC addresses, the anchor is a bare balancer (one hash
look-up, two entries a bucket, no lists, no MTU, no ICMP: see xdpbench/anchor.bpf.c). All figures
have the harness in them, and the floor is hardly more than that: "x floor" compares runs, it does
not say how many MAC swaps a packet costs. Needs root.
"""

import argparse
import ctypes
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimaran.dataplane.base import DataplaneError, Destination, Service, Settings
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.lab.vm.machine import MARK
from trimaran.model.service import Forwarding, Protocol, ServiceKey

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "xdp"))

from frames import ACK, DNS, HTTP, SYN, VIP, Director, server, server_mac, tcp, udp
from frames6 import HTTP6, Director6, server6, tcp6

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "build" / "xdpbench"
SERVERS = (101, 102, 103, 104)
PROGRAMS = ("floor", "anchor", "trimaran")
FLOWS = 1 << 20
_UNSHARED = "TRIMARAN_BENCH_UNSHARED"

DATA = bytes(10)  # to Ethernet's shortest frame, which is also xdpbench's
ESTABLISHED = tcp(ACK, data=DATA)
NEW_TCP = tcp(SYN, data=DATA)
IPV6 = tcp6(ACK, data=bytes(54))  # to 128 bytes, of which xdpbench puts back 64 or all
NEW_IPV6 = tcp6(SYN, data=bytes(54))
TUNNELLED = ServiceKey(Protocol.TCP, VIP, 81)
MASQUERADED = ServiceKey(Protocol.TCP, VIP, 82)
ALONE = ServiceKey(Protocol.TCP, VIP, 83)
"""Masqueraded to the first server only, on port 82 like the other service."""
METHODS = {
    HTTP: Forwarding.DIRECT_ROUTING,
    DNS: Forwarding.DIRECT_ROUTING,
    TUNNELLED: Forwarding.TUNNEL,
    MASQUERADED: Forwarding.MASQUERADING,
}


@dataclass(frozen=True, slots=True)
class Case:
    """`flows`: 0 for ever new ones. `first`: the packet that opens each flow beforehand.

    `anchored`: the anchor does the same, and its verdict is looked at. `flooded`: half-open
    connections from everywhere fill the table before it is measured.
    """

    name: str
    frame: bytes
    flows: int
    verdict: str = "XDP_TX"
    first: bytes | None = None
    burst: int = 100_000
    anchored: bool = True
    flooded: bool = False
    ipv6: bool = False

    def line(self, frame: bytes) -> str:
        """As xdpbench reads it: its flows differ in client address and port."""
        vary = 0 if self.flows == 1 else 6 if self.ipv6 else 4
        seeds = 1 if self.first and self.flows else 0
        verdict = "XDP_TX" if frame is self.first else self.verdict
        return f"{self.name}|{verdict}|{vary}|{self.flows}|{seeds}|{frame.hex()}\n"


CASES = (
    Case("TCP established, 1 flow", ESTABLISHED, 1, first=NEW_TCP),
    Case("TCP established, 16k flows", ESTABLISHED, 1 << 14, first=NEW_TCP),
    Case("TCP established, 1M flows", ESTABLISHED, FLOWS, first=NEW_TCP),
    Case("16k, after a SYN flood", ESTABLISHED, 1 << 14, first=NEW_TCP, flooded=True),
    Case(
        "same, in an IPIP tunnel",
        tcp(ACK, data=DATA, to=TUNNELLED.port),
        1,
        first=tcp(SYN, data=DATA, to=TUNNELLED.port),
    ),
    Case(
        "same, masqueraded",
        tcp(ACK, data=DATA, to=MASQUERADED.port),
        1,
        first=tcp(SYN, data=DATA, to=MASQUERADED.port),
    ),
    Case(
        "a masqueraded server's reply",
        tcp(ACK, data=DATA, port=82, to=20010, source=str(server(101).address), target="10.0.0.9"),
        1,
        "XDP_REDIRECT",
        first=tcp(SYN, data=DATA, to=ALONE.port),
        anchored=False,
    ),
    Case("IPv6 established, 1 flow", IPV6, 1, first=NEW_IPV6, anchored=False, ipv6=True),
    Case("IPv6 established, 16k flows", IPV6, 1 << 14, first=NEW_IPV6, anchored=False, ipv6=True),
    Case("IPv6 established, 1M flows", IPV6, FLOWS, first=NEW_IPV6, anchored=False, ipv6=True),
    Case("IPv6 new flows", NEW_IPV6, 0, burst=30_000, anchored=False, ipv6=True),
    # So many that the table fills to its capacity of 1M, and no further.
    Case("TCP new flows", NEW_TCP, 0, burst=30_000),
    Case("UDP new flows", udp(data=bytes(22)), 0, burst=30_000),
    Case("not a held VIP", tcp(ACK, data=DATA, target="192.168.1.11"), 1, "XDP_PASS"),
    Case("held VIP, no service", tcp(ACK, data=DATA, to=22), 1, "XDP_PASS"),
)

FLOOD = Case("flood", tcp(SYN, data=DATA, to=TUNNELLED.port), 0, burst=4_000_000)


def load_anchor() -> libbpf.BpfObject:
    """The anchor with the same services and servers; it knows direct routing only."""
    anchor = libbpf.BpfObject(BUILT / "anchor.bpf.o")
    anchor.load()

    def put(name: str, key: bytes, value: bytes) -> None:
        libbpf.update(anchor.map_descriptor(name), key, value)

    for number, service in enumerate((*METHODS, ALONE)):
        key = VIP.packed + service.port.to_bytes(2, "big") + bytes([service.protocol.number, 0])
        put("vips", key, number.to_bytes(4, "little") + bytes(4))
        ring = b"".join((1 + i % len(SERVERS)).to_bytes(2, "little") for i in range(65536))
        put("rings", number.to_bytes(4, "little"), ring)
    for number, last in enumerate(SERVERS, start=1):
        address = server(last).address.packed
        put("reals", number.to_bytes(4, "little"), server_mac(last) + bytes(2) + address + bytes(4))
    return anchor


def open_director(flows: int = FLOWS) -> Director:
    """trimaran's own program with a service for each method, and room for so many flows."""
    capacity = Capacity(flows=flows, flows6=flows)
    director = Director(XdpDataplane.open(capacity, log=lambda line: None))
    Director6(director)  # which holds an IPv6 address, too
    alone = Destination(server(SERVERS[0], MASQUERADED.port), forwarding=Forwarding.MASQUERADING)
    director.plane.apply(
        [
            Service(
                key,
                Settings("rr"),
                tuple(
                    Destination(server(last, key.port), forwarding=forwarding) for last in SERVERS
                ),
            )
            for key, forwarding in METHODS.items()
        ]
        + [
            Service(ALONE, Settings("rr"), (alone,)),
            Service(HTTP6, Settings("rr"), tuple(Destination(server6(n)) for n in SERVERS)),
        ]
    )
    return director


def lay_route() -> None:
    """A way for replies to clients, by another interface, so that they leave by redirection."""
    for command in (
        "ip link set lo up",
        "ip link add out type veth peer name wire",
        "ip address add 10.0.0.1/8 dev out",
        "ip link set out up",
        "ip link set wire up",
        "ip neigh add 10.0.0.9 lladdr 02:00:00:00:fe:fe dev out",
        "sysctl -qw net.ipv4.ip_forward=1",
    ):
        subprocess.run(command.split(), check=True)


@contextmanager
def pins(programs: dict[str, int]) -> Iterator[list[str]]:
    """xdpbench's targets: the floor, and loaded programs pinned in a bpffs for as long."""
    library = ctypes.CDLL("libbpf.so.1", use_errno=True)
    with tempfile.TemporaryDirectory(prefix="trimaran-bench-") as directory:
        subprocess.run(["mount", "-t", "bpf", "bpf", directory], check=True)
        try:
            targets = [f"--target=floor={BUILT / 'nop.bpf.o'}:macswap"]
            for name, descriptor in programs.items():
                path = f"{directory}/{name}"
                if library.bpf_obj_pin(descriptor, path.encode()) < 0:
                    raise OSError(ctypes.get_errno(), "pin", path)
                targets.append(f"--target={name}=@{path}")
            yield targets
        finally:
            subprocess.run(["umount", directory], check=True)


@contextmanager
def under_test(flows: int = FLOWS) -> Iterator[tuple[Director, list[str]]]:
    """trimaran's program, loaded, and all of xdpbench's targets."""
    lay_route()
    director, anchor = open_director(flows), load_anchor()
    try:
        loaded = {"anchor": anchor.program_descriptor("anchor"), "trimaran": director.plane.program}
        with pins(loaded) as targets:
            yield director, targets
    finally:
        anchor.close()
        director.plane.close(remove=True)


def xdpbench(targets: list[str], case: Case, frame: bytes, bursts: int, burst: int) -> Any:
    """Runs one case; the results by target. Raises `SystemExit` on a wrong verdict."""
    with tempfile.NamedTemporaryFile("w", suffix=".cases") as cases:
        cases.write(case.line(frame))
        cases.flush()
        cpu = max(os.sched_getaffinity(0))
        options = [f"--harness={BUILT / 'harness.bpf.o'}", f"--cases={cases.name}", f"--cpu={cpu}"]
        options += [f"--bursts={bursts}", f"--burst={burst}", "--json"]
        command = ["chrt", "--fifo", "1", str(BUILT / "xdpbench"), *options, *targets]
        limit = None if MARK in os.environ else 120  # in the VM, time may leap
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=limit)
    results = {line["target"]: line for line in map(json.loads, done.stdout.splitlines())}
    for name in PROGRAMS[1 if case.anchored else 2 :]:
        if not results[name]["ok"]:
            raise SystemExit(f"xdp: {case.name}: {name} answered {results[name]['verdict']}")
    return results


def clear(director: Director, targets: list[str], case: Case) -> None:
    """A table that has the case's connections and no others."""
    tables = director.plane.tables
    for memory in (tables.flows, tables.flows6, tables.counters):
        memory[...] = 0
    if case.first:
        xdpbench(targets, case, case.first, 1, 1)


def measure(director: Director, targets: list[str], case: Case, bursts: int) -> tuple[float, str]:
    """One case on an empty table; how many floors it is, and the line to print."""
    tables = director.plane.tables
    clear(director, targets, case)
    if case.flooded:
        xdpbench(targets, case, case.frame, 1, case.flows)  # so that none is half-open itself
        xdpbench(targets, FLOOD, FLOOD.frame, 1, FLOOD.burst)
    results = xdpbench(targets, case, case.frame, bursts, case.burst)
    if case.flooded:
        established = director.plane.live_flows()["ESTABLISHED"]
        if established != case.flows:
            raise SystemExit(f"xdp: {case.name}: {case.flows - established} connections given up")
    flows = tables.flows6["flow"] if case.ipv6 else tables.flows
    entries = int((flows["control"] != 0).sum())
    sent = case.flows or (bursts + 1) * case.burst
    if case.verdict == "XDP_TX" and not case.flooded and not 0.999 * sent <= entries <= sent + 1:
        raise SystemExit(f"xdp: {case.name}: {entries} connections entered, not {sent}")
    times = "".join(f"{results[n]['min']:9.0f} /{results[n]['med']:5.0f}" for n in PROGRAMS)
    floor, anchor, ours = (results[name]["med"] for name in PROGRAMS)
    return ours / floor, f"{case.name:27}{times}{ours / floor:9.1f}{ours / anchor:9.2f}"


def machine() -> str:
    """What it ran on."""
    model = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return (
        f"{model}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"{platform.system()} {platform.release()}"
    )


def main() -> None:
    """Parse the arguments, measure each case, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bursts", type=int, default=31, help="interleaved repeats of a case")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--json", type=argparse.FileType("w"), help="write the ratios there, too")
    arguments = parser.parse_args()
    if _UNSHARED not in os.environ:
        # No running director is found and taken over, and the mount ends with this process.
        os.environ[_UNSHARED] = "1"
        command = ["unshare", "--net", "--mount", sys.executable, *sys.argv]
        os.execvp(command[0], command)
    subprocess.run(["make", "--silent", "-C", str(ROOT / "bench" / "xdpbench")], check=True)

    print(f"xdp: {machine()}: a noisy machine, trust ratios")
    print(f"xdp: ns a packet, min / median of {arguments.bursts} bursts taken in turn")
    print(f"{'':27}{''.join(f'{name:>16}' for name in PROGRAMS)}  x floor x anchor", flush=True)
    ratios = {}
    with under_test() as (director, targets):
        for case in CASES:
            if arguments.only in case.name:
                ratios[case.name], line = measure(director, targets, case, arguments.bursts)
                print(line, flush=True)
    if arguments.json is not None:
        json.dump(ratios, arguments.json)


if __name__ == "__main__":
    try:
        main()
    except (DataplaneError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"xdp: {error}")
    except KeyboardInterrupt:
        sys.exit("xdp: interrupted")
