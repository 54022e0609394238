"""How fast services and servers get into the kernel's IPVS, beside `ipvsadm -R`.

To be run as root where the kernel has IPVS; on a host without, in the VM:
`.venv/bin/python -m trimaran.lab.vm .venv/bin/python bench/ipvs.py 1000 10000`. Times
are of the same run and machine; what counts is the ratio. "apply" is desired against actual from
an empty table, "again" the same once more (an equal value, not the same object), "read" what a
start on a full table takes: all is read and compared.
"""

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from ipaddress import IPv4Address

from trimaran.dataplane.base import DataplaneError, Destination, Service, Settings
from trimaran.dataplane.ipvs.plane import IpvsDataplane
from trimaran.model.service import Protocol, ServerKey, ServiceKey

SERVERS = 4


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


def run(count: int) -> None:
    wanted, script = services(count), restore_script(services(count))
    entries = count * (1 + SERVERS)
    plane = IpvsDataplane.open()
    plane.flush()

    def restore() -> None:
        subprocess.run(["ipvsadm", "-R"], input=script, text=True, check=True)

    ipvsadm = timed(restore)
    plane.flush()
    first = timed(lambda: plane.apply(wanted))
    assert not plane.left_out()
    again = timed(lambda: plane.apply(services(count)) and sys.exit("not the same"))
    build = timed(lambda: services(count))
    other = IpvsDataplane.open()
    read = timed(lambda: other.apply(wanted) and sys.exit("not all was there"))
    one = timed(lambda: plane.review(100))
    other.close()
    gone = timed(plane.release)
    plane.close()
    again = max(again - build, 0.0)
    print(f"{count:,} services x {SERVERS} servers")
    print(f"  ipvsadm -R        {ipvsadm:8.2f} s  {entries / ipvsadm:8,.0f} entries/s")
    print(f"  apply             {first:8.2f} s  {entries / first:8,.0f} entries/s", end="")
    print(f"  {ipvsadm / first:.1f} x ipvsadm -R")
    print(f"  again             {again:8.3f} s  {again / first:8.1%} of the first")
    print(f"  read and compare  {read:8.2f} s  {read / first:8.1%} of the first")
    print(f"  review of 100     {one:8.3f} s")
    print(f"  remove            {gone:8.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[1000])
    counts = parser.parse_args().counts
    try:
        IpvsDataplane.open().close()
    except DataplaneError as error:
        sys.exit(f"bench/ipvs.py: {error}")
    print(f"IPVS of Linux {platform.release()}")
    for count in counts:
        run(count)


if __name__ == "__main__":
    main()
