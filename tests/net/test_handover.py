"""Planned moves of the address, as a client sees them: it sees nothing."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from watching import VIP, holds_vip, reconfigure, router, wait_for_state

from trimaran.lab.host import wait_until
from trimaran.lab.lab import Lab

LONG_LIVED = Path(__file__).with_name("long_lived.py")
CONNECTIONS = 30


@pytest.fixture
def maglev(bare_lab: Lab) -> Iterator[Lab]:
    """Either director would forward a packet to the same server. lb1 is master."""
    for director in bare_lab.directors:
        reconfigure(director, ("lvs_sched rr", "lvs_sched mh\n  mh-port"))
    bare_lab.start_services()
    wait_for_state(bare_lab.host("lb1"), "MASTER")
    wait_for_state(bare_lab.host("lb2"), "BACKUP")
    yield bare_lab
    for director in bare_lab.directors:
        print(f"--- {director.name}:\n{director.log}")


@contextmanager
def undisturbed(lab: Lab) -> Iterator[None]:
    """Clients connect every 10 ms and others talk all the time; none of them fails."""
    client = lab.host("client")
    log = client.directory / "probe.log"
    talk = client.start(["python3", str(LONG_LIVED), VIP, str(CONNECTIONS), "20"], Path("talk.log"))
    talked = client.directory / "talk.log"
    wait_until("all are open", lambda: "open" in talked.read_text(), 8)
    probe = client.start(
        ["python3", "-m", "trimaran.lab.probe", VIP, "80", "60", "0"], Path("probe.log")
    )
    wait_until("it probes", lambda: log.exists() and log.read_text().count("\n") > 50, 8)
    yield
    time.sleep(1)
    probe.terminate()
    probe.wait(5)
    attempts = [json.loads(line) for line in log.read_text().splitlines()]
    failed = [attempt for attempt in attempts if attempt["answer"] is None]
    assert failed == [], f"{len(failed)} of {len(attempts)}"
    talk.wait(40)
    assert int(talked.read_text().split()[-1]) == 0


def test_no_planned_move_costs_a_connection(maglev: Lab) -> None:
    """Failover by order, maintenance, a stop, and the return of the better one."""
    lb1, lb2 = maglev.host("lb1"), maglev.host("lb2")
    with undisturbed(maglev):
        said = lb1.output(["trimaran", "vrrp", "failover", "ip1"])
        assert said == "ip1 is at 192.168.1.102 now\n"
        wait_for_state(lb2, "MASTER", 1)

        lb2.output(["trimaran", "maintenance", "on"])
        wait_for_state(lb1, "MASTER", 3)
        wait_for_state(lb2, "FAULT", 2)
        lb2.reload_service()
        lb2.output(["trimaran", "maintenance", "off"])
        wait_for_state(lb2, "BACKUP", 2)

        lb1.stop_service()
        wait_for_state(lb2, "MASTER", 1)
        lb1.start_service()
        wait_for_state(lb1, "MASTER", 12)
        wait_for_state(lb2, "BACKUP", 2)


def test_with_nobody_to_take_over_a_failover_changes_nothing(lab: Lab) -> None:
    lb1, lb2 = lab.host("lb1"), lab.host("lb2")
    lb2.stop_service()
    done = lb1.run(["trimaran", "vrrp", "failover", "ip1"])
    assert done.returncode == 1
    assert done.stderr == "trimaran: nobody has taken ip1 over: it stays here\n"
    assert (router(lb1)["state"], router(lb1)["transitions"]) == ("MASTER", 2)


def test_orders_that_make_no_sense_are_refused(module_lab: Lab) -> None:
    lb2 = module_lab.host("lb2")
    for name, why in (
        ("ip1", "ip1 is BACKUP here, so there is nothing to hand over"),
        ("ip9", "there is no virtual router 'ip9' here; there are: ip1"),
    ):
        done = lb2.run(["trimaran", "vrrp", "failover", name])
        assert (done.returncode, done.stderr) == (1, f"trimaran: {why}\n")


def test_maintenance_outlives_a_reload_and_a_new_speaker(module_lab: Lab) -> None:
    lb2 = module_lab.host("lb2")
    lb2.output(["trimaran", "maintenance", "on"])
    try:
        wait_for_state(lb2, "FAULT", 3)
        lb2.reload_service()
        lb2.send("trimaran.daemon speaker", signal.SIGKILL)
        wait_until("another speaker", lambda: router(lb2).get("transitions") == 1, 10)
        shown = lb2.output(["trimaran", "status"])
        assert shown.startswith("Maintenance: this director takes no part in elections.\n")
        assert "  ip1: maintenance\n" in shown
    finally:
        lb2.output(["trimaran", "maintenance", "off"])
    wait_for_state(lb2, "BACKUP", 3)
    assert not holds_vip(lb2)
