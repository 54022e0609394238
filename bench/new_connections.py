"""What a balancer spends on a new TCP connection: wrk and nginx, each request a connection.

Paths through the middle (see middle.py) take turns:

- trimaran: direct routing; replies go past the balancer, as they are meant to
- trimaran, 50 µs apart: the same, l0 told to look for packets so seldom while they come
- redirect: the floor: an XDP program that writes other MACs and sends on all there is, no more
- routing: no balancer at all, both directions through the middle
- nft DNAT: nftables with connection tracking, both directions
- HAProxy: mode tcp

Twice: with kernel threads that take in what reaches l0 and l1, on a CPU of their own; their time,
and that of HAProxy's process. Then without such threads, as interfaces are unless told otherwise:
all on one CPU, and the time of all there is (client, server, HAProxy, softirqs) is compared with
that of connections with nothing in the middle.

`--profile` adds what l0's thread spends its time on (perf; `tools/setup bench`).
Needs root, two CPUs, and wrk, haproxy and nftables.
"""

import argparse
import contextlib
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TextIO

import samples
from middle import CLIENT, DIRECT, PAST, WEB, Middle, Way
from veth import PREFIX, REST_CPU, napi_threads, process_time, sh, threads_named

from trimaran.dataplane.base import DataplaneError

ROOT = Path(__file__).parents[1]
NOTHING = "nothing in the middle"
PROFILED = ("trimaran", "redirect", "routing")
FLOOR = 100
"""Connections a second that any way must manage, or something is broken."""


def middles_time(pids: list[int]) -> int:
    """Nanoseconds of the middle's threads, and of these processes."""
    threads = napi_threads()
    return sum(map(process_time, (threads["l0"], threads["l1"], *pids)))


def everybodys_time(servers: list[int], pids: list[int]) -> int:
    """Nanoseconds of the servers, of these processes, of the CPU's softirqs and of what has run and
    ended: the client."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    softirqs = threads_named(f"ksoftirqd/{REST_CPU}")
    running = sum(map(process_time, (*servers, *pids, *softirqs)))
    return running + int((ended.ru_utime + ended.ru_stime) * 1e9)


def sleeps() -> int:
    """How often l0's thread has gone to sleep: as often it was woken (proc(5), status)."""
    status = Path(f"/proc/{napi_threads()['l0']}/status").read_text()
    return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


def opens() -> int:
    """How many connections the client has opened so far (RFC 4022, tcpActiveOpens)."""
    lines = sh("grep ^Tcp: /proc/net/snmp", CLIENT).splitlines()
    names, values = (line.split() for line in lines)
    return int(values[names.index("ActiveOpens")])


def load(way: Way, seconds: int) -> float:
    """One run of wrk; how many seconds it took. Raises if it did not go well."""
    command = f"taskset -c {REST_CPU} wrk -t1 -c64 -d{seconds}s -H 'Connection: close'"
    said = sh(f"{command} http://{way.target}/", CLIENT)
    found = re.search(r"(\d+) requests in ([\d.]+)s", said)
    if not found or int(found[1]) < FLOOR * seconds or "Socket err" in said:
        raise OSError(f"{way.name}: {said}")
    return float(found[2])


def turn(way: Way, seconds: int, clock: Callable[[list[int]], int]) -> tuple[float, float, int]:
    """One run; microseconds a connection by this clock, connections a second, and how many."""
    sh(f"ip route replace 192.168.1.11/32 via {way.replies}", WEB)
    with way.use() as pids:
        opened, before = opens(), clock(pids)
        took = load(way, seconds)
        cost, opened = clock(pids) - before, opens() - opened
    return cost / opened / 1000, opened / took, opened


def with_threads(way: Way, seconds: int) -> None:
    """One turn; what the balancer costs."""
    slept = sleeps()
    cost, rate, opened = turn(way, seconds, middles_time)
    way.costs.append(cost)
    way.rates.append(rate)
    way.wakes.append((sleeps() - slept) / opened)


def on_one_cpu(way: Way, seconds: int, clock: Callable[[list[int]], int]) -> None:
    """One turn; what everything costs."""
    way.totals.append(turn(way, seconds, clock)[0])


def report(ways: list[Way], without: Way, file: TextIO | None) -> None:
    """Print both tables, and write the figures to the file."""
    print(
        f"{'new connections':24}{'µs of balancer each':>22}{'woken':>7}{'of one core':>14}"
        f"{'offered':>11}"
    )
    for way in ways:
        usual = statistics.median(way.costs)
        print(
            f"{way.name:24}{min(way.costs):13.1f} /{usual:7.1f}{statistics.median(way.wakes):7.2f}"
            f"{1e6 / usual:12,.0f}/s{statistics.median(way.rates):9,.0f}/s"
        )
    print(f"\n{'all on one CPU':24}{'µs of everything each':>22}{'more than without':>21}")
    nothing = statistics.median(without.totals)
    for way in (without, *ways):
        usual = statistics.median(way.totals)
        more = f"{min(way.totals) - min(without.totals):12.1f} /{usual - nothing:7.1f}"
        print(f"{way.name:24}{min(way.totals):13.1f} /{usual:7.1f}{more if way in ways else ''}")
    if file is not None:
        figures = {way.name: statistics.median(way.costs) for way in ways}
        for way in (without, *ways):
            figures[f"{way.name}, all on one CPU"] = statistics.median(way.totals)
        json.dump(figures, file)


def profile(ways: list[Way], seconds: int, directory: Path) -> str:
    """One more turn of some ways; what l0's thread does, as a table."""
    thread = napi_threads()["l0"]
    columns = {}
    for way in (way for way in ways if way.name in PROFILED):
        sh(f"ip route replace 192.168.1.11/32 via {way.replies}", WEB)
        with way.use():
            shares = samples.sample(thread, directory, partial(load, way, seconds))
        columns[way.name] = (shares, statistics.median(way.costs))
    return samples.table(columns, "µs a connection")


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of one turn")
    parser.add_argument("--profile", action="store_true", help="say what l0's thread does, too")
    parser.add_argument("--json", type=argparse.FileType("w"), help="write the figures there, too")
    arguments = parser.parse_args()
    subprocess.run(["make", "--silent", "-C", str(ROOT / "bench" / "xdpbench")], check=True)
    without = Way(NOTHING, PAST, DIRECT, partial(contextlib.nullcontext, []))
    profiled = ""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))
        directory.chmod(0o755)
        middle = Middle(stack, directory)
        ways = middle.ways()
        middle.use_threads(True)
        for _ in range(arguments.rounds):
            for way in ways:
                with_threads(way, arguments.seconds)
        if arguments.profile:
            profiled = profile(ways, 3 * arguments.seconds, directory)
        middle.use_threads(False)
        clock = partial(everybodys_time, middle.servers())
        for _ in range(arguments.rounds):
            for way in (without, *ways):
                on_one_cpu(way, arguments.seconds, clock)
    report(ways, without, arguments.json)
    if profiled:
        print(f"\n{profiled}")


if __name__ == "__main__":
    try:
        main()
    except (DataplaneError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"new_connections: {error}")
