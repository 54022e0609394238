"""What a TCP check costs: CPU-seconds per 1,000 checks on loopback (the goal: at most 0.05).

The checker runs as in the daemon, at a steady rate, against a listening socket of its own. On
loopback the server's side of the handshake is paid by the same process, so the figure includes
it. Then a whole director makes them, as master at adverts of 100 ms: how evenly they start, and
whether an advert is late for it. Prints two lines; `make bench` runs it. Needs root.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import sys
import time
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

import adverts
from watching import child_pid, router, watch

from trimaran.daemon.checker import Checker
from trimaran.daemon.messages import ServersStatus
from trimaran.lab import lab as labs
from trimaran.lab.host import LabHost, wait_until
from trimaran.model.check import CheckTiming, TcpCheck
from trimaran.model.duration import SECOND
from trimaran.model.service import (
    Forwarding,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    VirtualService,
)

_SERVERS = IPv4Address("10.20.0.0")
_LISTENER = "import socket, time\ns = socket.create_server(('', 80), backlog=1)\ntime.sleep(99)"
# Prints how many connections this namespace has begun in each 100 ms.
_SAMPLER = """
import json, sys, time
def opened():
    head, values = (l.split() for l in open("/proc/self/net/snmp") if l.startswith("Tcp:"))
    return int(values[head.index("ActiveOpens")])
counts, begin = [opened()], time.monotonic()
for number in range(1, round(float(sys.argv[1]) * 10) + 1):
    time.sleep(max(0, begin + number / 10 - time.monotonic()))
    counts.append(opened())
print(json.dumps([b - a for a, b in zip(counts, counts[1:])]))
"""


def service_on_loopback(port: int, servers: int, delay_loop: int) -> VirtualService:
    """One service with so many real servers, each on its own loopback address."""
    first = IPv4Address("127.1.0.1")
    timing = CheckTiming(delay_loop=delay_loop)
    return VirtualService(
        ServiceKey(Protocol.TCP, IPv4Address("192.0.2.1"), 80),
        "rr",
        Forwarding.DIRECT_ROUTING,
        tuple(
            RealServer(
                ServerKey(first + i, port), checks=(TcpCheck(first + i, port, timing=timing),)
            )
            for i in range(servers)
        ),
    )


async def measure(servers: int, rate: int, seconds: float) -> str:
    """Run at `rate` checks a second; return the line to print."""
    standings: dict[ServerKey, bool | None] = {}

    def take(said: ServersStatus) -> None:
        standings.update({one.server: one.up for one in said.servers})

    listener = socket.create_server(("0.0.0.0", 0), backlog=1)
    checker = Checker(take)
    delay_loop = servers * SECOND // rate
    checker.configure((service_on_loopback(listener.getsockname()[1], servers, delay_loop),))
    await asyncio.sleep(1.0)

    attempts, cpu, wall = checker.attempts, time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    attempts = checker.attempts - attempts
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    await checker.close()
    listener.close()

    up = sum(one is True for one in standings.values())
    return (
        f"checks: {1000 * cpu / attempts:.3f} CPU-seconds per 1,000 TCP checks on loopback "
        f"({attempts / wall:,.0f} checks/s asked {rate:,}, {cpu / wall:.0%} of a core, "
        f"{up} of {servers} servers up)"
    )


def config(servers: int, rate: int) -> str:
    """A master at adverts of 100 ms, and so many real servers in services of 100 each."""
    delay = servers / rate
    services = [
        f"virtual_server 192.168.1.10 {1000 + number} {{\n delay_loop {delay:g}\n protocol TCP\n"
        + " lvs_method DR\n"
        + "".join(
            f" real_server {_SERVERS + 100 * number + i} {1000 + number} {{\n"
            "  TCP_CHECK {\n   connect_port 80\n   connect_timeout 2\n  }\n }\n"
            for i in range(100)
        )
        + "}\n"
        for number in range(servers // 100)
    ]
    return adverts.CONFIG + "".join(services)


def in_a_lab(servers: int, rate: int, seconds: float) -> str:
    """The same by a whole director, to servers on another host; its adverts, seen by a client."""
    with labs.running(f"tb-{os.getpid()}", services=False) as lab:
        director, web = lab.host("lb1"), lab.web_servers[0]
        web.output(["ip", "route", "add", "local", f"{_SERVERS}/16", "dev", "lo"])
        web.start([sys.executable, "-c", _LISTENER])
        director.output(["ip", "route", "add", f"{_SERVERS}/16", "via", str(web.address)])
        (director.directory / "trimaran.conf").write_text(config(servers, rate))
        director.start_service(timeout=60)
        wait_until("it is master", lambda: router(director).get("state") == "MASTER", 60)
        wait_until("all are up", lambda: servers_up(director) == servers, 60)
        checker = child_pid(director, "checker")
        with watch(lab.host("client")) as watched:
            cpu = cpu_seconds(checker)
            sampler = [sys.executable, "-c", _SAMPLER, str(seconds)]
            opened = json.loads(director.output(sampler, timeout=seconds + 30))
            cpu = cpu_seconds(checker) - cpu
            frames = watched.frames(kind="vrrp", source=str(director.address))
    times = [frame["time"] for frame in frames]
    errors = [abs(b - a - adverts.INTERVAL) * 1e6 for a, b in pairwise(times)]
    number = sum(opened)
    mean = number / len(opened)
    return (
        f"checks: {1000 * cpu / number:.3f} CPU-seconds per 1,000 TCP checks by a director "
        f"({number / seconds:,.0f} checks/s asked {rate:,}; started in each 100 ms: "
        f"{min(opened) / mean:.0%} to {max(opened) / mean:.0%} of the mean); adverts of 100 ms "
        f"meanwhile: error of a gap p50 {statistics.median(errors):,.0f} us, "
        f"max {max(errors):,.0f} us of {len(errors)}"
    )


def servers_up(director: LabHost) -> int:
    """How many real servers are up."""
    services = (director.status() or {"services": []})["services"]
    return sum(server["up"] is True for service in services for server in service["servers"])


def cpu_seconds(process: int) -> float:
    """User and system time so far (proc(5))."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=5000, help="checks a second")
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    print(asyncio.run(measure(arguments.servers, arguments.rate, arguments.seconds)), flush=True)
    print(in_a_lab(arguments.servers, arguments.rate, arguments.seconds))


if __name__ == "__main__":
    main()
