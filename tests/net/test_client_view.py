"""What a client and the real servers see of the dataplane, in a lab with real directors."""

import sys
import time

import pytest
from watching import VIP, curl, reconfigure, router

from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab

PING = """
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.settimeout(2)
s.sendto(struct.pack("!BBHHH", 8, 0, 0xFFFF - (0x0800 + 7 + 1), 7, 1), (sys.argv[1], 0))
while True:
    packet, (sender, _) = s.recvfrom(100)
    if sender == sys.argv[1]:
        print(packet[20])
        break
"""
GRATUITOUS = """
import sys
from ipaddress import IPv4Address
from trimaran.net.announce import Announcer
announcer = Announcer("eth1", int(sys.argv[1]), bytes.fromhex("020000007701"))
announcer.send(IPv4Address("192.168.1.201"))
"""
SINK = """
import http.server
class Count(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["Content-Length"])
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        received = len(self.rfile.read(length))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"%d\\n" % received)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 80), Count).serve_forever()
"""


def listing(director: LabHost) -> str:
    return director.output(["trimaran", "ipvsadm", "-Ln"])


def in_service(director: LabHost) -> int:
    """How many servers the dataplane has; 0 while there is no dataplane yet."""
    shown = director.run(["trimaran", "ipvsadm", "-Ln"]).stdout
    return shown.count("  -> 192.168.1.")


def test_what_is_for_no_service_passes_untouched(module_lab: Lab) -> None:
    client = module_lab.host("client")
    assert client.output(["python3", "-c", PING, VIP]).strip() == "0"  # echo reply
    refused = client.run(["curl", "-sS", "-m", "2", f"http://{VIP}:81/"])
    assert refused.returncode == 7, "the director's own stack refuses a port without a service"
    refused = client.run(["curl", "-sS", "-m", "2", "http://192.168.1.101/"])
    assert refused.returncode == 7, "nothing listens on the director itself"


def test_a_director_that_does_not_hold_the_vip_does_not_serve_it(module_lab: Lab) -> None:
    """Frames for the VIP that still come to the backup's MAC are none of its business."""
    client, lb2 = module_lab.host("client"), module_lab.host("lb2")
    mac = lb2.output(["cat", "/sys/class/net/eth1/address"]).strip()
    try:
        client.output(["ip", "neigh", "replace", VIP, "lladdr", mac, "dev", "eth1"])
        done = client.run(["curl", "-s", "-m", "1", f"http://{VIP}/"])
        assert done.returncode == 28, "nobody answers"
        assert "TCP 0" not in lb2.output(["trimaran", "ipvsadm", "-Lnc"])
    finally:
        client.output(["ip", "neigh", "del", VIP, "dev", "eth1"])


def test_large_requests_go_through(bare_lab: Lab) -> None:
    """Three megabytes towards the server: many full-sized segments through the director."""
    lb1, client = bare_lab.host("lb1"), bare_lab.host("client")
    for web in bare_lab.web_servers:
        web.start(["python3", "-c", SINK])
    lb1.start_service()
    wait_until("both servers in service", lambda: in_service(lb1) == 2, 10)
    wait_until("lb1 is master", lambda: router(lb1).get("state") == "MASTER", 10)
    command = f"head -c 3000000 /dev/zero | curl -sS -m 10 --data-binary @- http://{VIP}/"
    assert [client.output(["sh", "-c", command]) for _ in range(2)] == ["3000000\n"] * 2


def test_statistics_add_up(module_lab: Lab) -> None:
    lb1, client = module_lab.host("lb1"), module_lab.host("client")

    def conns() -> list[int]:
        rows = lb1.output(["trimaran", "ipvsadm", "-Ln", "--stats", "--exact"]).splitlines()
        return [int(row.split()[2]) for row in rows if "192.168.1." in row]

    before = conns()
    curl(client, 6)
    after = conns()
    assert [b - a for a, b in zip(before, after, strict=True)] == [6, 3, 3]


def test_the_timeouts_are_those_of_ipvs(module_lab: Lab) -> None:
    shown = module_lab.host("lb1").output(["trimaran", "ipvsadm", "-L", "--timeout"])
    assert shown == "Timeout (tcp tcpfin udp): 900 120 300\n"


def test_a_forgotten_mac_address_is_resolved_again(module_lab: Lab) -> None:
    lb1, client = module_lab.host("lb1"), module_lab.host("client")
    lb1.output(["ip", "neigh", "flush", "dev", "eth1"])
    assert set(curl(client, 6)) == {"RealServer 1", "RealServer 2"}


def test_a_server_with_another_mac_address_is_followed(lab: Lab) -> None:
    web1, client = lab.host("web1"), lab.host("client")
    for command in ("set dev eth1 down", "set dev eth1 address 02:00:00:00:77:01",
                    "set dev eth1 up"):  # fmt: skip
        web1.output(["ip", "link", *command.split()])
    # As a replaced machine does; the kernel believes an entry for some 30 s otherwise.
    index = web1.output(["cat", "/sys/class/net/eth1/ifindex"]).strip()
    for _ in range(3):
        time.sleep(1)
        web1.output([sys.executable, "-c", GRATUITOUS, index])
    wait_until(
        "both servers answer",
        lambda: (
            {
                client.run(["curl", "-s", "-m", "1", f"http://{VIP}/"]).stdout.strip()
                for _ in range(4)
            }
            == {"RealServer 1", "RealServer 2"}
        ),
        30,
    )


def test_with_no_server_left_clients_are_refused_at_once(lab: Lab) -> None:
    lb1, client = lab.host("lb1"), lab.host("client")
    for web in lab.web_servers:
        web.stop_service()
    wait_until("no server in service", lambda: in_service(lb1) == 0, 15)
    begin = time.monotonic()
    done = client.run(["curl", "-sS", "-m", "5", f"http://{VIP}/"])
    assert done.returncode == 7, "ICMP port unreachable is a refused connection"
    assert time.monotonic() - begin < 2
    assert router(lb1)["state"] == "MASTER"
    assert "is down: connection refused (2 attempts)" in lb1.log
    lab.host("web2").start_service()
    wait_until("one server in service", lambda: in_service(lb1) == 1, 10)
    assert curl(client, 2) == ["RealServer 2"] * 2


def test_a_server_enters_only_after_its_first_success(bare_lab: Lab) -> None:
    lb1 = bare_lab.host("lb1")
    bare_lab.host("web1").start_service()
    lb1.start_service()
    wait_until("one server in service", lambda: in_service(lb1) == 1, 10)
    assert "192.168.1.201:80" in listing(lb1)
    bare_lab.host("web2").start_service()
    wait_until("both servers in service", lambda: in_service(lb1) == 2, 10)


@pytest.mark.parametrize("weight", ["weight 0\n"])
def test_a_quiescent_server_gets_nothing_new(lab: Lab, weight: str) -> None:
    lb1, client = lab.host("lb1"), lab.host("client")
    text = (lb1.directory / "trimaran.conf").read_text()
    (lb1.directory / "trimaran.conf").write_text(text.replace("weight 1\n", weight, 1))
    lb1.reload_service()
    wait_until("weight 0", lambda: "Route   0" in listing(lb1), 3)
    assert curl(client, 4) == ["RealServer 2"] * 4


def test_a_real_server_on_the_director_itself(bare_lab: Lab) -> None:
    lb1, client = bare_lab.host("lb1"), bare_lab.host("client")
    reconfigure(lb1, ("real_server 192.168.1.201 80", "real_server 192.168.1.101 80"))
    page = lb1.directory / "page"
    page.mkdir()
    (page / "index.html").write_text("RealServer lb1\n")
    bare_lab.host("web2").start_service()
    lb1.start(["python3", "-m", "http.server", "-d", str(page), "80"])
    lb1.start_service()
    wait_until("both servers in service", lambda: in_service(lb1) == 2, 10)
    wait_until("lb1 is master", lambda: router(lb1).get("state") == "MASTER", 10)
    answers = curl(client, 4)
    assert sorted(answers) == ["RealServer 2"] * 2 + ["RealServer lb1"] * 2
    assert "192.168.1.101:80             Route   1" in listing(lb1)
