"""What a TCP check costs: CPU-seconds per 1,000 checks on loopback (the goal: at most 0.05).

The checker runs as in the daemon, at a steady rate, against a listening socket of its own. On
loopback the server's side of the handshake is paid by the same process, so the figure includes
it. Prints one line; `make bench` runs it.
"""

import argparse
import asyncio
import socket
import time
from ipaddress import IPv4Address

from trimaran.daemon.checker import Checker
from trimaran.daemon.messages import ServersStatus
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


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=5000, help="checks a second")
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    print(asyncio.run(measure(arguments.servers, arguments.rate, arguments.seconds)))


if __name__ == "__main__":
    main()
