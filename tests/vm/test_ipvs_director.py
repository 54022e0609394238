"""A director's daemon on the kernel's IPVS: real packets, crashes, what others do, its end.

Three network namespaces on a bridge: a client, the director, and a real server that answers.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trimaran.daemon.pace import SLOWNESS

LAN, CLIENT, DIRECTOR, REAL = (f"vmdir-{name}" for name in ("lan", "client", "director", "real"))
VIP, SERVER = "192.168.1.10", "192.168.1.201"
PATIENCE = 6.0 * SLOWNESS
"""Seconds. In the VM, on a busy machine, a daemon takes half a minute to start."""

NETWORK = f"""
for n in {LAN} {CLIENT} {DIRECTOR} {REAL}; do ip netns add $n; ip -n $n link set lo up; done
ip -n {LAN} link add br0 type bridge; ip -n {LAN} link set br0 up
for n in {CLIENT}=11 {DIRECTOR}=1 {REAL}=201; do
    ns=${{n%=*}}; ip -n {LAN} link add p${{n#*=}} type veth peer name eth1 netns $ns
    ip -n {LAN} link set p${{n#*=}} master br0 up
    ip -n $ns address add 192.168.1.${{n#*=}}/24 dev eth1; ip -n $ns link set eth1 up
done
ip -n {DIRECTOR} address add {VIP}/32 dev eth1
ip netns exec {REAL} sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
ip -n {REAL} address add {VIP}/32 dev lo
"""

CONFIGURATION = f"""
virtual_server {VIP} 80 {{
  lvs_sched rr
  lvs_method DR
  protocol TCP
  delay_loop 1
  real_server {SERVER} 80 {{
    weight 3
    TCP_CHECK {{
      connect_timeout 3
    }}
  }}
}}
"""

SECOND_SERVICE = CONFIGURATION.replace(f"{VIP} 80", f"{VIP} 81").replace(
    f"{SERVER} 80", f"{SERVER} 81"
)


def sh(script: str, check: bool = True) -> str:
    done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=PATIENCE)
    assert not check or done.returncode == 0, f"{script}: {done.stderr}"
    return done.stdout


def inside(namespace: str, command: str) -> str:
    return sh(f"ip netns exec {namespace} {command}")


def wait_for(what: str, predicate: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not predicate():
        assert time.monotonic() < end, what
        time.sleep(0.2)


class Daemon:
    """`trimaran run` in the director's namespace."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "trimaran.conf"
        self.run_directory = directory / "run"
        self.log_file = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, dataplane: str = "ipvs") -> None:
        command = [str(Path(sys.executable).parent / "trimaran"), "run", "-f", str(self.file)]
        command += ["--dataplane", dataplane, "--run-dir", str(self.run_directory), *options]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", DIRECTOR, *command], stdout=log, stderr=log
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_for(self, text: str, times: int = 1) -> None:
        wait_for(f"{text!r} in the log:\n{self.log}", lambda: self.log.count(text) >= times)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        self.send(signal.SIGTERM)
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def status(self) -> dict[str, object]:
        answer: dict[str, object] = json.loads(
            inside(DIRECTOR, f"trimaran status --json --run-dir {self.run_directory}")
        )
        return answer

    def reap(self) -> None:
        if self._process is not None:
            self._process.wait(PATIENCE)

    def kill_all(self) -> None:
        """Every process at once, so that none can clean up."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids(DIRECTOR, "trimaran"):
                os.kill(pid, number)
        self.reap()
        wait_for("the end of all processes", lambda: not pids(DIRECTOR, "trimaran"))


def pids(namespace: str, text: str) -> list[int]:
    found = map(int, sh(f"ip netns pids {namespace}").split())
    return [pid for pid in found if text in _command_line(pid)]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def rules() -> list[str]:
    return inside(DIRECTOR, "ipvsadm -Sn").splitlines()


OURS = [f"-A -t {VIP}:80 -s rr", f"-a -t {VIP}:80 -r {SERVER}:80 -g -w 3"]
THEIRS = [f"-A -u {VIP}:53 -s rr"]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    try:
        sh(NETWORK)
        serve = [sys.executable, "-m", "http.server", "80", "--bind", "0.0.0.0"]
        (tmp_path / "www").mkdir()
        (tmp_path / "www" / "index.html").write_text("the real server\n")
        server = subprocess.Popen(
            ["ip", "netns", "exec", REAL, *serve],
            cwd=tmp_path / "www",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        made.file.write_text(CONFIGURATION)
        yield made
    finally:
        print(made.log)
        for namespace in (CLIENT, DIRECTOR, REAL, LAN):
            sh(f"ip netns pids {namespace} | xargs -r kill -9; ip netns delete {namespace}", False)
        server.wait(PATIENCE)
        made.reap()


def fetch() -> str:
    return inside(CLIENT, f"curl -sS --max-time 20 http://{VIP}/")


@pytest.mark.timeout(600)
def test_a_director_from_start_to_end(daemon: Daemon) -> None:
    inside(DIRECTOR, f"ipvsadm -A -u {VIP}:53 -s rr")
    daemon.start()
    daemon.wait_for(f"server {SERVER}:80 added, weight 3")
    assert "dataplane: ipvs: as asked" in daemon.log
    assert sorted(rules()) == sorted([*OURS, *THEIRS])
    assert daemon.status()["dataplane"] == {"kind": "ipvs", "interfaces": {}}
    assert fetch() == "the real server\n"
    assert f"{SERVER}:80" in inside(DIRECTOR, "ipvsadm -Lnc")

    # What others change is put right, and it is said.
    inside(DIRECTOR, f"ipvsadm -e -t {VIP}:80 -r {SERVER}:80 -m -w 1")
    daemon.wait_for(f"server {SERVER}:80 now has weight 3 (others had changed it)")
    inside(DIRECTOR, f"ipvsadm -D -t {VIP}:80")
    daemon.wait_for("service added, scheduler rr (others had changed it)")
    wait_for("the rules again", lambda: sorted(rules()) == sorted([*OURS, *THEIRS]))

    # A plane that is killed leaves everything; the next takes it over and changes nothing.
    before = daemon.log.count("added")
    (plane,) = pids(DIRECTOR, "daemon plane-ipvs")
    os.kill(plane, signal.SIGKILL)
    daemon.wait_for("died: killed by signal 9")
    wait_for("a new plane", lambda: pids(DIRECTOR, "daemon plane-ipvs") not in ([], [plane]))
    assert fetch() == "the real server\n"
    inside(DIRECTOR, f"ipvsadm -e -t {VIP}:80 -r {SERVER}:80 -g -w 1")
    daemon.wait_for("now has weight 3", times=2)
    assert daemon.log.count("added") == before

    # A reload adds and removes; the note follows.
    daemon.file.write_text(CONFIGURATION + SECOND_SERVICE)
    daemon.send(signal.SIGHUP)
    daemon.wait_for(f"TCP {VIP}:81: service added")
    assert len(json.loads((daemon.run_directory / "ipvs-services.json").read_text())) == 2

    # All processes die; while nothing runs, the service goes out of the configuration.
    daemon.kill_all()
    assert f"-A -t {VIP}:81 -s rr" in rules()
    assert fetch() == "the real server\n"
    daemon.file.write_text(CONFIGURATION)
    daemon.start()
    daemon.wait_for(f"TCP {VIP}:81: service removed")
    assert sorted(rules()) == sorted([*OURS, *THEIRS])
    assert fetch() == "the real server\n"

    # The end: what is ours goes, what is others' stays.
    assert daemon.stop() == 0
    assert rules() == THEIRS
    assert not (daemon.run_directory / "ipvs-services.json").exists()


@pytest.mark.timeout(600)
def test_auto_says_why_and_foreign_changes_can_be_kept(daemon: Daemon) -> None:
    daemon.file.write_text(CONFIGURATION + CONFIGURATION.replace(f"{VIP} 80 {{", "fwmark 7 {", 1))
    daemon.start("--foreign-changes", "keep", dataplane="auto")
    daemon.wait_for(f"server {SERVER}:80 added, weight 3")
    assert "dataplane: ipvs: FWM 7: the XDP dataplane cannot serve firewall marks" in daemon.log
    inside(DIRECTOR, f"ipvsadm -e -t {VIP}:80 -r {SERVER}:80 -m -w 1")
    daemon.wait_for(f"server {SERVER}:80 now has weight 1 (by others: kept so)")
    time.sleep(2)
    assert f"-a -t {VIP}:80 -r {SERVER}:80 -m -w 1" in rules()
    # The steward dies: its children take everything away.
    (steward,) = pids(DIRECTOR, "trimaran run")
    os.kill(steward, signal.SIGKILL)
    wait_for("the end of all processes", lambda: not pids(DIRECTOR, "trimaran"))
    assert rules() == []


@pytest.mark.timeout(600)
def test_the_other_dataplane_goes_when_it_was_left_behind(daemon: Daemon) -> None:
    daemon.start(dataplane="xdp")
    daemon.wait_for(f"server {SERVER}:80 added, weight 3")
    daemon.kill_all()
    assert "prog/xdp" in sh(f"ip -n {DIRECTOR} link show dev eth1")
    daemon.start()
    daemon.wait_for(f"server {SERVER}:80 added, weight 3", times=2)
    assert "took the XDP program off eth1: it was left behind" in daemon.log
    assert "prog/xdp" not in sh(f"ip -n {DIRECTOR} link show dev eth1")
    assert fetch() == "the real server\n"
    daemon.kill_all()
    assert rules() == OURS
    daemon.start(dataplane="xdp")
    daemon.wait_for(f"TCP {VIP}:80: service removed: it was left behind")
    assert rules() == []
    assert daemon.stop() == 0
