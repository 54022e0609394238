"""Real TCP through each forwarding method, on veth devices with all their offloads on.

A client, a director with one or two interfaces, and a server; a download and an upload of some
megabytes must arrive whole.
"""

import contextlib
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from veth_hosts import PREFIX, Hosts, said_until, sh

VIP = "192.168.1.10"
HERE = Path(__file__).parent
SIZE = 8 << 20
FILE = random.Random(1).randbytes(SIZE)
SUM = hashlib.sha256(FILE).hexdigest()

# Answers GET with the file and PUT with the sum of what came.
SERVER = f"""
import hashlib, http.server, random, sys
FILE = random.Random(1).randbytes({SIZE})
class Answer(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        self.send_response(200); self.send_header("Content-Length", str(len(body)))
        self.end_headers(); self.wfile.write(body)
    def do_GET(self): self.answer(FILE)
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(hashlib.sha256(body).hexdigest().encode())
    def log_message(self, *arguments): pass
http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Answer).serve_forever()
"""

CLIENT = f"""
import hashlib, http.client, random
def ask(*request):
    connection = http.client.HTTPConnection("{VIP}", 80, timeout=20)
    connection.request(*request)
    return connection.getresponse().read()
print(hashlib.sha256(ask("GET", "/")).hexdigest())
print(ask("PUT", "/", random.Random(1).randbytes({SIZE})).decode())
"""


def join(one: str, device: str, other: str, peer: str) -> None:
    sh(f"ip link add {device} type veth peer name {peer} netns {PREFIX}{other}", one)
    sh(f"ip link set {device} up", one)
    sh(f"ip link set {peer} up", other)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with contextlib.ExitStack() as stack:
        hosts = Hosts(stack)
        hosts.add("client", "lb", "web", "bridge")
        sh("sysctl -qw net.ipv4.ip_forward=1", "lb")
        for which in ("all", "default"):  # either is enough to send them
            sh(f"sysctl -qw net.ipv4.conf.{which}.send_redirects=0", "lb")
        yield hosts


def two_armed(hosts: Hosts) -> None:
    """client - eth1 lb eth2 - web"""
    join("lb", "eth1", "client", "eth1")
    join("lb", "eth2", "web", "eth1")
    sh("ip addr add 10.0.0.1/24 dev eth1", "lb")
    sh("ip addr add 192.168.1.1/24 dev eth2", "lb")
    addresses(hosts)


def one_armed(hosts: Hosts) -> None:
    """All on one bridge; client and web are in different subnets."""
    sh("ip link add br0 type bridge", "bridge")
    sh("ip link set br0 up", "bridge")
    for name in ("client", "lb", "web"):
        join("bridge", name, name, "eth1")
        sh(f"ip link set {name} master br0", "bridge")
    sh("ip addr add 10.0.0.1/24 dev eth1", "lb")
    sh("ip addr add 192.168.1.1/24 dev eth1", "lb")
    addresses(hosts)


def addresses(hosts: Hosts) -> None:
    sh(f"ip addr add {VIP}/32 dev lo", "lb")
    sh("ip addr add 10.0.0.9/24 dev eth1", "client")
    sh("ip route add default via 10.0.0.1", "client")
    sh("ip addr add 192.168.1.101/24 dev eth1", "web")
    sh("ip route add default via 192.168.1.1", "web")


def direct(hosts: Hosts, setting: dict[str, object], port: int) -> None:
    """Starts server and director."""
    serving = hosts.start("web", sys.executable, "-c", SERVER, str(port))
    del serving
    mac = sh("cat /sys/class/net/eth1/address", "web")
    whole = {"vip": VIP, "interface": "eth1", "servers": {"192.168.1.101": mac}, "port": port}
    script = str(HERE / "director_process.py")
    director = hosts.start("lb", sys.executable, script, json.dumps(whole | setting))
    said_until(director, "set up")
    sh(
        f"curl -so /dev/null --retry 20 --retry-connrefused --retry-delay 1 "
        f"--max-time 10 http://192.168.1.101:{port}/",
        "lb",
    )
    client = sh("cat /sys/class/net/eth1/address", "client")
    sh(f"ip neigh replace 10.0.0.9 lladdr {client} dev eth1", "lb")


def transfer() -> list[str]:
    """The sums of what was downloaded and uploaded."""
    done = subprocess.run(
        ["ip", "netns", "exec", PREFIX + "client", sys.executable, "-c", CLIENT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.split() or [done.stderr]


def test_masquerading_with_two_arms(hosts: Hosts) -> None:
    two_armed(hosts)
    for host in ("client", "web"):
        # In generic mode the kernel sends nothing big on by another interface.
        sh("ethtool -K eth1 tso off gso off", host)
    direct(hosts, {"more_interfaces": ["eth2"], "forwarding": "Masq"}, 8080)
    assert transfer() == [SUM, SUM]


def test_masquerading_with_one_arm(hosts: Hosts) -> None:
    one_armed(hosts)
    direct(hosts, {"forwarding": "Masq"}, 8080)
    assert transfer() == [SUM, SUM]


def test_masquerading_in_native_mode(hosts: Hosts) -> None:
    two_armed(hosts)
    sh("ethtool -K eth1 gro on tx off", "client")
    sh("ethtool -K eth1 gro on tx off", "web")
    direct(hosts, {"more_interfaces": ["eth2"], "forwarding": "Masq"}, 8080)
    assert transfer() == [SUM, SUM]


@pytest.mark.parametrize("tunnel", ["ipip", "gue", "gre"])
def test_tunnels(hosts: Hosts, tunnel: str) -> None:
    two_armed(hosts)
    sh(f"ip addr add {VIP}/32 dev lo", "web")
    sh("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0", "web")
    unwrapping = hosts.start("web", sys.executable, str(HERE / "unwrap_process.py"), tunnel)
    said_until(unwrapping, "unwraps")
    sh("ethtool -K eth1 tx off tso off gso off", "client")
    sh("sysctl -qw net.ipv4.conf.all.accept_local=1", "lb")  # replies come by here
    sh("sysctl -qw net.ipv4.conf.eth2.rp_filter=0 net.ipv4.conf.all.rp_filter=0", "lb")
    setting = {
        "more_interfaces": ["eth2"],
        "forwarding": "Tunnel",
        "tunnel": tunnel,
        "source": "192.168.1.1",
    }
    direct(hosts, setting, 80)
    assert transfer() == [SUM, SUM]
