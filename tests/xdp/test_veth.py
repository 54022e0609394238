"""The program on veth devices as people make them by hand, with real TCP.

A bridge, a client, a director and two real servers with the VIP on lo. Nobody turns offloads
off or GRO on: it must work all the same.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from veth_hosts import PREFIX, Hosts, said_until, sh

VIP = "192.168.1.10"
HOSTS = {"client": 11, "lb": 101, "web1": 201, "web2": 202}
HERE = Path(__file__).parent

SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = sys.argv[1].encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body)))
        self.end_headers(); self.wfile.write(body)
    def log_message(self, *arguments): pass
http.server.HTTPServer(("0.0.0.0", 80), Answer).serve_forever()
"""

FOREIGN = """
import socket
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp import layout, libbpf, loader
programs = loader.load(Capacity(flows=16), print).programs
libbpf.xdp_attach(socket.if_nametoindex("eth1"), programs.reflect, libbpf.XDP_FLAGS_SKB_MODE)
print("attached", flush=True)
input()
"""


class Network(Hosts):
    """The hosts, and the director's process."""

    def start_director(self) -> tuple["subprocess.Popen[str]", list[str]]:
        setting = {
            "vip": VIP,
            "interface": "eth1",
            "servers": {
                f"192.168.1.{HOSTS[web]}": sh("cat /sys/class/net/eth1/address", web)
                for web in ("web1", "web2")
            },
        }
        script = str(HERE / "director_process.py")
        process = self.start("lb", sys.executable, script, json.dumps(setting))
        return process, said_until(process, "set up")

    def get(self, limit: float = 5) -> str:
        return sh(f"curl -s --max-time {limit} http://{VIP}/", "client")


@pytest.fixture
def network() -> Iterator[Network]:
    with contextlib.ExitStack() as stack:
        Network(stack).add("bridge", *HOSTS)
        sh("ip link add br0 type bridge", "bridge")
        sh("ip link set br0 up", "bridge")
        for name, last in HOSTS.items():
            sh(f"ip link add {name} type veth peer name eth1 netns {PREFIX}{name}", "bridge")
            sh(f"ip link set {name} master br0 up", "bridge")
            sh(f"ip addr add 192.168.1.{last}/24 dev eth1", name)
            sh("ip link set eth1 up", name)
        sh(f"ip addr add {VIP}/24 dev eth1", "lb")
        inner = Network(stack.enter_context(contextlib.ExitStack()))
        for name in ("web1", "web2"):
            sh("sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2", name)
            sh(f"ip addr add {VIP}/32 dev lo", name)
            inner.start(name, sys.executable, "-c", SERVER, name)
        for name in ("web1", "web2"):
            wait_for_server(HOSTS[name])
        yield inner


def wait_for_server(last: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(AssertionError):
            sh(f"curl -s --max-time 1 http://192.168.1.{last}/", "client")
            return
        time.sleep(0.1)
    raise AssertionError("no server")


def test_a_veth_whose_peer_cannot_take_frames_gets_generic_mode(network: Network) -> None:
    director, said = network.start_director()
    assert any(line.startswith("attached generic: frames sent in native") for line in said)
    assert [network.get() for _ in range(4)] == ["web2", "web1", "web2", "web1"]
    assert director.stdin is not None
    director.stdin.close()
    rest = said_until(director, "FIN_WAIT")
    assert rest[-1].endswith("FIN_WAIT")


def test_native_mode_falls_back_when_senders_leave_checksums_out(network: Network) -> None:
    sh("ethtool -K lb gro on", "bridge")
    director, said = network.start_director()
    assert "attached native: None" in said
    # The first SYN is lost; the client's second, a second later, finds generic mode.
    assert network.get() == "web2"
    assert "generic mode from now on" in said_until(director, "interface eth1")[-1]


def test_native_mode_works_with_whole_checksums(network: Network) -> None:
    sh("ethtool -K lb gro on", "bridge")
    sh("ethtool -K eth1 tx off", "client")
    _, said = network.start_director()
    assert "attached native: None" in said
    assert [network.get() for _ in range(4)] == ["web2", "web1", "web2", "web1"]


def test_forwarding_outlives_the_process_and_is_taken_over(network: Network) -> None:
    first, _ = network.start_director()
    assert network.get() == "web2"
    first.kill()
    first.wait()
    assert network.get() == "web1"
    second, said = network.start_director()
    assert "taken over with what it held" in said[0]
    assert not any("added" in line for line in said)
    assert network.get() == "web2"
    assert second.stdin is not None
    second.stdin.close()
    second.wait(5)
    assert second.stdout is not None
    assert len([line for line in second.stdout if line.startswith("connection")]) == 3
    assert "xdp" not in sh("ip link show eth1", "lb")


def test_an_interface_with_a_foreign_program_is_left_alone(network: Network) -> None:
    foreign = network.start("lb", sys.executable, "-c", FOREIGN)
    said_until(foreign, "attached")
    with pytest.raises(AssertionError, match="already has an XDP program"):
        network.start_director()
