"""The daemon's plane finds out by itself where masqueraded servers answer, and the way back."""

import contextlib
import sys
from pathlib import Path

from veth_hosts import PREFIX, Hosts, said_until, sh

VIP = "192.168.1.10"
HERE = Path(__file__).parent
SERVER = """
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "3")
        self.end_headers(); self.wfile.write(b"web")
    def log_message(self, *arguments): pass
http.server.HTTPServer(("0.0.0.0", 8080), Answer).serve_forever()
"""


def test_masquerading_without_being_told_anything_else() -> None:
    with contextlib.ExitStack() as stack:
        hosts = Hosts(stack)
        hosts.add("client", "lb", "web")
        for number, other, near, far in (
            (1, "client", "10.0.0.1/24", "10.0.0.9/24"),
            (2, "web", "192.168.1.1/24", "192.168.1.101/24"),
        ):
            sh(f"ip link add eth{number} type veth peer name eth1 netns {PREFIX}{other}", "lb")
            sh(f"ip address add {near} dev eth{number}", "lb")
            sh(f"ip link set eth{number} up", "lb")
            sh(f"ip address add {far} dev eth1", other)
            sh("ip link set eth1 up", other)
            sh(f"ip route add default via {near.partition('/')[0]}", other)
        sh(f"ip address add {VIP}/32 dev lo", "lb")
        sh("sysctl -qw net.ipv4.ip_forward=1", "lb")
        hosts.start("web", sys.executable, "-c", SERVER)
        plane = hosts.start("lb", sys.executable, str(HERE / "plane_process.py"), "Masq")
        said_until(plane, "attached to eth2")
        # The client must not have to ask for the director's address, and so be known to it.
        director = sh("cat /sys/class/net/eth1/address", "lb")
        sh(f"ip neigh replace 10.0.0.1 lladdr {director} dev eth1", "client")
        assert sh("ip neigh show 10.0.0.9", "lb") == ""
        assert sh(f"curl -s --max-time 15 http://{VIP}/", "client") == "web"
        assert "managed" in sh("ip neigh show 10.0.0.9", "lb")
        assert sh(f"curl -s --max-time 3 http://{VIP}/", "client") == "web"
        assert plane.stdin is not None
        plane.stdin.close()
        plane.wait(5)
        assert "xdp" not in sh("ip link show", "lb")
        assert "managed" not in sh("ip neigh show 10.0.0.9", "lb")
