"""What taking over ten thousand virtual addresses costs the daemon's processes.

One director in a lab holds them all beside one service each. CPU time stands beside the time that
passed, because other work may share the machine. Needs root.
"""

import argparse
import os
import sys
import time
from ipaddress import IPv4Address

from trimaran.lab import lab as labs
from trimaran.lab.errors import LabError
from trimaran.lab.host import LabHost, wait_until

FIRST_VIP = IPv4Address("10.1.0.0")
PREFIX = "trimaran-bench-addresses"
QUIET_SECONDS = 3.0
PATIENCE = 120.0
"""Seconds until all are there; with twenty thousand the bench gives up on nothing slower."""

ROUTER = """\
vrrp_instance ip1 {{
  interface eth1
  virtual_router_id 1
  priority 150
  advert_int 1
  virtual_ipaddress {{
    192.168.1.10/24
  }}
  virtual_ipaddress_excluded {{
{excluded}  }}
}}
"""
SERVICE = """\
virtual_server {vip} 80 {{
  lvs_sched rr
  lvs_method DR
  protocol TCP
  real_server 192.168.1.201 80 {{
  }}
}}
"""


def configuration(count: int) -> str:
    vips = [str(FIRST_VIP + number) for number in range(count)]
    excluded = "".join(f"    {vip}/32\n" for vip in vips)
    return ROUTER.format(excluded=excluded) + "".join(SERVICE.format(vip=vip) for vip in vips)


def cpu_seconds(director: LabHost) -> dict[str, float]:
    """By process: what it has used since it began."""
    status = director.status() or {"processes": []}
    used = {}
    for process in status["processes"]:
        with open(f"/proc/{process['pid']}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        used[process["name"]] = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
    return used


def held(director: LabHost) -> int:
    """How many addresses the interface has."""
    return director.output(["ip", "-4", "-oneline", "address", "show", "dev", "eth1"]).count("\n")


def settled(director: LabHost) -> dict[str, float]:
    """CPU seconds by process, once they rise no more than an idle daemon's do."""
    before = cpu_seconds(director)
    while True:
        time.sleep(QUIET_SECONDS)
        after = cpu_seconds(director)
        if all(after[name] - before.get(name, 0) < 0.1 * QUIET_SECONDS for name in after):
            return after
        before = after


def measure(count: int) -> None:
    """One run; prints a table."""
    with labs.running(PREFIX, services=False) as lab:
        lb1 = lab.host("lb1")
        (lb1.directory / "trimaran.conf").write_text(configuration(count))
        lb1.start_service(PATIENCE)
        # `master` is no yardstick of its own: what matters begins with the first address.
        wait_until("the first address", lambda: held(lb1) > 1, PATIENCE)
        begin, before = time.monotonic(), cpu_seconds(lb1)
        wait_until("all addresses", lambda: held(lb1) > count, PATIENCE)
        passed = time.monotonic() - begin
        print(f"addresses: {count} after {passed:.1f} s; CPU seconds since the first one:")
        for name, used in settled(lb1).items():
            print(f"addresses: {name:8} {used - before.get(name, 0):6.2f}")


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=10_000)
    measure(parser.parse_args().addresses)


if __name__ == "__main__":
    try:
        main()
    except (LabError, OSError) as error:
        sys.exit(f"addresses: {error}")
