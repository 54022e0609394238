"""BFD with other programs: Debian's keepalived, and FRR's bfdd."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from bfd_peers import SERVICE, director, read, said, serves, session, wait_for
from watching import watch

from trimaran.lab.host import ENVIRONMENT, LabHost, wait_until
from trimaran.lab.lab import Lab

_FRR = Path("/usr/lib/frr")
_ROUTER = """
vrrp_instance other {
  interface eth1
  virtual_router_id 77
  virtual_ipaddress { 192.168.1.77/24 }
  track_bfd { peer }
}
"""
"""Without IPVS, keepalived ends when it has a virtual server."""
_IPV6 = {"lb1": "2001:db8::101", "lb2": "2001:db8::102"}


@contextmanager
def keepalived(host: LabHost, text: str) -> Iterator[None]:
    """Debian's keepalived with this configuration, until the end of the block."""
    program = shutil.which("keepalived", path=ENVIRONMENT["PATH"])
    if program is None:
        pytest.skip("keepalived is not installed")
    home = host.directory
    (home / "keepalived.conf").write_text(text)
    options = ["--dont-fork", "--log-console", f"--use-file={home}/keepalived.conf"]
    options += [
        f"--{name}={home}/{name}" for name in ("pid", "vrrp_pid", "checkers_pid", "bfd_pid")
    ]
    log = Path("keepalived.log")
    with _running(host.start([program, *options], log), host, log):
        yield


@contextmanager
def bfdd(host: LabHost, neighbour: str) -> Iterator[None]:
    """FRR's bfdd with one peer, until the end of the block; zebra tells it of interfaces."""
    if not (_FRR / "bfdd").exists():
        pytest.skip("frr is not installed")
    with TemporaryDirectory(prefix="trimaran-frr-") as directory, ExitStack() as stack:
        home = Path(directory)
        shutil.chown(home, "frr", "frr")
        (home / "zebra.conf").touch()
        (home / "bfdd.conf").write_text(
            f"bfd\n peer {neighbour} interface eth1\n  transmit-interval 100\n"
            "  receive-interval 100\n  detect-multiplier 4\n"
        )
        for name, *more in (("zebra",), ("bfdd", "--bfdctl", str(home / "control"))):
            command = [str(_FRR / name), "-f", str(home / f"{name}.conf"), "--log", "stdout"]
            command += ["-z", str(home / "zserv.api"), "-i", str(home / f"{name}.pid")]
            command += ["--vty_socket", directory, *more]
            log = Path(f"{name}.log")
            stack.enter_context(_running(host.start(command, log), host, log))
            wait_until("zebra listens", (home / "zserv.api").exists, 10)
        yield


@contextmanager
def _running(process: subprocess.Popen[bytes], host: LabHost, log: Path) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        print(f"--- {host.name}:\n{(host.directory / log).read_text()}")


def test_keepalived_and_its_end(bare_lab: Lab) -> None:
    """keepalived does not say that it stops: its silence is noticed."""
    lb1, lb2 = bare_lab.directors
    with director(lb1, session(lb2) + SERVICE):
        with keepalived(lb2, session(lb1) + _ROUTER):
            wait_for(lb1, "Up")
            wait_until("it serves", lambda: serves(lb1), 5)
            with watch(lb1) as wire:

                def settled() -> bool:
                    frames = [read(frame) for frame in wire.frames(kind="bfd")[-5:]]
                    said = [(ip.ttl, bfd.sta, bfd.flags) for ip, _, bfd in frames]
                    return said == [(255, 3, 0)] * 5

                wait_until("up, and no poll goes on", settled, 8)
        assert wait_for(lb1, "Down")["reason"].startswith(("no packet", "the neighbour says"))
        wait_until("it serves no more", lambda: serves(lb1) is False, 5)


def test_keepalived_sees_us_come_and_go(bare_lab: Lab) -> None:
    lb1, lb2 = bare_lab.directors
    with keepalived(lb2, session(lb1) + _ROUTER):

        def log() -> str:
            return (lb2.directory / "keepalived.log").read_text()

        for times in (1, 2):
            with director(lb1, session(lb2) + SERVICE):
                wait_for(lb1, "Up")
                wait_until("keepalived is up", lambda n=times: log().count("Entering Up") == n, 5)
            wait_until("and down", lambda n=times: log().count("Entering Down") == n, 5)


def test_keepalived_over_ipv6_with_its_own_hop_limit(bare_lab: Lab) -> None:
    """By default it sends with 64, RFC 5881 or not; and takes our 255."""
    lb1, lb2 = bare_lab.directors
    for host in (lb1, lb2):
        address = f"{_IPV6[host.name]}/64"
        host.output(["ip", "address", "add", address, "dev", "eth1", "nodad"])
    with (
        director(lb1, session(_IPV6["lb2"]) + SERVICE),
        keepalived(lb2, session(_IPV6["lb1"]) + _ROUTER),
    ):
        assert wait_for(lb1, "Up")["discarded"] == {}


def test_frr(bare_lab: Lab) -> None:
    lb1, lb2 = bare_lab.directors
    with director(lb1, session(lb2) + SERVICE):
        with bfdd(lb2, str(lb1.address)):
            wait_for(lb1, "Up")

            def agreed() -> bool:
                now = said(lb1)
                return (now["transmit_interval_us"], now["detection_time_us"]) == (100_000, 400_000)

            wait_until("they agree", agreed, 5)
        wait_for(lb1, "Down")
