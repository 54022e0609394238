"""Open connections when the director that carries them dies, and when it comes back."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watching import VIP, holds_vip, reconfigure

from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab

CLIENT = Path(__file__).with_name("long_lived.py")
CONNECTIONS = 100


@pytest.fixture
def settled(bare_lab: Lab, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Both directors run, with what the test asks for in their files; lb1 is master."""
    for director in bare_lab.directors:
        reconfigure(director, *request.param)
    bare_lab.start_services()
    lb1, _ = bare_lab.directors
    wait_until("lb1 is master", lambda: holds_vip(lb1), 8)
    yield bare_lab
    for director in bare_lab.directors:
        print(f"--- {director.name}:\n{director.log}")


def forget_everything(director: LabHost) -> None:
    """As if its kernel had started anew, too."""
    director.run(["ip", "link", "set", "eth1", "xdp", "off"])
    director.run(["ip", "address", "del", f"{VIP}/24", "dev", "eth1"])


SYNCHRONISED = (
    ("virtual_server 192", "global_defs {\n lvs_sync_daemon eth1\n}\nvirtual_server 192"),
)
MAGLEV = (("lvs_sched rr", "lvs_sched mh\n  mh-port"),)


def lost(lab: Lab) -> int:
    """How many of the open connections do not live through lb1's death and its return."""
    lb1, lb2 = lab.directors
    client = lab.host("client")
    talk = client.start(["python3", str(CLIENT), VIP, str(CONNECTIONS), "24"], Path("talk.log"))
    log = client.directory / "talk.log"
    wait_until("all are open", lambda: "open" in log.read_text(), 8)
    time.sleep(2.5)  # others are told once a second
    lb1.kill()
    forget_everything(lb1)
    wait_until("lb2 has taken over", lambda: holds_vip(lb2), 6)
    time.sleep(1)
    lb1.heal()
    wait_until("lb1 is back", lambda: holds_vip(lb1), 12)
    talk.wait(40)
    return int(log.read_text().split()[-1])


@pytest.mark.parametrize("settled", [SYNCHRONISED], indirect=True)
def test_synchronised_connections_outlive_their_director_and_its_return(settled: Lab) -> None:
    assert lost(settled) == 0


@pytest.mark.long
@pytest.mark.parametrize("settled", [MAGLEV], indirect=True)
def test_maglev_needs_no_synchronisation(settled: Lab) -> None:
    assert lost(settled) == 0


@pytest.mark.long
@pytest.mark.parametrize("settled", [()], indirect=True)
def test_without_either_connections_are_lost(settled: Lab) -> None:
    assert lost(settled) > CONNECTIONS // 4
