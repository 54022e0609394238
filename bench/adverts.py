"""How late adverts are while every CPU is busy: trimaran, and keepalived beside it.

One after the other they are lb1 in the same lab, with the same file, against four busy loops.
The client's kernel stamps the adverts that come in; the error of a gap between two is its
distance from advert_int. Needs root.
"""

import os
import shutil
import statistics
import subprocess
import sys
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

from trimaran.lab import lab as labs
from trimaran.lab.errors import LabError
from trimaran.lab.host import ENVIRONMENT, wait_until
from trimaran.lab.lab import Lab

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "net"))

from watching import VIP, router, watch

HOGS = 4
SECONDS = 8
HOG = f"import time\nend = time.monotonic() + {SECONDS}\nwhile time.monotonic() < end: pass"
CONFIG = f"""\
vrrp_instance ip1 {{
  state MASTER
  interface eth1
  virtual_router_id 1
  priority 100
  version 3
  advert_int 0.1
  virtual_ipaddress {{
    {VIP}/24 dev eth1
  }}
}}
"""
INTERVAL = 0.1


Errors = list[float]


def errors(lab: Lab) -> Errors:
    """Error of each gap in microseconds, of a director that is master already."""
    with watch(lab.host("client")) as watched:
        hogs = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(HOGS)]
        try:
            for hog in hogs:
                hog.wait()
        finally:
            for hog in hogs:
                hog.kill()
        adverts = watched.frames(kind="vrrp", source=str(lab.host("lb1").address))
    times = [frame["time"] for frame in adverts]
    return [abs(b - a - INTERVAL) * 1e6 for a, b in pairwise(times)]


def trimaran(lab: Lab) -> tuple[Errors, int]:
    """Errors, and the worst lateness that the daemon itself reports, in microseconds."""
    director = lab.host("lb1")
    director.start_service()
    try:
        wait_until("trimaran is master", lambda: router(director).get("state") == "MASTER", 10)
        return errors(lab), router(director)["worst_lateness_us"]
    finally:
        director.stop_service()


def keepalived(lab: Lab, program: str) -> Errors:
    """Errors of an installed keepalived that does nothing but VRRP."""
    director = lab.host("lb1")
    home = director.directory
    options = ["--vrrp", "--dont-fork", "--log-console", f"--use-file={home / 'trimaran.conf'}"]
    options += [f"--pid={home / 'pid'}", f"--vrrp_pid={home / 'vrrp_pid'}"]
    process = director.start([program, *options], Path("keepalived.log"))
    try:
        wait_until("keepalived is master", lambda: director.holds(IPv4Address(VIP)), 10)
        return errors(lab)
    finally:
        process.terminate()
        process.wait(10)


def line(name: str, found: Errors, remark: str) -> str:
    """One aligned line."""
    return f"{name:12}{statistics.median(found):11,.0f}{max(found):11,.0f}   {remark}"


def main() -> None:
    """Measure both and print."""
    print(
        f"adverts: error of gaps of {INTERVAL:g} s under {HOGS} busy loops, {SECONDS} s each, "
        f"{os.cpu_count()} CPUs"
    )
    print(f"{'':12}{'p50 us':>11}{'max us':>11}", flush=True)
    with labs.running(f"tb-{os.getpid()}", services=False) as lab:
        (lab.host("lb1").directory / "trimaran.conf").write_text(CONFIG)
        ours, lateness = trimaran(lab)
        remark = f"{len(ours)} gaps; worst lateness by its own count {lateness:,} us"
        print(line("trimaran", ours, remark), flush=True)
        program = shutil.which("keepalived", path=ENVIRONMENT["PATH"])
        if program is None:
            print(f"{'keepalived':12}{'peer not installed':>22}")
            return
        theirs = keepalived(lab, program)
        p50, worst = statistics.median(ours), max(ours)
        ratios = f"{p50 / statistics.median(theirs):.2f} p50, {worst / max(theirs):.2f} max"
        print(line("keepalived", theirs, f"{len(theirs)} gaps; trimaran / keepalived: {ratios}"))


if __name__ == "__main__":
    try:
        main()
    except (LabError, OSError) as error:
        sys.exit(f"adverts: {error}")
    except KeyboardInterrupt:
        sys.exit("adverts: interrupted")
