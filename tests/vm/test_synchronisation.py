"""A director on XDP and one on the kernel's IPVS (keepalived's) know each other's connections."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from trimaran.lab import lab as labs
from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab
from trimaran.lab.listings import connection_lines
from trimaran.lab.long_lived import Roll

CONNECTIONS = 12
SYNC = "global_defs {\n  lvs_sync_daemon eth1 ip1 id 7\n}\n"


@pytest.fixture(
    params=[("trimaran", "keepalived"), ("keepalived", "trimaran")], ids=lambda names: names[0]
)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The exercise, settled: lb1, on the one dataplane, is master, lb2, on the other, backup."""
    made = labs.up("vm-sync", programs=request.param, dataplane="xdp")
    try:
        for director in made.directors:
            file = director.directory / "trimaran.conf"
            file.write_text(SYNC + file.read_text())
        made.start_services()
        made.wait_settled()
        yield made
        for director in made.directors:
            print(f"--- {director.name}:\n{director.log}")
    finally:
        made.down()


def established(director: LabHost) -> dict[str, str]:
    """Client → real server, of the connections in this state."""
    lines = connection_lines(director.output([*director.ipvsadm, "-Lnc"]))
    return {line.source: line.destination for line in lines if line.state == "ESTABLISHED"}


@pytest.mark.timeout(900)
def test_connections_go_on_through_a_director_of_the_other_kind(lab: Lab) -> None:
    lb1, lb2 = lab.directors
    client, vip = lab.host("client"), lb1.config.virtual_services[0].key.address
    command = [sys.executable, "-m", "trimaran.lab.long_lived", str(vip), str(CONNECTIONS), "0", ""]
    talk = client.start(command, Path("long-lived.log"))

    def rolls() -> list[Roll]:
        lines = (client.directory / "long-lived.log").read_text().splitlines()
        return [msgspec.json.decode(line, type=Roll) for line in lines]

    wait_until("all are open", rolls, 8)
    wait_until("lb1 has them", lambda: len(established(lb1)) == CONNECTIONS, 8)
    wait_until("lb2 knows them", lambda: established(lb2) == established(lb1), 8)
    assert len(set(established(lb2).values())) == 2, "on both servers"
    lb1.kill()
    wait_until("lb2 is master", lambda: lb2.holds(vip), 8)
    talk.send_signal(signal.SIGUSR1)
    wait_until("all were asked", lambda: len(rolls()) == 2, 40)
    talk.send_signal(signal.SIGTERM)
    talk.wait()
    assert [(roll.opened, roll.lost) for roll in rolls()] == [(CONNECTIONS, 0)] * 3
