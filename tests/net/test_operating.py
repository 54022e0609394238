"""Changes by hand on XDP: through the daemon that owns the dataplane, and where there is none."""

from collections.abc import Iterator

import pytest
from net_segment import segment

from trimaran.cli.ipvsadm.main import main
from trimaran.dataplane.xdp.ownership import hold_tables
from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab

SERVED = "TCP  192.168.1.10:80 rr"


def ipvsadm(host: LabHost, arguments: str, lines: str = "") -> tuple[str, str, int]:
    done = host.run([*host.ipvsadm, *arguments.split()], stdin=lines)
    return done.stdout, done.stderr, done.returncode


def xdp(host: LabHost, arguments: str) -> tuple[str, str, int]:
    done = host.run(["trimaran", "xdp", *arguments.split()])
    return done.stdout, done.stderr, done.returncode


DONE = ("", "", 0)


def test_through_the_daemon(lab: Lab) -> None:
    director = lab.host("lb1")
    rules = "-A -t 192.168.1.10:81 -s wlc\n-a -t 192.168.1.10:81 -r 192.168.1.201\n"
    assert ipvsadm(director, "-R", rules) == DONE
    assert ipvsadm(director, "-A -t 192.168.1.10:80") == ("", "Service already exists\n", 255)
    assert ipvsadm(director, "-a -t 192.168.1.10:82 -r 192.168.1.201")[1:] == (
        "Service not defined\n",
        255,
    )
    out, _, status = ipvsadm(director, "-A -f 3")
    assert (out, status) == ("", 255)
    assert ipvsadm(director, "--set 0 7 0") == DONE
    assert ipvsadm(director, "-L --timeout")[0] == "Timeout (tcp tcpfin udp): 900 7 300\n"
    assert ipvsadm(director, "-Z") == DONE
    listed = ipvsadm(director, "-Ln")[0]
    assert SERVED in listed
    assert "TCP  192.168.1.10:81 wlc\n  -> 192.168.1.201:81 " in listed
    assert xdp(director, "attach eth1")[2] == 1
    assert "a trimaran daemon runs here" in xdp(director, "detach")[1]

    # What is configured is repaired, what is not is removed, when the daemon applies again.
    assert ipvsadm(director, "-D -t 192.168.1.10:80") == DONE
    assert SERVED not in ipvsadm(director, "-Ln")[0]
    config = director.directory / "trimaran.conf"
    config.write_text(config.read_text().replace("weight 1", "weight 2", 1))
    director.reload_service()
    wait_until("repaired", lambda: SERVED in ipvsadm(director, "-Ln")[0], 10)
    assert ":81" not in ipvsadm(director, "-Ln")[0]


@pytest.fixture
def alone(bare_lab: Lab) -> Iterator[LabHost]:
    """A director that has the VIP, and no daemon."""
    director = bare_lab.host("lb1")
    director.output(["ip", "address", "add", "192.168.1.10/32", "dev", "eth1"])
    yield director
    director.run(["trimaran", "xdp", "detach"])


def fetch(lab: Lab, port: int = 80) -> str:
    url = f"http://192.168.1.10:{port}/"
    return lab.host("client").output(["curl", "-sS", "-m", "5", url]).strip()


def test_without_a_daemon(bare_lab: Lab, alone: LabHost) -> None:
    for name in ("web1", "web2"):
        bare_lab.host(name).start_service()
    assert ipvsadm(alone, "--dataplane xdp -Ln")[2] == 2
    assert xdp(alone, "status")[2] == 1
    out, _, status = xdp(alone, "attach eth1")
    assert status == 0
    assert "attached to eth1 in native mode" in out
    assert ipvsadm(alone, "-A -t 192.168.1.10:80 -s rr") == DONE
    for last in (201, 202):
        assert ipvsadm(alone, f"-a -t 192.168.1.10:80 -r 192.168.1.{last}") == DONE
    answers = [fetch(bare_lab) for _ in range(4)]
    assert answers == [*answers[:2], *answers[:2]]
    assert len(set(answers)) == 2

    out, _, status = xdp(alone, "status")
    assert status == 0
    said = "1 services, 4 live connections, 0 persistent clients, room for 1048576; no daemon runs"
    assert said in out
    assert "FIN_WAIT            4\n" in out

    # Somebody without an answer is said to be so, and does not stop the rest.
    _, err, status = ipvsadm(alone, "-a -t 192.168.1.10:80 -r 192.168.1.240")
    assert (status, err.count("\n")) == (0, 1)
    assert "192.168.1.240 does not answer" in err

    out, _, _ = xdp(alone, "attach eth1")
    assert len(ipvsadm(alone, "-Lnc")[0].splitlines()) == 6, "attaching again keeps everything"
    out, err, status = xdp(alone, "detach eth9")
    assert (status, "eth9 has no XDP program" in err) == (1, True)
    assert xdp(alone, "detach") == ("detached from eth1\n", "", 0)
    assert ipvsadm(alone, "--dataplane xdp -Ln")[2] == 2


def test_two_at_once_wait_for_each_other(alone: LabHost) -> None:
    assert xdp(alone, "attach eth1")[2] == 0
    running = [
        alone.start([*alone.ipvsadm, "-A", "-t", f"192.168.1.10:{port}", "-s", "rr"])
        for port in range(1, 7)
    ]
    assert [process.wait(30) for process in running] == [0] * len(running)
    assert ipvsadm(alone, "-Sn")[0].count("-A ") == len(running)


@pytest.mark.parametrize("choice", ["auto", "xdp"])
def test_a_daemon_whose_program_is_on_no_interface(
    choice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with segment(), hold_tables(5):
        assert main(["--dataplane", choice, "-L"]) == 2
    assert capsys.readouterr().err == (
        "Can't initialize ipvs: a trimaran daemon runs here on XDP, but its program is attached "
        "to no interface: none has a virtual address, or 'trimaran status' says why\n"
    )
