"""Packets a second of one core's time, through veth pairs (see veth.py): the paths take turns.

- MAC swap: the floor, back out of the interface that the frame came in by (XDP_TX)
- redirect: the floor of what goes out of another interface: other MACs, bpf_redirect to l1
- trimaran: direct routing of established TCP
- anchor: the least that balances at all (xdpbench/anchor.bpf.c), back out of l0
- routing: the kernel's own, without any load balancer (kernel IPVS costs more, and is not here);
  behind a program that passes everything, or a veth takes no such frames
- nft DNAT: nftables with connection tracking

`--profile` adds what l0's thread spends its time on (perf; `tools/setup bench`).
Needs root, nftables and two CPUs.
"""

import argparse
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import TextIO

from trimaran.dataplane.base import DataplaneError, Destination, Service, Settings
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.dataplane.xdp.ways import Neighbour
from trimaran.model.service import Protocol, ServerKey, ServiceKey

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "xdp"))

import samples
from frames import ACK, SYN, tcp
from veth import BUILT, LB, MACS, PREFIX, REST_CPU, Network, aim_redirect, sh, within

from xdp import load_anchor

ROOT = Path(__file__).parents[1]
VIP = IPv4Address("192.168.1.10")
SERVERS = tuple(IPv4Address("192.168.2.101") + number for number in range(4))
FEW, MANY = 1 << 14, 1 << 20
PROFILED = ("MAC swap", "redirect", "anchor", "trimaran", "  1M flows, 4 x as long")
BURSTS = 8
"""To take samples of."""
DNAT = f"""
table ip bench {{
    chain prerouting {{
        type nat hook prerouting priority dstnat;
        ip daddr {VIP} tcp dport 80 dnat to jhash ip saddr . tcp sport mod {len(SERVERS)} map {{
            {", ".join(f"{number} : {server}" for number, server in enumerate(SERVERS))} }}
    }}
}}
"""


@dataclass(slots=True)
class Way:
    """One way through the middle. `up` and `down` are called around each burst.

    `opening`: flags of the segment that opens each flow. (Connection tracking takes an ACK that it
    knows nothing of for a connection under way, but not one after a SYN without an answer.)
    `turns`: so much longer than the others. `meanwhile` is run beside each burst.
    """

    name: str
    flows: int
    target: IPv4Address
    up: Callable[[], None]
    down: Callable[[], None]
    opening: int | None = None
    turns: int = 1
    meanwhile: Callable[[], object] | None = None
    times: list[float] = field(default_factory=list)

    def burst(self, network: Network, packets: int) -> None:
        """One turn; `times` gets nanoseconds a packet."""
        self.up()
        try:
            if self.opening is not None:
                network.aim(tcp(self.opening, target=str(self.target)), self.flows)
                network.send(self.flows, gently=True)
                self.opening = None
            network.aim(tcp(ACK, data=bytes(10), target=str(self.target)), self.flows)
            packets *= self.turns
            beside = threading.Thread(target=self.meanwhile or int)
            beside.start()
            arrived, spent = network.send(packets)
            beside.join()
            if arrived < packets // 50:
                raise SystemExit(f"forwarding: {self.name}: of {packets} only {arrived} arrived")
            self.times.append(spent / arrived)
        finally:
            self.down()


def open_director() -> XdpDataplane:
    """trimaran in the middle, with room for 1M flows and all servers behind l1."""
    with within(LB):
        plane = XdpDataplane.open(Capacity(MANY), log=lambda line: None)
        out = socket.if_nametoindex("l1")
        for server in SERVERS:
            plane.set_neighbour(server, Neighbour(MACS["s0"], MACS["l1"], out, 1500))
        servers = tuple(Destination(ServerKey(server, 80)) for server in SERVERS)
        plane.set_held([VIP])
        plane.apply([Service(ServiceKey(Protocol.TCP, VIP, 80), Settings("rr"), servers)])
    return plane


def all_ways(plane: XdpDataplane, anchor: int, swap: int, redirect: int, passing: int) -> list[Way]:
    """All ways; each leaves nothing on l0."""

    def attach() -> None:
        with within(LB):
            plane.attach("l0")

    def detach() -> None:
        with within(LB):
            plane.detach("l0")

    def put(program: int) -> None:
        with within(LB):
            index = socket.if_nametoindex("l0")
            libbpf.xdp_attach(index, program, libbpf.XDP_FLAGS_DRV_MODE)

    def take(program: int) -> None:
        with within(LB):
            index = socket.if_nametoindex("l0")
            libbpf.xdp_detach(index, program, libbpf.XDP_FLAGS_DRV_MODE)

    seconds = itertools.count()

    def sweep() -> None:
        """What is done each second."""
        os.sched_setaffinity(threading.get_native_id(), {REST_CPU})
        plane.poll(next(seconds) * 10**9)

    def listing() -> None:
        os.sched_setaffinity(threading.get_native_id(), {REST_CPU})
        plane.live_flows()

    def translate() -> None:
        put(passing)
        sh("nft -f -", LB, DNAT)

    def flush() -> None:
        take(passing)
        sh("nft flush ruleset", LB)

    swaps = partial(put, swap), partial(take, swap)
    redirects = partial(put, redirect), partial(take, redirect)
    anchors = partial(put, anchor), partial(take, anchor)
    passes = partial(put, passing), partial(take, passing)
    return [
        Way("MAC swap", FEW, VIP, *swaps),
        Way("redirect", FEW, VIP, *redirects),
        Way("trimaran, 1 flow", 1, VIP, attach, detach, SYN),
        Way("trimaran", FEW, VIP, attach, detach, SYN),
        Way("trimaran, 1M flows", MANY, VIP, attach, detach, SYN),
        Way("  1M flows, 4 x as long", MANY, VIP, attach, detach, turns=4),
        Way("  swept meanwhile", MANY, VIP, attach, detach, turns=4, meanwhile=sweep),
        Way("  listed meanwhile", MANY, VIP, attach, detach, turns=4, meanwhile=listing),
        Way("anchor", FEW, VIP, *anchors, SYN),
        Way("anchor, 1M flows", MANY, VIP, *anchors, SYN),
        Way("routing", FEW, SERVERS[0], *passes),
        Way("routing, 1M flows", MANY, SERVERS[0], *passes),
        Way("nft DNAT", FEW, VIP, translate, flush, ACK),
    ]


def prepare() -> None:
    """Addresses and routes of the middle."""
    for setting in ("ip_forward=1", "conf.all.rp_filter=0", "conf.l0.rp_filter=0"):
        sh(f"sysctl -qw net.ipv4.{setting}", LB)
    sh("ip addr add 192.168.1.1/24 dev l0", LB)
    sh("ip addr add 192.168.2.1/24 dev l1", LB)
    sh(f"ip addr add {VIP}/32 dev l0", LB)
    sh(f"ip neigh add 192.168.1.254 lladdr {MACS['g0'].hex(':')} dev l0", LB)
    sh("ip route add 10.64.0.0/10 via 192.168.1.254", LB)
    for server in SERVERS:
        sh(f"ip neigh add {server} lladdr {MACS['s0'].hex(':')} dev l1", LB)
    # Nobody computes the checksums of these packets.
    sh("nft -f -", LB, DNAT)
    sh("sysctl -qw net.netfilter.nf_conntrack_checksum=0", LB)
    sh("nft flush ruleset", LB)


def profile(ways: list[Way], network: Network, packets: int) -> str:
    """More turns of some ways; what l0's thread does for a packet, as a table."""
    columns = {}
    with tempfile.TemporaryDirectory(prefix=PREFIX) as directory:
        for way in (way for way in ways if way.name in PROFILED):
            usual = statistics.median(way.times)

            def bursts(way: Way = way) -> None:
                for _ in range(BURSTS):
                    way.burst(network, packets)

            shares = samples.sample(network.thread, Path(directory), bursts)
            columns[way.name.strip()] = (shares, usual)
    return samples.table(columns, "ns a packet")


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--packets", type=int, default=400_000, help="of one turn")
    parser.add_argument("--profile", action="store_true", help="say what l0's thread does, too")
    parser.add_argument("--json", type=argparse.FileType("w"), help="write the ratios there, too")
    arguments = parser.parse_args()
    subprocess.run(["make", "--silent", "-C", str(ROOT / "bench" / "xdpbench")], check=True)
    programs = libbpf.BpfObject(BUILT / "nop.bpf.o")
    programs.load()
    with Network() as network:
        prepare()
        with within(LB):
            aim_redirect(programs, MACS["s0"], MACS["l1"], "l1")
        plane, anchor = open_director(), load_anchor()
        ways = all_ways(
            plane,
            anchor.program_descriptor("anchor"),
            *(programs.program_descriptor(name) for name in ("macswap", "redirect", "nop_pass")),
        )
        for _ in range(arguments.rounds):
            for way in ways:
                way.burst(network, arguments.packets)
        report(ways, arguments.json)
        if arguments.profile:
            print(f"\n{profile(ways, network, arguments.packets)}")
        plane.close(remove=True)
        anchor.close()
    programs.close()


def report(ways: list[Way], file: TextIO | None) -> None:
    """Print a table, and the shares of the floor to the file."""
    usual = {way.name.strip(): statistics.median(way.times) for way in ways}
    shares = {name: usual["MAC swap"] / time for name, time in usual.items()}
    print(f"{'forwarding: one core':25}{'ns a packet':>16}{'packets/CPU-s':>16}{'of MAC swap':>13}")
    for way in ways:
        time = usual[way.name.strip()]
        share = shares[way.name.strip()]
        print(f"{way.name:25}{min(way.times):8.0f} /{time:6.0f}{1e9 / time:16,.0f}{share:13.0%}")
    for over in ("routing", "nft DNAT"):
        print(f"trimaran is {shares['trimaran'] / shares[over]:.1f} times {over} (16k flows)")
    if file is not None:
        json.dump(shares, file)


if __name__ == "__main__":
    try:
        main()
    except (DataplaneError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"forwarding: {error}")
