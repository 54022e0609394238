"""`trimaran check --environment`: real servers as the director's segment sees them, and all else
that only a machine can say of its file."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from net_segment import HERE, THERE, inside, ip, segment

from trimaran.cli.check import check
from trimaran.cli.realserver import realserver

VIP, VIP6, SERVER, SERVER6 = "10.99.0.77", "2001:db8:99::77", "10.99.0.2", "2001:db8:99::2"


@pytest.fixture(autouse=True)
def _segment() -> Iterator[None]:
    with segment():
        yield


def run(file: Path, *options: str) -> tuple[int, list[str]]:
    """On the director: the exit status, and what is said without the file's own lines."""
    with inside(HERE):
        done = CliRunner().invoke(check, ["--environment", str(file), *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    said = [line.removeprefix(f"{file}:") for line in done.output.splitlines()]
    return done.exit_code, [line for line in said if ": warning: " in line or "asked" in line]


def service(path: Path, vip: str, server: str, method: str = "DR") -> Path:
    file = path / "keepalived.conf"
    file.write_text(
        f"virtual_server {vip} 8080 {{\n protocol TCP\n lvs_method {method}\n"
        f" real_server {server} 8080 {{\n }}\n}}\n"
    )
    return file


def set_up(*words: str) -> None:
    """On the real server."""
    with inside(THERE):
        CliRunner().invoke(realserver, ["setup", *words], catch_exceptions=False)


@contextmanager
def listening(address: str) -> Iterator[None]:
    """On the real server."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with inside(THERE):
        listener = socket.create_server((address, 8080), family=family)
    with listener:
        yield


ASKED = "asked 1 real servers, tried 1 services through the VIP"


def test_a_real_server_is_asked_for_the_vip_and_its_service_by_it(tmp_path: Path) -> None:
    file = service(tmp_path, VIP, SERVER)
    silent = f"4:14: warning: {SERVER} does not answer to {VIP} port 8080, as clients would make "
    status, said = run(file)
    assert (status, said[-1]) == (1, ASKED)
    assert said[0].startswith(silent), "the VIP is not on its lo"

    ip("-n", THERE, "address", "add", f"{VIP}/32", "dev", "lo")
    claims = (
        f"4:14: warning: {SERVER} answers ARP for {VIP}: clients' packets go there past the "
        f"directors; on it, 'trimaran realserver setup {VIP}' sets that right"
    )
    refuses = (
        f"4:14: warning: {SERVER} refuses connections to {VIP} port 8080, as clients would make "
        f"them; on it, 'trimaran realserver check {VIP}' says why"
    )
    assert sorted(run(file)[1][:-1]) == sorted([claims, refuses])

    set_up(VIP)
    with listening(SERVER):
        assert run(file) == (1, [refuses, ASKED]), "the service listens, but not on the VIP"
    with listening(VIP):
        assert run(file) == (0, [ASKED])
        # The same of a director that is master, whose kernel takes the VIP for its own.
        ip("-n", HERE, "address", "add", f"{VIP}/32", "dev", "tv0")
        assert run(file) == (0, [ASKED])


def test_the_same_with_ipv6(tmp_path: Path) -> None:
    for name, device, address in ((HERE, "tv0", 1), (THERE, "tv1", 2)):
        ip("-n", name, "address", "add", f"2001:db8:99::{address}/64", "dev", device, "nodad")
    file = service(tmp_path, VIP6, SERVER6)
    set_up(VIP6)
    with listening(VIP6):
        assert run(file) == (0, [ASKED])
    ip("-n", THERE, "address", "add", f"{VIP6}/128", "dev", "tv1", "nodad")
    status, said = run(file)
    assert status == 1
    assert said[0].startswith(f"4:14: warning: {SERVER6} answers NDP for {VIP6}: ")


def test_who_cannot_be_asked_is_said(tmp_path: Path) -> None:
    status, said = run(service(tmp_path, VIP, "10.99.0.9"))
    assert status == 1
    assert said[0] == "4:14: warning: 10.99.0.9 does not answer, so its MAC address is not known"
    status, said = run(service(tmp_path, VIP, "10.98.0.9"))
    assert said[0] == "4:14: warning: cannot reach 10.98.0.9: no route"
    ip("-n", HERE, "route", "add", "10.98.0.0/24", "via", SERVER)
    status, said = run(service(tmp_path, VIP, "10.98.0.9"))
    assert said[0].startswith(f"4:14: warning: 10.98.0.9 is behind the router {SERVER}; ")
    untried = "; 1 not tried: NAT, fwmark, no TCP, or a tunnel of another type than ipip"
    status, said = run(service(tmp_path, VIP, SERVER, "NAT"))
    assert (status, said[0]) == (
        0,
        "asked 0 real servers, tried 0 services through the VIP" + untried,
    )


def test_the_question_to_a_server_behind_a_tunnel_comes_in_one(tmp_path: Path) -> None:
    file = service(tmp_path, VIP, SERVER, "TUN")
    with inside(THERE):
        heard = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IPIP)
    with heard:
        heard.settimeout(20)
        assert run(file)[1][0].startswith(f"4:14: warning: {SERVER} does not answer to {VIP}")
        outer = heard.recv(100)
    inner = outer[20:]
    assert inner[12:20] == socket.inet_aton("10.99.0.1") + socket.inet_aton(VIP)
    assert (inner[9], inner[33]) == (socket.IPPROTO_TCP, 0x02), "a SYN"


def test_what_the_machine_lacks_of_what_the_file_names(tmp_path: Path) -> None:
    weak = tmp_path / "weak.sh"
    weak.write_text("#!/bin/sh\n")
    weak.chmod(0o777)
    file = tmp_path / "keepalived.conf"
    file.write_text(
        "global_defs {\n script_user root\n notification_email {\n a@example.com\n }\n"
        " smtp_server nobody.invalid\n}\n"
        f"vrrp_instance ip1 {{\n interface tv0\n virtual_router_id 1\n notify_master {weak}\n"
        " notify_backup /nonexistent/program\n notify_fault /bin/true nobody-of-this-name\n"
        f" virtual_ipaddress {{\n {VIP}/24\n }}\n}}\n"
    )
    status, said = run(file)
    assert status == 1
    assert said[0].startswith("6:14: warning: 'nobody.invalid' is no host: ")
    assert said[1].startswith(f"11:16: warning: {tmp_path.parents[-2]}")
    assert "can be written by others than root, but runs as root" in said[1]
    assert said[2] == (
        "12:16: warning: cannot run /nonexistent/program: there is no such program, or it is not "
        "executable"
    )
    assert said[3] == "13:15: warning: cannot run /bin/true: there is no user nobody-of-this-name"

    file.write_text(file.read_text().replace("interface tv0", "interface eth77"))
    with inside(HERE):
        done = CliRunner().invoke(check, ["--environment", "--json", str(file)])
    assert done.exit_code == 2, "as the daemon would refuse it"
    (only,) = [
        one for one in json.loads(done.output)["files"][0]["diagnostics"] if one["line"] == 9
    ]
    assert only["message"] == "this machine has no interface 'eth77'"


def test_files_that_tls_needs(tmp_path: Path) -> None:
    file = service(tmp_path, VIP, SERVER, "NAT")
    check = (
        f"SSL_GET {{\n verify_certificate {tmp_path}/ca.pem\n url {{\n path /\n }}\n }}\n }}\n}}"
    )
    file.write_text(file.read_text().replace("}\n}", check))
    warning = f"6:21: warning: cannot read '{tmp_path}/ca.pem'; its checks fail without it"
    assert run(file)[1][0] == warning
    (tmp_path / "ca.pem").touch()
    assert run(file)[0] == 0


def test_it_is_about_one_machine(tmp_path: Path) -> None:
    file = service(tmp_path, VIP, SERVER)
    done = CliRunner().invoke(check, ["--environment", str(file), str(file)])
    assert done.exit_code == 2
    assert "name its own file only" in done.output
    file.write_text(f"net_namespace nowhere\n{file.read_text()}")
    done = CliRunner().invoke(check, ["--environment", str(file)])
    assert done.exit_code == 3
    assert "there is no network namespace 'nowhere'" in done.output
