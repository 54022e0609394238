"""IPv6 on veth devices with real TCP, by hand: `trimaran xdp attach` and `trimaran ipvsadm`.

Addresses, neighbour discovery and routes are the kernel's own. The client is in a net of its own,
and the director is the router between it and the servers.
"""

import contextlib
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from veth_hosts import PREFIX, Hosts, sh

VIP = "2001:db8:1::10"
HOSTS = {
    "client": "2001:db8:c::9",
    "lb": "2001:db8:1::1",
    "web1": "2001:db8:1::101",
    "web2": "2001:db8:1::102",
}
TRIMARAN = Path(sys.executable).with_name("trimaran")
BODY = 3_000_000

SERVER = """
import http.server, random, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        big = self.path == "/big"
        body = random.Random(1).randbytes(int(sys.argv[3])) if big else sys.argv[1].encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body)))
        self.end_headers(); self.wfile.write(body)
    def log_message(self, *arguments): pass
Server(("::", int(sys.argv[2])), Answer).serve_forever()
"""


class Network(Hosts):
    """A bridge with four hosts on it, which have IPv6 only."""

    def lay(self) -> None:
        self.add("bridge", *HOSTS)
        sh("ip link add br0 type bridge", "bridge")
        sh("ip link set br0 up", "bridge")
        for name, address in HOSTS.items():
            sh(f"ip link add {name} type veth peer name eth1 netns {PREFIX}{name}", "bridge")
            sh(f"ip link set {name} master br0 up", "bridge")
            sh(f"ip addr add {address}/64 dev eth1 nodad", name)
            sh("ip link set eth1 up", name)
        for address in (VIP, "2001:db8:c::1"):
            sh(f"ip addr add {address}/64 dev eth1 nodad", "lb")
        sh("sysctl -qw net.ipv6.conf.all.forwarding=1", "lb")
        sh("ip route add default via 2001:db8:c::1", "client")
        for web in ("web1", "web2"):
            sh("ip route add default via 2001:db8:1::1", web)
            # The director is a router on a stick, and tells servers that the client is on their
            # own link. A server that believes it answers past the director, which masquerades.
            sh("sysctl -qw net.ipv6.conf.eth1.accept_redirects=0", web)

    def serve(self, port: int) -> None:
        for web in ("web1", "web2"):
            self.start(web, sys.executable, "-c", SERVER, web, str(port), str(BODY))
            wait_for(f"http://[{HOSTS[web]}]:{port}/")

    def ipvsadm(self, *commands: str) -> None:
        for command in commands:
            sh(f"{TRIMARAN} ipvsadm --dataplane xdp {command}", "lb")

    def listing(self) -> str:
        return sh(f"{TRIMARAN} ipvsadm --dataplane xdp -Lnc", "lb")


def get(url: str = f"http://[{VIP}]/") -> str:
    return sh(f"curl -sg --max-time 5 {url}", "client")


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(AssertionError):
            get(url)
            return
        assert time.monotonic() < deadline, f"no answer from {url}"
        time.sleep(0.1)


def download(path: Path) -> bytes:
    sh(f"curl -sg --max-time 15 -o {path} http://[{VIP}]/big", "client")
    return path.read_bytes()


@pytest.fixture
def network() -> Iterator[Network]:
    with contextlib.ExitStack() as stack:
        outer = Network(stack)
        outer.lay()
        attached = sh(f"{TRIMARAN} xdp attach --connections 4096 eth1", "lb")
        assert "attached to eth1" in attached
        stack.callback(sh, f"{TRIMARAN} xdp detach", "lb")
        yield Network(stack.enter_context(contextlib.ExitStack()))


def test_direct_routing(network: Network, tmp_path: Path) -> None:
    for web in ("web1", "web2"):
        sh(f"ip addr add {VIP}/128 dev lo", web)
    network.serve(80)
    network.ipvsadm(
        f"-A -t [{VIP}]:80 -s rr",
        *(f"-a -t [{VIP}]:80 -r [{HOSTS[web]}]:80 -g" for web in ("web1", "web2")),
    )
    assert [get() for _ in range(4)] == ["web2", "web1", "web2", "web1"]
    assert download(tmp_path / "big") == random.Random(1).randbytes(BODY)
    rows = network.listing().splitlines()[2:]
    assert len(rows) == 5
    assert all(f"[{VIP}]:80" in row and row.split()[2] == "FIN_WAIT" for row in rows)


def test_masquerading(network: Network, tmp_path: Path) -> None:
    network.serve(8080)
    network.ipvsadm(
        f"-A -t [{VIP}]:80 -s rr",
        *(f"-a -t [{VIP}]:80 -r [{HOSTS[web]}]:8080 -m" for web in ("web1", "web2")),
    )
    wait_for(f"http://[{VIP}]/")
    assert {get() for _ in range(4)} == {"web1", "web2"}
    assert download(tmp_path / "big") == random.Random(1).randbytes(BODY)
    assert f"[{HOSTS['web1']}]:8080" in network.listing()


def test_nobody_there_is_said_at_once(network: Network) -> None:
    """Port unreachable, as IPVS sends it, ends the client's attempt."""
    network.ipvsadm(f"-A -t [{VIP}]:80 -s rr")
    begin = time.monotonic()
    with pytest.raises(AssertionError):
        sh(f"curl -sg --max-time 15 http://[{VIP}]/", "client")
    assert time.monotonic() - begin < 10
