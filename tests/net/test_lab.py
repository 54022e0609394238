"""The lab itself: it makes what it says, breaks what it is told to, and leaves nothing."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watching import fresh_prefix

from trimaran.daemon import rundir
from trimaran.lab import lab as labs
from trimaran.lab import processes, record
from trimaran.lab.errors import LabError
from trimaran.lab.host import wait_until
from trimaran.lab.lab import Lab
from trimaran.lab.traffic import Traffic, outage


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """`trimaran lab ...` as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "trimaran", "lab", *words],
        capture_output=True,
        text=True,
        timeout=60,
    )


def namespaces(prefix: str) -> list[str]:
    return sorted(path.name for path in record.NETNS.glob(f"{prefix}-*"))


@pytest.fixture
def foreign() -> Iterator[str]:
    """A prefix under which somebody else has a namespace, `lb2`."""
    prefix = fresh_prefix()
    subprocess.run(["ip", "netns", "add", f"{prefix}-lb2"], check=True)
    yield prefix
    subprocess.run(["ip", "netns", "delete", f"{prefix}-lb2"], check=True)


def test_real_servers_answer(bare_lab: Lab) -> None:
    for host in bare_lab.web_servers:
        host.start_service()
    client = bare_lab.host("client")
    answers = [
        client.output(["curl", "-s", f"http://{web.address}/"]) for web in bare_lab.web_servers
    ]
    assert answers == ["RealServer 1\n", "RealServer 2\n"]


def test_nobody_answers_for_the_vip_before_a_director_does(bare_lab: Lab) -> None:
    done = bare_lab.host("client").run(["curl", "-s", "-m", "1", "http://192.168.1.10/"])
    assert done.returncode != 0


def test_directors_can_transmit_from_native_xdp(bare_lab: Lab) -> None:
    ports = subprocess.run(
        ["ip", "-n", f"{bare_lab.prefix}-lan", "-json", "link"], capture_output=True, check=True
    )
    modes = {port["ifname"]: port.get("xdp", {}).get("mode") for port in json.loads(ports.stdout)}
    assert modes["lb1"] == modes["lb2"] == 1  # native
    assert modes["client"] is None


def test_the_namespace_of_the_user_is_untouched() -> None:
    def links() -> bytes:
        return subprocess.run(["ip", "address"], capture_output=True, check=True).stdout

    before = links()
    with labs.running(fresh_prefix(), services=False):
        assert links() == before
    assert links() == before


def test_nothing_is_left() -> None:
    prefix = fresh_prefix()
    with labs.running(prefix, services=False) as lab:
        inodes = [host.inode for host in lab.hosts.values()]
        lab.host("web1").start_service()
        lab.host("client").start(["sleep", "60"])
        assert len(namespaces(prefix)) == 6
    assert namespaces(prefix) == []
    assert [pid for inode in inodes for pid in processes.in_namespace(inode)] == []
    assert not record.directory_of(prefix).exists()
    assert labs.down(prefix) == []


def test_down_after_a_crash_of_up() -> None:
    """Killed between making a namespace and noting that it is made."""
    prefix = fresh_prefix()
    directory = record.directory_of(prefix)
    record.claim(directory)
    subprocess.run(["ip", "netns", "add", f"{prefix}-lan"], check=True)
    record.write(directory, record.Record({f"{prefix}-lan": None, f"{prefix}-lb1": None}, {}))
    assert labs.down(prefix) == []
    assert namespaces(prefix) == []
    assert not directory.exists()


def test_a_namespace_of_somebody_else_is_refused(foreign: str) -> None:
    with pytest.raises(LabError, match=f"{foreign}-lb2 exists and is not the lab's"):
        labs.up(foreign)
    assert namespaces(foreign) == [f"{foreign}-lb2"]
    assert labs.down(foreign) == []
    assert namespaces(foreign) == [f"{foreign}-lb2"]


def test_a_namespace_that_was_replaced_is_left_alone(bare_lab: Lab) -> None:
    name = bare_lab.host("lb2").namespace
    keep = subprocess.Popen(["ip", "netns", "exec", name, "sleep", "30"])  # so no inode is reused
    try:
        wait_until("sleep runs", lambda: bare_lab.host("lb2").pids("sleep"), 5)
        subprocess.run(["ip", "netns", "delete", name], check=True)
        subprocess.run(["ip", "netns", "add", name], check=True)
        with pytest.raises(LabError, match="is not the one that the lab made"):
            bare_lab.host("lb2").kill()
        assert bare_lab.down() == [name]
        assert (record.NETNS / name).exists()
    finally:
        keep.kill()
        keep.wait()
        subprocess.run(["ip", "netns", "delete", name], check=True)


def test_a_second_lab_of_the_same_name_is_refused(bare_lab: Lab) -> None:
    with pytest.raises(LabError, match="is up already"):
        labs.up(bare_lab.prefix)
    assert len(namespaces(bare_lab.prefix)) == 6


def test_a_missing_configuration_leaves_nothing(tmp_path: Path) -> None:
    topology = tmp_path / "topology.toml"
    topology.write_text(
        'network = "10.0.0.0/24"\n'
        '[host.lb1]\nrole = "director"\naddress = "10.0.0.1"\nconfig = "none.conf"\n'
    )
    prefix = fresh_prefix()
    with pytest.raises(LabError, match=r"lb1: .*none\.conf: No such file or directory"):
        labs.up(prefix, topology)
    assert not record.directory_of(prefix).exists()


def test_killing_and_healing_a_real_server(bare_lab: Lab) -> None:
    web, client = bare_lab.host("web1"), bare_lab.host("client")
    web.start_service()
    with Traffic(client, web.address) as traffic:
        time.sleep(0.2)
        web.kill()
        assert web.pids() == []
        assert not web.linked
        assert web.service is None
        time.sleep(0.3)
        web.heal()
        healed = time.monotonic_ns()
        wait_until("good again", lambda: any(a.ok for a in traffic.attempts(since=healed)), 5)
    gap = outage(traffic.attempts())
    assert gap is not None
    assert gap.duration > 300_000_000


def test_stopping_a_service(bare_lab: Lab) -> None:
    web = bare_lab.host("web1")
    web.start_service()
    assert web.stop_service() == 0
    assert web.service is None
    assert web.stop_service() is None
    web.start_service()
    assert web.service


def test_a_service_that_does_not_start_says_why(bare_lab: Lab) -> None:
    web = bare_lab.host("web1")
    (web.directory / "nginx.conf").write_text("listen;\n")
    with pytest.raises(
        LabError, match=r'web1: its service ended with status 1; .*\n.*"listen" directive'
    ):
        web.start_service()


def test_the_verbs_of_the_command_line(bare_lab: Lab) -> None:
    prefix = ("--prefix", bare_lab.prefix)
    assert "web1     web       192.168.1.201" in command("status", *prefix).stdout
    bare_lab.host("web1").start_service()
    done = command("exec", *prefix, "client", "curl", "-s", "http://192.168.1.201/")
    assert done.stdout == "RealServer 1\n"
    assert command("exec", *prefix, "client", "sh", "-c", "exit 7").returncode == 7
    assert command("kill", *prefix, "web1").returncode == 0
    [line] = [x for x in command("status", *prefix).stdout.splitlines() if x.startswith("web1")]
    assert line.split()[4:] == ["cut", "-"]
    assert command("heal", *prefix, "web1").returncode == 0
    [line] = [x for x in command("status", *prefix).stdout.splitlines() if x.startswith("web1")]
    assert line.split()[4:] == ["in", "running"]
    for _ in range(2):
        done = command("down", *prefix)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = command("status", *prefix)
    assert done.returncode == 1
    assert done.stderr.startswith(f"trimaran lab: no lab '{bare_lab.prefix}' is up")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_cleans_up(number: signal.Signals) -> None:
    prefix = fresh_prefix()
    demo = subprocess.Popen(
        [sys.executable, "-m", "trimaran", "lab", "demo", "--prefix", prefix],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    web1 = record.directory_of(prefix) / "web1" / "nginx.pid"
    wait_until("the demo is under way", web1.exists, 20)
    inodes = [(record.NETNS / name).stat().st_ino for name in namespaces(prefix)]
    demo.send_signal(number)
    _, problem = demo.communicate(timeout=20)
    assert demo.returncode == 128 + number
    assert b"Traceback" not in problem
    assert namespaces(prefix) == []
    assert not record.directory_of(prefix).exists()
    assert not any((rundir.ROOT / f"netns-{inode}").exists() for inode in inodes)


def test_the_demo_passes(tmp_path: Path) -> None:
    transcript = tmp_path / "transcript"
    begin = time.monotonic()
    done = command("demo", "--prefix", fresh_prefix(), "--transcript", str(transcript))
    assert done.stdout.splitlines()[-1:] == ["demo: PASS"], done.stdout + done.stderr
    assert done.returncode == 0
    assert time.monotonic() - begin < 90
    assert transcript.read_text() == done.stdout
