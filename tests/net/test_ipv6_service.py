"""An IPv6 service on two directors: VRRP, checks and the XDP dataplane, with real packets.

The master dies while a connection is open, comes back and takes over again: that connection goes
on (mh), and new ones find the service at every turn.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from two_directors import configure, wait_for
from watching import child_pid

from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab

NET = "2001:db8:1::"
VIP = f"{NET}10"
NUMBERS = {"client": 11, "lb1": 101, "lb2": 102, "web1": 201, "web2": 202}
CONFIG = f"""
vrrp_instance ip6 {{
  interface eth1
  virtual_router_id 6
  priority PRIORITY
  advert_int 0.2
  virtual_ipaddress {{
    fe80::6/64
    {VIP}/64
  }}
}}
virtual_server {VIP} 80 {{
  lvs_sched mh
  mh-port
  lvs_method DR
  protocol TCP
  delay_loop 1
  real_server {NET}201 80 {{
    TCP_CHECK {{
    }}
  }}
  real_server {NET}202 80 {{
    TCP_CHECK {{
    }}
  }}
}}
"""
# A request for each line that comes in, all of them on one connection.
CLIENT = f"""
import http.client, sys
connection = http.client.HTTPConnection("{VIP}", 80, timeout=30)
for _ in sys.stdin:
    connection.request("GET", "/")
    print(connection.getresponse().read().decode().strip(), flush=True)
"""


def lay(lab: Lab) -> None:
    """IPv6 addresses beside the exercise's, and servers that answer at the VIP."""
    for name, number in NUMBERS.items():
        host = lab.host(name)
        host.output(["ip", "address", "add", f"{NET}{number}/64", "dev", "eth1", "nodad"])
    for web in lab.web_servers:
        web.output(["ip", "address", "add", f"{VIP}/128", "dev", "lo", "nodad"])
        path = web.directory / "nginx.conf"
        path.write_text(path.read_text().replace("listen 80;", "listen [::]:80;"))
        web.start_service()
    for director in lab.directors:
        configure(director, CONFIG)
        director.start_service()


def in_service(director: LabHost) -> bool:
    return director.run(["trimaran", "ipvsadm", "-Ln"]).stdout.count(f"  -> [{NET}20") == 2


def request(client: LabHost) -> str:
    return client.output(["curl", "-gsS", "-m", "10", f"http://[{VIP}]/"]).strip()


class Connection:
    """One open connection of the client's to the VIP."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self) -> str:
        """The next answer on it; empty if it is broken."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def connection(client: LabHost) -> Iterator[Connection]:
    command = client.command([sys.executable, "-c", CLIENT])
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Connection(process)
        process.kill()


def test_it_goes_on_when_the_master_dies_and_when_it_returns(bare_lab: Lab) -> None:
    lab = bare_lab
    client, lb1, lb2 = lab.host("client"), lab.host("lb1"), lab.host("lb2")
    lay(lab)
    wait_for(lb1, "MASTER")
    wait_for(lb2, "BACKUP")
    for director in (lb1, lb2):
        wait_until(f"{director.name} has both servers", lambda d=director: in_service(d), 10)
    assert {request(client) for _ in range(20)} == {"RealServer 1", "RealServer 2"}
    with connection(client) as opened:
        server = opened.ask()
        assert server in ("RealServer 1", "RealServer 2")
        plane = child_pid(lb2, "plane")
        lb1.kill()
        assert request(client).startswith("RealServer")
        assert opened.ask() == server
        wait_for(lb2, "MASTER")
        assert f"[{VIP}]:80" in lb2.output(["trimaran", "ipvsadm", "-Lnc"])
        lb1.heal()
        wait_for(lb1, "MASTER")
        wait_for(lb2, "BACKUP")
        assert request(client).startswith("RealServer")
        assert opened.ask() == server
        assert child_pid(lb2, "plane") == plane
