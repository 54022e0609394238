"""Floods, stopped processes and lost processes, while real clients look on."""

import itertools
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from test_processes import LONG_LIVED
from test_vrrp_wire import advertisement
from watching import VIP, Watch, child_pid, curl, holds_vip, router, wait_for_state, watch

from trimaran.lab.host import ENVIRONMENT, LabHost, wait_until
from trimaran.lab.lab import Lab
from trimaran.lab.traffic import Traffic

pytestmark = pytest.mark.long

FLOOD = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
s.setsockopt(0, socket.IP_MULTICAST_TTL, 255)
s.setsockopt(0, socket.IP_MULTICAST_IF, socket.inet_aton("192.168.1.11"))
payloads = [bytes.fromhex(word) for word in sys.argv[2:]]
end, sent = time.monotonic() + float(sys.argv[1]), 0
while time.monotonic() < end:
    for payload in payloads:
        s.sendto(payload, ("224.0.0.18", 0))
        sent += 1
    time.sleep(0.0002)
print(sent)
"""

SYNS = """
import os, random, socket, struct, time
def total(data):
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return s ^ 0xFFFF
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
target = socket.inet_aton("192.168.1.10")
end, sent = time.monotonic() + 2, 0
while time.monotonic() < end:
    source = bytes([10, 77]) + os.urandom(2)
    tcp = struct.pack("!HHIIBBHHH", random.randrange(1024, 65535), 80, 1, 0, 0x50, 2, 8192, 0, 0)
    check = total(source + target + struct.pack("!BBH", 0, 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, source, target)
    s.sendto(ip + tcp, ("192.168.1.10", 0))
    sent += 1
print(sent)
"""


def longest_gap(wire: Watch, source: str = "192.168.1.101") -> float:
    times: list[float] = [f["time"] for f in wire.frames(kind="vrrp", source=source)]
    return max(b - a for a, b in itertools.pairwise(times))


def one_master(lab: Lab) -> None:
    lb1, lb2 = lab.host("lb1"), lab.host("lb2")
    wait_for_state(lb1, "MASTER", 10)
    wait_for_state(lb2, "BACKUP", 3)
    wait_until("one holder", lambda: holds_vip(lb1) and not holds_vip(lb2), 2)


@pytest.mark.parametrize("kind", ["invalid", "lesser", "other VRID", "own priority"])
def test_a_flood_of_advertisements_makes_no_second_master(lab: Lab, kind: str) -> None:
    lb1, lb2, client = lab.host("lb1"), lab.host("lb2"), lab.host("client")
    bad = advertisement(200)[:6] + b"\0\0" + advertisement(200)[8:]
    payload = {
        "invalid": [bad, advertisement(200)[:12]],
        "lesser": [advertisement(3)],
        "other VRID": [advertisement(9, vrid=n) for n in range(2, 200)],
        "own priority": [advertisement(100)],
    }[kind]
    before = router(lb2)["transitions"]
    with watch(client) as wire, Traffic(client, IPv4Address(VIP)) as probe:
        wire.wait_for(2, 4, kind="vrrp", source="192.168.1.101")
        sent = client.output([sys.executable, "-c", FLOOD, "3", *(p.hex() for p in payload)])
        time.sleep(1.2)
        gap = longest_gap(wire)
        probe.stop()
    report = router(lb1)
    print(kind, sent.strip(), gap, report["worst_lateness_us"], report["discarded"])
    print("answers", len(wire.frames(kind="vrrp", source="192.168.1.101")))
    assert gap < 1.2
    assert router(lb2)["transitions"] == before
    assert router(lb1)["state"] == "MASTER"
    assert [a for a in probe.attempts() if not a.ok] == []
    one_master(lab)


def test_a_flood_of_syns_costs_no_client_and_no_advertisement(lab: Lab) -> None:
    client = lab.host("client")
    with watch(client) as wire:
        wire.wait_for(2, 4, kind="vrrp", source="192.168.1.101")
        flood = client.start([sys.executable, "-c", SYNS])
        end, answers = time.monotonic() + 2, 0
        while time.monotonic() < end:
            answers += len(curl(client))
        flood.wait(10)
        wire.wait_for(5, 4, kind="vrrp", source="192.168.1.101")
        gap = longest_gap(wire)
    print(answers, gap)
    assert gap < 1.1
    assert router(lab.host("lb1"))["transitions"] == 2
    curl(client, 4)


def test_a_steward_that_is_stopped_delays_no_advertisement(lab: Lab) -> None:
    lb1, client = lab.host("lb1"), lab.host("client")
    service = lb1.service
    assert service is not None
    with watch(client) as wire, Traffic(client, IPv4Address(VIP)) as probe:
        wire.wait_for(1, 4, kind="vrrp")
        os.kill(service.pid, signal.SIGSTOP)
        time.sleep(5)
        os.kill(service.pid, signal.SIGCONT)
        time.sleep(1.2)
        gap = longest_gap(wire)
        probe.stop()
    assert gap < 1.1
    assert [a for a in probe.attempts() if not a.ok] == []
    assert [p["restarts"] for p in (lb1.status() or {})["processes"]] == [0, 0, 0]
    assert router(lb1)["transitions"] == 2


@pytest.mark.parametrize("seconds", [3.0, 4.2, 6.0])
def test_a_speaker_that_is_stopped_leaves_one_master(lab: Lab, seconds: float) -> None:
    lb1 = lab.host("lb1")
    pid = child_pid(lb1, "speaker")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    with suppress(ProcessLookupError):  # the steward may have killed it
        os.kill(pid, signal.SIGCONT)
    one_master(lab)
    time.sleep(0.5)
    one_master(lab)
    curl(lab.host("client"), 4)


def test_a_plane_that_is_stopped_while_the_vip_comes(lab: Lab) -> None:
    lb1, lb2, client = lab.host("lb1"), lab.host("lb2"), lab.host("client")
    lb2.send("trimaran.daemon plane", signal.SIGSTOP)
    lb1.kill()
    wait_for_state(lb2, "MASTER")
    lb2.send("trimaran.daemon plane", signal.SIGCONT)
    time.sleep(0.3)
    assert set(curl(client, 2)) == {"RealServer 1", "RealServer 2"}


def test_a_plane_that_gets_sigterm_alone_costs_no_connection(lab: Lab) -> None:
    lb1, client = lab.host("lb1"), lab.host("client")
    connection = subprocess.Popen(
        client.command([sys.executable, "-c", LONG_LIVED, "3"]), stdout=subprocess.PIPE
    )
    time.sleep(1)
    lb1.send("trimaran.daemon plane", signal.SIGTERM)
    connection.communicate(timeout=15)
    assert connection.returncode == 0


def test_every_child_killed_at_once(lab: Lab) -> None:
    lb1 = lab.host("lb1")
    for pid in lb1.pids("-m trimaran.daemon "):
        os.kill(pid, signal.SIGKILL)
    wait_until("the address is gone", lambda: not holds_vip(lb1), 1)
    one_master(lab)
    curl(lab.host("client"), 4)


@pytest.mark.parametrize("trouble", ["checks", "stop"])
def test_a_log_pipe_that_fills_while_it_runs(bare_lab: Lab, trouble: str) -> None:
    """Nobody reads standard error any more; a server dies; clients must not notice."""
    lb1, client, web1 = (bare_lab.host(n) for n in ("lb1", "client", "web1"))
    for web in bare_lab.web_servers:
        web.start_service()
    reading, writing = os.pipe()
    daemon = subprocess.Popen(
        lb1.command(lb1.service_command), env=ENVIRONMENT, stderr=writing, stdin=subprocess.DEVNULL
    )
    try:
        wait_until("it is master", lambda: holds_vip(lb1), 8)
        fill(writing)
        wait_until("both serve", lambda: routes(lb1) == 2, 5)
        with watch(client) as wire:
            web1.stop_service()
            wire.wait_for(4, 5, kind="vrrp")
            assert longest_gap(wire) < 1.1
            if trouble == "checks":
                wait_until("the server leaves", lambda: routes(lb1) == 1, 5)
        daemon.terminate()
        assert daemon.wait(1.5) == 0
        assert not holds_vip(lb1)
    finally:
        daemon.kill()
        daemon.wait()
        os.close(reading)
        os.close(writing)


def fill(pipe: int) -> None:
    with open(os.dup(pipe), "wb", buffering=0) as end:
        subprocess.run(
            [sys.executable, "-c", "import os\nos.set_blocking(1, False)\n"
             "for size in (4096, 1):\n try:\n  while True: os.write(1, b'x' * size)\n"
             " except BlockingIOError: pass\nos.set_blocking(1, True)"],
            stdout=end, check=True,
        )  # fmt: skip


def routes(director: LabHost) -> int:
    return director.output(["trimaran", "ipvsadm", "-Ln"]).count("Route")


@pytest.mark.parametrize("what", ["cable", "link", "address"])
def test_flapping_ends_with_one_master(lab: Lab, what: str) -> None:
    lb1 = lab.host("lb1")
    for _ in range(20):
        if what == "cable":
            lb1.cut_link()
            lb1.join_link()
        elif what == "link":
            lb1.output(["sh", "-c", "ip link set eth1 down; ip link set eth1 up"])
        else:
            own = "192.168.1.101/24 dev eth1"
            lb1.output(["sh", "-c", f"ip address del {own}; ip address add {own}"])
        time.sleep(0.03)
    one_master(lab)
    time.sleep(0.3)
    one_master(lab)
    assert [p["restarts"] for p in (lb1.status() or {})["processes"]] == [0, 0, 0]
    assert len(set(curl(lab.host("client"), 2))) == 2
