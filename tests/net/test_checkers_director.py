"""A director whose servers are checked by HTTP, and weighed by a program."""

from pathlib import Path

from watching import curl, reconfigure

from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab


def listing(director: LabHost) -> str:
    return director.output(["trimaran", "ipvsadm", "-Ln"])


def test_a_program_says_the_weight_and_http_the_fitness(lab: Lab, tmp_path: Path) -> None:
    lb1 = lab.host("lb1")
    told = tmp_path / "status"
    told.write_text("9")
    text = (lb1.directory / "trimaran.conf").read_text()
    first = next(line for line in text.splitlines() if "TCP_CHECK" in line)
    program = f"/bin/sh -c 'exit $(cat {told})'"
    misc = f'MISC_CHECK {{\nmisc_path "{program}" root\nmisc_dynamic\ndelay_loop 0.2\n}}\n'
    http = "HTTP_GET {\nurl {\npath /\nregex RealServer\n}\ndelay_loop 0.2\nretry 0\n}\n"
    reconfigure(lb1, (first, misc + http + first))
    lb1.reload_service()
    wait_until("the weights", lambda: listing(lb1).count("Route   7") == 2, 5)
    assert set(curl(lab.host("client"), 4)) == {"RealServer 1", "RealServer 2"}
    told.write_text("22")
    wait_until("new weights", lambda: listing(lb1).count("Route   20") == 2, 5)
    told.write_text("1")
    wait_until("no server", lambda: "Route" not in listing(lb1), 5)
    told.write_text("0")
    wait_until("the configured weights", lambda: listing(lb1).count("Route   1") == 2, 5)
    reconfigure(lb1, ("regex RealServer", 'regex "RealServer 1"'))
    lb1.reload_service()
    wait_until("one server", lambda: listing(lb1).count("Route") == 1, 5)
    assert set(curl(lab.host("client"), 4)) == {"RealServer 1"}
