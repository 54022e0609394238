"""Two directors started by hand, in namespaces made by hand: nothing of our lab is used.

The veth pairs are as `ip link add` makes them: no XDP program at the peers, checksums left to
the (absent) hardware. Native XDP cannot transmit there, and must say so and work all the same.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from trimaran.lab.lab import remove_namespace

EXAMPLES = Path(__file__).parents[2] / "examples"
HOSTS = {"client": 11, "lb1": 101, "lb2": 102, "web1": 201, "web2": 202}
NAME = "hand"
SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = sys.argv[1].encode() + b"\\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 80), Answer).serve_forever()
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def inside(host: str, *words: str) -> list[str]:
    return ["ip", "netns", "exec", f"{NAME}-{host}", *words]


def output(host: str, *words: str) -> str:
    return subprocess.run(
        inside(host, *words), check=True, capture_output=True, text=True, timeout=30
    ).stdout


def trimaran(host: str, *words: str) -> str:
    return output(host, sys.executable, "-m", "trimaran", *words)


def state(host: str) -> str:
    try:
        document = json.loads(trimaran(host, "status", "--json"))
    except subprocess.CalledProcessError:
        return "not running"
    servers = [server for service in document["services"] for server in service["servers"]]
    if not all(server["up"] for server in servers):
        return "servers not up"
    routers = document["virtual_routers"]
    return str(routers[0]["state"]) if routers else "not speaking yet"


def wait_for(host: str, wanted: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (found := state(host)) != wanted:
        assert time.monotonic() < end, f"{host} is {found} after {seconds} s, not {wanted}"
        time.sleep(0.1)


def curl(times: int) -> list[str]:
    answers = []
    for _ in range(times):
        answers.append(output("client", "curl", "-sS", "-m", "5", "http://192.168.1.10/").strip())
    return answers


@pytest.fixture
def lan() -> Iterator[ExitStack]:
    """Five hosts on a bridge; whatever is started through the stack ends with the test."""
    with ExitStack() as stack:
        names = [f"{NAME}-{host}" for host in ("lan", *HOSTS)]
        for name in names:
            ip("netns", "add", name)
            stack.callback(remove_namespace, name)
        ip("-n", f"{NAME}-lan", "link", "add", "br0", "type", "bridge")
        ip("-n", f"{NAME}-lan", "link", "set", "br0", "up")
        for host, number in HOSTS.items():
            here = f"{NAME}-{host}"
            ip("link", "add", "eth1", "netns", here, "type", "veth", "peer", "name", host,
               "netns", f"{NAME}-lan")  # fmt: skip
            ip("-n", f"{NAME}-lan", "link", "set", host, "master", "br0", "up")
            ip("-n", here, "addr", "add", f"192.168.1.{number}/24", "dev", "eth1")
            ip("-n", here, "link", "set", "lo", "up")
            ip("-n", here, "link", "set", "eth1", "up")
        for number, host in enumerate(("web1", "web2"), 1):
            for key, value in (("arp_ignore", 1), ("arp_announce", 2)):
                output(host, "sysctl", "-qw", f"net.ipv4.conf.all.{key}={value}")
            ip("-n", f"{NAME}-{host}", "addr", "add", "192.168.1.10/32", "dev", "lo")
            start(stack, host, sys.executable, "-c", SERVER, f"RealServer {number}")
        yield stack


def start(stack: ExitStack, host: str, *words: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        inside(host, *words), stdin=subprocess.DEVNULL, start_new_session=True
    )

    def end() -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)

    stack.callback(end)
    return process


def test_two_directors_balance_and_one_takes_over(lan: ExitStack) -> None:
    directors = {
        host: start(
            lan, host, sys.executable, "-m", "trimaran", "run",
            "-f", str(EXAMPLES / host / "keepalived.conf"),
        )
        for host in ("lb1", "lb2")
    }  # fmt: skip
    wait_for("lb1", "MASTER", 10)
    wait_for("lb2", "BACKUP", 10)

    answers = curl(10)
    assert sorted(set(answers)) == ["RealServer 1", "RealServer 2"]
    assert all(one != two for one, two in itertools.pairwise(answers)), answers
    assert trimaran("lb1", "ipvsadm", "-Lnc").count("FIN_WAIT") == 10
    assert "TCP" not in trimaran("lb2", "ipvsadm", "-Lnc")

    ip("-n", f"{NAME}-lan", "link", "set", "lb1", "down")
    os.killpg(directors["lb1"].pid, signal.SIGKILL)
    wait_for("lb2", "MASTER", 6)
    answers = curl(10)
    assert all(one != two for one, two in itertools.pairwise(answers)), answers
    assert trimaran("lb2", "ipvsadm", "-Lnc").count("FIN_WAIT") == 10
