"""What configuring the XDP dataplane costs: ten thousand services of four servers each.

From nothing to all of them; then one server's weight, one service more and one less, by applying
all services with that one changed. CPU time stands beside the time that passed, because other work
may share the machine. Packets go to the changing service meanwhile: each must find a server.
Needs root.
"""

import argparse
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from trimaran.dataplane.base import DataplaneError, Destination, Service, Settings
from trimaran.dataplane.xdp.capacity import Capacity, power_of_two
from trimaran.dataplane.xdp.layout import Event
from trimaran.dataplane.xdp.loader import load
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.dataplane.xdp.ways import Neighbour
from trimaran.model.service import Protocol, ServerKey, ServiceKey

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "xdp"))

from frames import DIRECTOR_MAC, LOOPBACK, SYN, TX, tcp

from trimaran.dataplane.xdp import libbpf

_UNSHARED = "TRIMARAN_BENCH_UNSHARED"
FIRST_VIP, FIRST_SERVER = IPv4Address("10.1.0.0"), IPv4Address("10.2.0.0")
VIP_PORTS = 100
"""Services of one VIP, on as many ports."""
SERVERS = 4
REPEATS = 50


def services(count: int, scheduler: str) -> list[Service]:
    """That many, on VIPs of 100 ports, to as many servers as there are VIPs, four to each."""
    hosts = count // VIP_PORTS + SERVERS
    return [
        Service(
            ServiceKey(Protocol.TCP, FIRST_VIP + number // VIP_PORTS, 1000 + number % VIP_PORTS),
            Settings(scheduler),
            tuple(
                Destination(ServerKey(FIRST_SERVER + (number + place) % hosts, 80))
                for place in range(SERVERS)
            ),
        )
        for number in range(count)
    ]


def reweigh(service: Service, weight: int) -> Service:
    """The service with another weight of its first server."""
    first, *others = service.destinations
    return replace(service, destinations=(replace(first, weight=weight), *others))


class Packets(threading.Thread):
    """SYNs of ever new clients to a service, for as long as it is not stopped."""

    def __init__(self, plane: XdpDataplane, service: Service) -> None:
        super().__init__()
        self._plane = plane
        self._key = service.key
        self._stopped = threading.Event()
        self.sent = self.lost = 0

    def run(self) -> None:
        while not self._stopped.is_set():
            client = 1024 + self.sent % 60000
            frame = tcp(SYN, port=client, to=self._key.port, target=str(self._key.address))
            self.sent += 1
            self.lost += libbpf.run(self._plane.program, data=frame).value != TX

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds: CPU time of this thread, and what passed."""
    cpu, wall = time.thread_time(), time.monotonic()
    work()
    return 1000 * (time.thread_time() - cpu), 1000 * (time.monotonic() - wall)


def line(what: str, times: Sequence[tuple[float, float]]) -> str:
    cpu, wall = (statistics.median(column) for column in zip(*times, strict=True))
    worst = max(passed for _, passed in times)
    return f"{what:34}{cpu:10.2f}{wall:10.2f}{worst:10.2f}"


def measure(count: int, scheduler: str) -> None:
    """One run; prints a table."""
    rows = 2 * 256 * count if scheduler == "mh" else 1 << 18
    room = Capacity(1 << 16, power_of_two(count + 1), power_of_two((count + 1) * SERVERS), rows)
    loaded = load(room, print)
    plane = XdpDataplane(loaded)
    seconds = iter(range(100))

    def poll() -> None:
        plane.poll(next(seconds) * 10**9)

    try:
        all_of_them = services(count + 1, scheduler)
        for number in range(count // VIP_PORTS + SERVERS):
            way = Neighbour(bytes(6), DIRECTOR_MAC, LOOPBACK, 1500)
            plane.set_neighbour(FIRST_SERVER + number, way)
        plane.set_held({service.key.address for service in all_of_them})
        *wanted, another = all_of_them
        print(f"configuration: {count} services ({scheduler}), {count * SERVERS} real servers,")
        print(f"configuration: {loaded.memory >> 20} MiB of maps, connections included")
        print(f"{'milliseconds':34}{'CPU':>10}{'passed':>10}{'worst':>10}")
        print(line("all, from nothing", [timed(lambda: plane.apply(wanted))]))
        packets = Packets(plane, wanted[-1])
        packets.start()
        times = []
        for weight in range(2, 2 + REPEATS):
            wanted[-1] = reweigh(wanted[-1], weight)
            times.append(timed(lambda: plane.apply(wanted)))
            time.sleep(0.01)
        packets.stop()
        print(line("one server's weight", times))
        print(line("nothing", [timed(lambda: plane.apply(wanted)) for _ in range(REPEATS)]))
        print(line("one service more", [timed(lambda: plane.apply([*wanted, another]))]))
        print(line("one service less", [timed(lambda: plane.apply(wanted))]))
        print(line("sweep, rates, trash: each second", [timed(poll) for _ in range(6)]))
        print(line("none, from all", [timed(lambda: plane.apply([]))]))
        without = plane.events()[Event.NO_DESTINATION]
        print(
            f"configuration: {packets.sent} packets during the {REPEATS} changes of weight, "
            f"{packets.lost} without a server ({without} refused)"
        )
        if packets.lost or without:
            raise SystemExit("configuration: a packet saw half a service")
    finally:
        plane.close(remove=True)


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--scheduler", default="wlc")
    arguments = parser.parse_args()
    if _UNSHARED not in os.environ:
        os.environ[_UNSHARED] = "1"
        command = ["unshare", "--net", sys.executable, *sys.argv]
        os.execvp(command[0], command)
    measure(arguments.services, arguments.scheduler)


if __name__ == "__main__":
    try:
        main()
    except (DataplaneError, OSError) as error:
        sys.exit(f"configuration: {error}")
