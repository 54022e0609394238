"""`trimaran server`: draining with real connections, through a reload that removes the server."""

import subprocess
import sys

from watching import reconfigure

from trimaran.lab.host import ENVIRONMENT, LabHost, wait_until
from trimaran.lab.lab import Lab

# A client that keeps a connection open until a line comes, then ends it from its side.
HOLD = """
import http.client, sys
connection = http.client.HTTPConnection("192.168.1.10", timeout=30)
connection.request("GET", "/")
print(connection.getresponse().read().decode().strip(), flush=True)
sys.stdin.readline()
connection.request("GET", "/")
connection.getresponse().read()
connection.close()
print("went on", flush=True)
"""


def hold(client: LabHost) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    command = client.command([sys.executable, "-c", HOLD])
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=ENVIRONMENT)


def server(director: LabHost, *words: str) -> tuple[int, str]:
    done = director.run(["trimaran", "server", *words], timeout=60)
    return done.returncode, done.stdout + done.stderr


def listed(director: LabHost) -> str:
    return director.output(["trimaran", "ipvsadm", "-Ln"])


def test_drain_by_order_and_by_reload(lab: Lab) -> None:
    lb1, client = lab.host("lb1"), lab.host("client")
    reconfigure(lb1, ("  protocol TCP", "  protocol TCP\n  drain_timeout 600"))
    assert lb1.run(["trimaran", "reload"]).returncode == 0
    # Short timeouts, so that closed connections are gone in a moment.
    lb1.output(["trimaran", "ipvsadm", "--set", "60", "2", "60"])
    with hold(client) as connection:
        assert connection.stdin
        assert connection.stdout
        served_by = connection.stdout.readline().split()[-1]
        address = f"192.168.1.20{served_by}"

        status, said = server(lb1, "drain", address, "--wait", "1")
        assert (status, said.splitlines()[0]) == (1, f"TCP 192.168.1.10:80: server {address}:80")
        assert "connections left after" in said
        assert f"{address}:80             Route   0" in listed(lb1)
        wait_until(
            "the status says so",
            lambda: "draining, 1 connection left" in lb1.output(["trimaran", "status"]),
            10,
        )
        others = [client.output(["curl", "-s", "http://192.168.1.10/"]) for _ in range(4)]
        assert not any(served_by in answer for answer in others)

        # A reload takes the server away: it stays for its connection, and leaves after it.
        assert server(lb1, "enable", address)[0] == 0
        config = (lb1.directory / "trimaran.conf").read_text()
        begin = config.index(f"  real_server {address} 80")
        end = config.index("\n  }\n", begin) + len("\n  }\n")
        (lb1.directory / "trimaran.conf").write_text(config[:begin] + config[end:])
        assert lb1.run(["trimaran", "reload"]).returncode == 0
        assert "removed, but drains first" in lb1.log
        assert f"{address}:80             Route   0" in listed(lb1)
        connection.stdin.write("\n")
        connection.stdin.flush()
        assert connection.stdout.readline() == "went on\n"
    wait_until("it has left", lambda: address not in listed(lb1), 30)
    assert f"server {address}:80: drained, now removed" in lb1.log
    assert server(lb1, "drain", address) == (
        1,
        f"trimaran: there is no real server {address}\n",
    )
