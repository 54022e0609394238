"""`trimaran xdp trace` on a running director: real packets, one reader, errors in a line."""

import json
from pathlib import Path

from watching import VIP, curl

from trimaran.lab.host import wait_until
from trimaran.lab.lab import Lab

TRACE = ["trimaran", "xdp", "trace"]


def test_a_request_is_seen_as_it_is_served(lab: Lab) -> None:
    lb1, client = lab.directors[0], lab.host("client")
    tracing = lb1.start([*TRACE, "--port", "80", "--json", "--count", "12"], Path("trace.log"))
    log = lb1.directory / "trace.log"

    def told() -> bool:
        curl(client)
        return tracing.poll() is not None

    # More than one connection has: the first one may have begun before the trace.
    wait_until("packets are told of", told, 20)
    documents = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(documents) == 12
    assert {d["virtual_address"] for d in documents} == {VIP}
    assert {d["client"] for d in documents} == {str(client.address)}
    assert {d["verdict"] for d in documents} == {"forwarded"}
    assert "SYN_RECV" in {d["state"] for d in documents}
    assert {d["server"] for d in documents} <= {"192.168.1.201:80", "192.168.1.202:80"}

    # One at a time; and a line, not a traceback, for what cannot be.
    first = lb1.start([*TRACE, "--seconds", "60"], Path("first.log"))

    def second_is_refused() -> bool:
        nonlocal first
        if first.poll() is not None:  # the second was the first
            first = lb1.start([*TRACE, "--seconds", "60"], Path("first.log"))
        return "another trace runs" in lb1.run([*TRACE, "--seconds", "0.1"]).stderr

    wait_until("the second is refused", second_is_refused, 20)
    first.terminate()
    first.wait(10)
    refused = lb1.run([*TRACE, "--client", "10.0.0.300"])
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith("Error: --client: '10.0.0.300'")
    done = lb1.run([*TRACE, "--client", "10.9.9.9", "--seconds", "0.2"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    nobody = client.run([*TRACE, "--seconds", "0.1"])
    assert nobody.returncode == 1
    assert nobody.stderr.startswith("trimaran xdp: no XDP dataplane of trimaran runs")
