"""How long clients miss the address when a master goes: trimaran, and keepalived beside it.

One after the other they are both directors of the same lab, with the same file. The client sends
an ICMP echo request to the virtual address each millisecond; an outage is the time from the last
one before the gap that was answered to the first one after it. Then both directors are watched
while other processes burn all CPUs: how often does the address move without a reason? Needs root.

    bench/failover.py [--runs N] [--burn SECONDS]
"""

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from trimaran.lab import lab as labs
from trimaran.lab.errors import LabError
from trimaran.lab.host import ENVIRONMENT, LabHost, wait_until
from trimaran.lab.lab import Lab

VIP = IPv4Address("192.168.1.10")
CONFIG = """\
vrrp_instance ip1 {{
  state BACKUP
  interface eth1
  virtual_router_id 1
  priority {priority}
  version {version}
  advert_int {interval}
  virtual_ipaddress {{
    192.168.1.10/24 dev eth1
  }}
}}
"""
PRIORITIES = {"lb1": 200, "lb2": 100}
HOG = "import time\nend = time.monotonic() + {}\nwhile time.monotonic() < end: pass"
HOGS = 4
EVENTS = ("crash", "link down", "SIGTERM")
CHANGE = re.compile(r"-> (?:MASTER|BACKUP|FAULT)|Entering (?:MASTER|BACKUP|FAULT)", re.IGNORECASE)


@dataclass(frozen=True)
class Timers:
    """A version and an interval in seconds; `share`: of the runs that are asked for."""

    version: int
    interval: float
    share: float = 1.0

    def __str__(self) -> str:
        return f"v{self.version} {self.interval * 1000:g} ms"


TIMERS = (Timers(2, 1, 0.34), Timers(3, 0.1), Timers(3, 0.01))


@dataclass
class Program:
    """A program that is to be compared: how it runs on a director, and what it logged."""

    name: str
    path: str = ""
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, host: LabHost) -> None:
        if self.name == "trimaran":
            host.start_service()
            return
        home = host.directory
        for name in ("pid", "vrrp_pid"):
            (home / name).unlink(missing_ok=True)  # of one that was killed
        options = ["--vrrp", "--dont-fork", "--log-console", f"--use-file={home}/trimaran.conf"]
        options += [f"--pid={home}/pid", f"--vrrp_pid={home}/vrrp_pid"]
        self._running[host.name] = host.start([self.path, *options], Path("keepalived.log"))

    def stop(self, host: LabHost) -> None:
        """SIGTERM, and wait for its end."""
        if self.name == "trimaran":
            host.stop_service()
        elif process := self._running.pop(host.name, None):
            process.terminate()
            process.wait(10)

    def lost(self, host: LabHost) -> None:
        """The host was killed: reap what ran there."""
        if process := self._running.pop(host.name, None):
            process.wait(10)

    def changes(self, host: LabHost) -> int:
        """How many changes of state it has logged."""
        if not self.path:
            return len(CHANGE.findall(host.log))
        log = host.directory / "keepalived.log"
        return len(CHANGE.findall(log.read_text())) if log.exists() else 0


@contextmanager
def running(program: Program, lab: Lab, timers: Timers) -> Iterator[None]:
    """Both directors, settled: lb1 is master."""
    with ExitStack() as stack:
        for host in lab.directors:
            text = CONFIG.format(
                priority=PRIORITIES[host.name], version=timers.version, interval=timers.interval
            )
            (host.directory / "trimaran.conf").write_text(text)
            before = program.changes(host)
            program.start(host)
            stack.callback(program.stop, host)
            wait_until(
                f"{host.name} stands for election",
                lambda host=host, before=before: program.changes(host) > before,
                20,
            )
        settle(lab)
        yield


def settle(lab: Lab) -> None:
    """Wait until lb1 is master, and lb2 is not."""
    lb1, lb2 = lab.directors
    try:
        wait_until("lb1 is master", lambda: lb1.holds(VIP) and not lb2.holds(VIP), 20)
    except LabError as error:
        files = [file for host in lab.directors for file in host.directory.glob("*.log")]
        logs = "\n".join(f"{file}: {file.read_text()[-2000:]}" for file in files)
        raise LabError(f"{error}\n{logs}") from None


def measure(
    program: Program, lab: Lab, timers: Timers, event: str, phase: float
) -> tuple[float, float]:
    """The outage that an event on lb1 costs, and that of its return, in milliseconds.

    `phase`: at which part of the way between two advertisements it happens.
    """
    lb1, lb2 = lab.directors
    with echoes(lab.host("client")) as (heard, log):
        wait_until("an advertisement", heard, 5)
        time.sleep(phase * timers.interval)
        if event == "crash":
            lb1.kill()
            program.lost(lb1)
        elif event == "link down":
            lb1.cut_link()
        else:
            program.stop(lb1)
        wait_until("lb2 is master", lambda: lb2.holds(VIP), 15)
        time.sleep(0.3)
        middle = time.monotonic_ns()
        if event != "SIGTERM":
            lb1.join_link()
        if event != "link down":
            program.start(lb1)
        settle(lab)
        time.sleep(0.3)
    lines = [line.split() for line in log.read_text().splitlines()]
    sent = [(int(instant), answered == "1") for instant, answered in lines]
    return outage([s for s in sent if s[0] < middle]), outage([s for s in sent if s[0] >= middle])


@contextmanager
def echoes(client: LabHost) -> Iterator[tuple[Callable[[], bool], Path]]:
    """Send echo requests meanwhile; whether an advertisement has been heard since the last time
    it was asked, and where the answers are noted down in the end."""
    said, log = client.directory / "adverts.log", client.directory / "echoes.log"
    said.unlink(missing_ok=True)
    script = str(Path(__file__).with_name("echoes.py"))
    command = [sys.executable, script, str(VIP), str(log)]
    probe = client.start(command, Path("adverts.log"))
    known = 0

    def heard() -> bool:
        nonlocal known
        before, known = known, said.stat().st_size
        return 0 < before < known

    try:
        yield heard, log
    finally:
        probe.send_signal(signal.SIGINT)
        probe.wait(10)


def outage(sent: list[tuple[int, bool]]) -> float:
    """The longest time between two answered requests with unanswered ones between them, in ms."""
    longest, last, lost = 0, sent[0][0], False
    for instant, answered in sent:
        if answered:
            if lost:
                longest = max(longest, instant - last)
            last, lost = instant, False
        else:
            lost = True
    return longest / 1e6


def burn(program: Program, lab: Lab, seconds: float) -> int:
    """Changes of state on both directors while other processes want all CPUs."""
    before = sum(program.changes(host) for host in lab.directors)
    hogs = [subprocess.Popen([sys.executable, "-c", HOG.format(seconds)]) for _ in range(HOGS)]
    try:
        for hog in hogs:
            hog.wait()
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    return sum(program.changes(host) for host in lab.directors) - before


def compare(lab: Lab, programs: list[Program], runs: int, seconds: float) -> None:
    """Measure and print, a line for each figure."""
    titles = "".join(f"{program.name:>12}" for program in programs)
    print(f"{'median outage of a client, ms':34}{titles}   runs", flush=True)
    spurious: dict[str, list[str]] = {}
    for timers in TIMERS:
        times = max(round(runs * timers.share), 1)
        found: dict[tuple[str, str], list[float]] = {}
        for program in programs:
            with running(program, lab, timers):
                for event, run in ((event, run) for event in EVENTS for run in range(times)):
                    gone, back = measure(program, lab, timers, event, (run + 0.5) / times)
                    found.setdefault((event, program.name), []).append(gone)
                    found.setdefault(("its return", program.name), []).append(back)
                if timers.interval < 1:
                    changes = burn(program, lab, seconds)
                    spurious.setdefault(str(timers), []).append(f"{changes:12}")
        for event in (*EVENTS, "its return"):
            medians = [statistics.median(found[event, program.name]) for program in programs]
            figures = "".join(f"{median:12,.1f}" for median in medians)
            print(
                f"  {timers!s:12}{event:20}{figures}   {len(found[event, 'trimaran'])}", flush=True
            )
    print(f"spurious changes of state in {seconds:g} s, {HOGS} busy loops on {os.cpu_count()} CPUs")
    for timers_name, counts in spurious.items():
        print(f"  {timers_name:32}{''.join(counts)}", flush=True)


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3, help="of each event; v2: a third")
    parser.add_argument("--burn", type=float, default=5, help="seconds of burning")
    arguments = parser.parse_args()
    programs = [Program("trimaran")]
    if path := shutil.which("keepalived", path=ENVIRONMENT["PATH"]):
        programs.append(Program("keepalived", path))
    print("failover: both directors of the lab run the same program with the same file")
    with labs.running(f"tb-{os.getpid()}", services=False) as lab:
        compare(lab, programs, arguments.runs, arguments.burn)


if __name__ == "__main__":
    try:
        main()
    except (LabError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"failover: {error}")
    except KeyboardInterrupt:
        sys.exit("failover: interrupted")
