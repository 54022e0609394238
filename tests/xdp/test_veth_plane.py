"""The daemon's plane finds out by itself where masqueraded servers answer, and the way back."""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from veth_hosts import PREFIX, Hosts, said_until, sh

HERE = Path(__file__).parent
SERVER = """
import http.server, socket, sys
class Server(http.server.HTTPServer):
    address_family = socket.AF_INET6
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "3")
        self.end_headers(); self.wfile.write(b"web")
    def log_message(self, *arguments): pass
Server(("::", 8080), Answer).serve_forever()
"""


@dataclass(frozen=True)
class Plan:
    """`clients` and `servers`: the director's address there, and the other's."""

    vip: str
    clients: tuple[str, str]
    servers: tuple[str, str]
    length: int
    forwarding: str
    url: str


IPV4 = Plan(
    "192.168.1.10",
    ("10.0.0.1", "10.0.0.9"),
    ("192.168.1.1", "192.168.1.101"),
    24,
    "net.ipv4.ip_forward",
    "http://192.168.1.10/",
)
IPV6 = Plan(
    "2001:db8:1::10",
    ("2001:db8:c::1", "2001:db8:c::9"),
    ("2001:db8:1::1", "2001:db8:1::101"),
    64,
    "net.ipv6.conf.all.forwarding",
    "http://[2001:db8:1::10]/",
)


@pytest.mark.parametrize("plan", [IPV4, IPV6], ids=["IPv4", "IPv6"])
def test_masquerading_without_being_told_anything_else(plan: Plan) -> None:
    no_detection = " nodad" if plan is IPV6 else ""
    client = plan.clients[1]
    with contextlib.ExitStack() as stack:
        hosts = Hosts(stack)
        hosts.add("client", "lb", "web")
        for number, other, (near, far) in (
            (1, "client", plan.clients),
            (2, "web", plan.servers),
        ):
            sh(f"ip link add eth{number} type veth peer name eth1 netns {PREFIX}{other}", "lb")
            sh(f"ip address add {near}/{plan.length} dev eth{number}{no_detection}", "lb")
            sh(f"ip link set eth{number} up", "lb")
            sh(f"ip address add {far}/{plan.length} dev eth1{no_detection}", other)
            sh("ip link set eth1 up", other)
            sh(f"ip route add default via {near}", other)
        sh(f"ip address add {plan.vip} dev lo", "lb")
        sh(f"sysctl -qw {plan.forwarding}=1", "lb")
        hosts.start("web", sys.executable, "-c", SERVER)
        script, method = str(HERE / "plane_process.py"), ("Masq", plan.vip, plan.servers[1])
        plane = hosts.start("lb", sys.executable, script, *method)
        said_until(plane, "attached to eth2")
        # The client must not have to ask for the director's address, and so be known to it.
        director = sh("cat /sys/class/net/eth1/address", "lb")
        sh(f"ip neigh replace {plan.clients[0]} lladdr {director} dev eth1", "client")
        assert sh(f"ip neigh show {client}", "lb") == ""
        assert sh(f"curl -sg --max-time 15 {plan.url}", "client") == "web"
        assert "managed" in sh(f"ip neigh show {client}", "lb")
        assert sh(f"curl -sg --max-time 3 {plan.url}", "client") == "web"
        assert plane.stdin is not None
        plane.stdin.close()
        plane.wait(5)
        assert "xdp" not in sh("ip link show", "lb")
        assert "managed" not in sh(f"ip neigh show {client}", "lb")
