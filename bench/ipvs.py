"""How fast services and servers get into the kernel's IPVS, beside `ipvsadm -R`.

To be run as root where the kernel has IPVS; on a host without, in the VM:
`.venv/bin/python -m trimaran.lab.vm .venv/bin/python bench/ipvs.py 1000 10000`. Times
are of the same run and machine; what counts is the ratio. "apply" is desired against actual from
an empty table, "again" the same once more (an equal value, not the same object), "read and
compare" what a start on a full table takes: all is read and compared.
"""

import argparse
import ctypes
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from ipaddress import IPv4Address

from trimaran.dataplane.base import DataplaneError, Destination, Service, Settings
from trimaran.dataplane.ipvs.plane import IpvsDataplane
from trimaran.model.service import Protocol, ServerKey, ServiceKey

SERVERS = 4
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET


def services(count: int) -> list[Service]:
    """Services on addresses from 10.0.0.1, each with four servers."""
    return [
        Service(
            ServiceKey(Protocol.TCP, IPv4Address("10.0.0.1") + number, 80),
            Settings("rr"),
            tuple(
                Destination(ServerKey(IPv4Address("10.128.0.1") + server, 80))
                for server in range(SERVERS)
            ),
        )
        for number in range(count)
    ]


def restore_script(wanted: list[Service]) -> str:
    """What `ipvsadm -S` would say of them."""
    lines = []
    for service in wanted:
        at = f"-t {service.key.address}:{service.key.port}"
        lines.append(f"-A {at} -s rr")
        lines += [f"-a {at} -r {d.key} -g -w {d.weight}" for d in service.destinations]
    return "\n".join(lines) + "\n"


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that each took."""

    ipvsadm: float
    apply: float
    again: float
    read: float
    remove: float


def measure(count: int) -> Times:
    """Once each: from an empty table, but for the last three."""
    wanted, same = services(count), services(count)
    script = restore_script(wanted)

    def restore() -> None:
        subprocess.run(["ipvsadm", "-R"], input=script, text=True, check=True)

    enter_fresh_namespace()
    ipvsadm = timed(restore)
    enter_fresh_namespace()
    plane, other = IpvsDataplane.open(), IpvsDataplane.open()
    times = Times(
        ipvsadm,
        apply=timed(lambda: plane.apply(wanted)),
        again=timed(lambda: plane.apply(same) and sys.exit("not the same")),
        read=timed(lambda: other.apply(wanted) and sys.exit("not all was there")),
        remove=timed(plane.release),
    )
    plane.close()
    other.close()
    return times


def enter_fresh_namespace() -> None:
    """Into a network namespace whose IPVS is empty: no removed server in it, either, through all
    of which the kernel looks for each that is added (ipvs-semantics 1.8, "trash")."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
        sys.exit(f"bench/ipvs.py: unshare: {os.strerror(ctypes.get_errno())}")
    # Without a routing table no address is that of a host.
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def report(count: int, rounds: list[Times]) -> None:
    """The best of each."""
    entries = count * (1 + SERVERS)
    best = Times(*(min(column) for column in zip(*map(astuple, rounds), strict=True)))
    print(f"{count:,} services x {SERVERS} servers")
    print(f"  ipvsadm -R        {best.ipvsadm:8.2f} s  {entries / best.ipvsadm:8,.0f} entries/s")
    print(
        f"  apply             {best.apply:8.2f} s  {entries / best.apply:8,.0f} entries/s", end=""
    )
    print(f"  {best.ipvsadm / best.apply:.1f} x ipvsadm -R")
    print(f"  again             {best.again:8.3f} s  {best.again / best.apply:8.1%} of the first")
    print(f"  read and compare  {best.read:8.2f} s  {best.read / best.apply:8.1%} of the first")
    print(f"  remove            {best.remove:8.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[1000])
    parser.add_argument("--rounds", type=int, default=2, help="taken in turns; the best counts")
    arguments = parser.parse_args()
    try:
        IpvsDataplane.open().close()
    except DataplaneError as error:
        sys.exit(f"bench/ipvs.py: {error}")
    print(f"IPVS of Linux {platform.release()}", flush=True)
    for count in arguments.counts:
        report(count, [measure(count) for _ in range(arguments.rounds)])


if __name__ == "__main__":
    main()
