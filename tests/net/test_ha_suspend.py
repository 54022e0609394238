"""`ha_suspend`: the backup does not check, the master does, and serves as soon as it is one."""

from typing import Any

from watching import reconfigure, wait_for_state

from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab


def servers(director: LabHost) -> list[dict[str, Any]]:
    status = director.status() or {"services": []}
    return [server for service in status["services"] for server in service["servers"]]


def test_only_who_holds_the_address_checks(bare_lab: Lab) -> None:
    lb1, lb2 = bare_lab.host("lb1"), bare_lab.host("lb2")
    for server in bare_lab.web_servers:
        server.start_service()
    for director in (lb1, lb2):
        reconfigure(director, ("  protocol TCP", "  protocol TCP\n  ha_suspend"))
        director.start_service()
    wait_for_state(lb1, "MASTER", 15)
    wait_until("lb1 checks", lambda: [s["up"] for s in servers(lb1)] == [True, True], 10)
    wait_for_state(lb2, "BACKUP", 15)
    assert [s["reason"] for s in servers(lb2)] == ["not checked: its address is not here"] * 2

    lb1.kill()
    wait_for_state(lb2, "MASTER", 15)
    wait_until("lb2 checks", lambda: [s["up"] for s in servers(lb2)] == [True, True], 10)
    wait_until(
        "lb2 serves",
        lambda: (
            bare_lab.host("client")
            .run(["curl", "-sf", "-m", "2", "http://192.168.1.10/"])
            .returncode
            == 0
        ),
        10,
    )
