"""Interfaces, XDP programs and reloads that change under a running director."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from watching import (
    VIP,
    child_pid,
    curl,
    holds_vip,
    wait_for_state,
    watch,
)

from trimaran.lab.errors import LabError
from trimaran.lab.host import LabHost, run_in, wait_until
from trimaran.lab.lab import Lab

pytestmark = pytest.mark.long


def start(lab: Lab, config: str | None = None, *, web: bool = False) -> LabHost:
    """lb1 alone, soon master."""
    director = lab.host("lb1")
    if config is not None:
        (director.directory / "trimaran.conf").write_text(config)
    if web:
        for server in lab.web_servers:
            server.start_service()
    director.start_service()
    return director


def reload(director: LabHost, config: str) -> None:
    (director.directory / "trimaran.conf").write_text(config)
    times = director.log.count("the new configuration is in force")
    director.reload_service()
    wait_until(
        "the reload",
        lambda: director.log.count("the new configuration is in force") > times,
        3,
    )


def routers(director: LabHost) -> dict[str, dict[str, Any]]:
    return {r["name"]: r for r in (director.status() or {}).get("virtual_routers", [])}


def instance(
    name: str, vrid: int, *vips: str, more: str = "", priority: int = 100, state: str = "MASTER"
) -> str:
    addresses = "\n".join(vips)
    return f"""
vrrp_instance {name} {{
  state {state}
  interface eth1
  virtual_router_id {vrid}
  priority {priority}
  {more}
  virtual_ipaddress {{
{addresses}
  }}
}}
"""


def service(vip: str, port: int, servers: list[str]) -> str:
    real = "\n".join(
        f"  real_server {s} 80 {{\n weight 1\n TCP_CHECK {{\n connect_timeout 1\n }}\n }}"
        for s in servers
    )
    return f"""
virtual_server {vip} {port} {{
  lvs_sched rr
  lvs_method DR
  protocol TCP
  delay_loop 2
{real}
}}
"""


def xdp(director: LabHost) -> str:
    return director.output(["ip", "-d", "link", "show", "dev", "eth1"])


def foreign_program(director: LabHost) -> None:
    director.output([sys.executable, "-m", "trimaran.lab.passthrough", "eth1"])


def program_number(director: LabHost) -> str:
    words = xdp(director).split()
    return words[words.index("prog/xdp") + 2] if "prog/xdp" in words else ""


def plug(lab: Lab, director: LabHost) -> None:
    """A new eth1 in the place of the one that was deleted."""
    lan = f"{lab.prefix}-lan"
    for command in (
        f"ip link add name {director.name} type veth peer name eth1 netns {director.namespace}",
        f"ip link set dev {director.name} master br0 up",
    ):
        run_in(lan, command.split())
    director.output(["ethtool", "-K", "eth1", "tx", "off"])
    director.output(["ip", "address", "add", f"{director.address}/24", "dev", "eth1"])
    director.output(["ip", "link", "set", "eth1", "up"])


# XDP


def test_a_program_that_was_taken_off_is_put_back(bare_lab: Lab) -> None:
    lb1 = start(bare_lab)
    wait_for_state(lb1, "MASTER")
    lb1.output(["ip", "link", "set", "dev", "eth1", "xdp", "off"])
    wait_until("the program is back", lambda: program_number(lb1), 4)
    assert (lb1.status() or {})["dataplane"]["interfaces"].keys() == {"eth1"}


def test_a_foreign_program_stays_and_is_reported(bare_lab: Lab) -> None:
    lb1 = bare_lab.host("lb1")
    foreign_program(lb1)
    number = program_number(lb1)
    start(bare_lab)
    wait_until("it says so", lambda: "already has an XDP program" in lb1.log, 8)
    assert lb1.stop_service() == 0
    assert program_number(lb1) == number


def test_a_director_whose_interface_cannot_be_served_is_not_master(lab: Lab) -> None:
    """lb2 can serve; lb1, started anew under a foreign program, cannot."""
    lb1, lb2 = lab.host("lb1"), lab.host("lb2")
    lb1.stop_service()
    wait_for_state(lb2, "MASTER")
    foreign_program(lb1)
    lb1.start_service()
    time.sleep(6)
    assert holds_vip(lb2)
    assert not holds_vip(lb1)
    curl(lab.host("client"), 2)


def test_a_foreign_program_put_in_our_place_is_noticed_and_left_alone(bare_lab: Lab) -> None:
    lb1 = start(bare_lab)
    wait_for_state(lb1, "MASTER")
    lb1.output(["ip", "link", "set", "dev", "eth1", "xdp", "off"])
    foreign_program(lb1)
    number = program_number(lb1)
    time.sleep(2.5)
    shown = (lb1.status() or {})["dataplane"]["interfaces"]
    assert lb1.stop_service() == 0
    assert program_number(lb1) == number, "the daemon detached somebody else's program"
    assert shown.get("eth1") not in ("native", "generic")


def test_a_second_daemon_with_another_run_directory_does_no_harm(
    bare_lab: Lab, tmp_path: Path
) -> None:
    lb1 = start(bare_lab, web=True)
    wait_for_state(lb1, "MASTER")
    log = Path("second.out")
    second = lb1.start([*lb1.service_command, "--run-dir", str(tmp_path / "run")], log)
    time.sleep(3)
    second.terminate()
    second.wait(5)
    time.sleep(2)
    print((lb1.directory / log).read_text())
    assert holds_vip(lb1)
    assert program_number(lb1), "the second took the first's program away"
    assert set(curl(bare_lab.host("client"), 2)) == {"RealServer 1", "RealServer 2"}


# Interfaces


def test_an_interface_that_is_replaced(bare_lab: Lab) -> None:
    lb1 = start(bare_lab, web=True)
    wait_for_state(lb1, "MASTER")
    for _ in range(3):
        lb1.output(["ip", "link", "del", "eth1"])
        plug(bare_lab, lb1)
    wait_for_state(lb1, "MASTER", 8)
    wait_until("the program is back", lambda: program_number(lb1), 4)
    wait_until("served", lambda: lb1.output(["trimaran", "ipvsadm", "-Ln"]).count("Route") == 2, 8)
    bare_lab.host("client").output(["ip", "neigh", "flush", "all"])
    assert set(curl(bare_lab.host("client"), 2)) == {"RealServer 1", "RealServer 2"}


@pytest.mark.parametrize("name", ["speaker", "plane"])
def test_an_interface_that_is_replaced_while_nobody_looks(bare_lab: Lab, name: str) -> None:
    """Both events in one batch, for each of some interface numbers."""
    lb1 = start(bare_lab)
    wait_for_state(lb1, "MASTER")
    for _ in range(3):
        lb1.send(f"trimaran.daemon {name}", signal.SIGSTOP)
        lb1.output(["ip", "link", "del", "eth1"])
        plug(bare_lab, lb1)
        lb1.send(f"trimaran.daemon {name}", signal.SIGCONT)
        index = xdp(lb1).split(":")[0]
        try:
            wait_for_state(lb1, "MASTER", 6)
            wait_until("the program is back", lambda: program_number(lb1), 4)
        except LabError as error:
            raise AssertionError(f"eth1 has number {index}: {error}; {lb1.status()}") from None


def test_a_new_mac_address_is_announced(bare_lab: Lab) -> None:
    lb1 = start(bare_lab)
    wait_for_state(lb1, "MASTER")
    with watch(bare_lab.host("client")) as wire:
        lb1.output(["ip", "link", "set", "eth1", "address", "02:00:00:00:aa:01"])
        wire.wait_for(1, 2, kind="arp", gratuitous=True, sender=VIP, mac="02:00:00:00:aa:01")


def test_the_interfaces_own_address_is_never_removed(bare_lab: Lab) -> None:
    """An address owner (priority 255), RFC 9568, 1.7."""
    lb1 = bare_lab.host("lb1")
    config = instance("own", 7, "192.168.1.101/24", priority=255)
    start(bare_lab, config)
    wait_until("master", lambda: routers(lb1).get("own", {}).get("state") == "MASTER", 6)
    assert lb1.stop_service() == 0
    assert "192.168.1.101/24" in lb1.output(["ip", "address", "show", "dev", "eth1"])


def test_a_virtual_address_that_is_the_interfaces_own_is_not_taken_from_it(bare_lab: Lab) -> None:
    """A mistake in the file must not cut the host off its network."""
    lb1 = bare_lab.host("lb1")
    (lb1.directory / "trimaran.conf").write_text(instance("own", 7, "192.168.1.101/24"))
    lb1.start(lb1.service_command, Path("trimaran.log"))
    time.sleep(2.5)
    shown = lb1.output(["ip", "address", "show", "dev", "eth1"])
    lb1.send("run -f", signal.SIGTERM)
    time.sleep(1)
    assert "192.168.1.101/24" in shown
    assert "192.168.1.101/24" in lb1.output(["ip", "address", "show", "dev", "eth1"])


# Reload


def addresses(director: LabHost) -> list[str]:
    shown = director.output(["ip", "-o", "-4", "address", "show", "dev", "eth1"])
    return sorted(line.split()[3] for line in shown.splitlines())


A, B = "192.168.1.20/24", "192.168.1.21/24"


def all_master(director: LabHost, *names: str) -> None:
    wait_until(
        f"{names} are master",
        lambda: all(routers(director).get(n, {}).get("state") == "MASTER" for n in names),
        8,
    )


def test_reload_moves_an_address_between_instances(bare_lab: Lab) -> None:
    lb1 = start(bare_lab, instance("a", 1, A, "192.168.1.22/24") + instance("b", 2, B))
    all_master(lb1, "a", "b")
    for _ in range(5):
        reload(lb1, instance("a", 1, "192.168.1.22/24") + instance("b", 2, B, A))
        reload(lb1, instance("a", 1, A, "192.168.1.22/24") + instance("b", 2, B))
    time.sleep(0.7)
    expected = sorted([A, B, "192.168.1.22/24", "192.168.1.101/24"])
    assert addresses(lb1) == expected
    assert lb1.stop_service() == 0
    assert addresses(lb1) == ["192.168.1.101/24"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (instance("a", 1, A), instance("a", 9, A)),
        (instance("a", 1, A), instance("a", 1, A, more="version 3")),
        (instance("a", 1, A), instance("a", 1, A, more="advert_int 3")),
        (instance("a", 1, A, more="advert_int 3"), instance("a", 1, A)),
        (instance("a", 1, A), instance("a", 1, "192.168.1.20/32")),
        (instance("a", 1, A), instance("a", 1, A + " label eth1:7")),
        (instance("a", 1, A), instance("z", 1, A)),
        (instance("a", 1, A), instance("a", 1, A, priority=255)),
        (instance("a", 1, A, priority=255), instance("a", 3, A, priority=255)),
        (instance("a", 1, A), instance("a", 1, B)),
    ],
)
def test_reload_changes_an_instance(bare_lab: Lab, old: str, new: str) -> None:
    lb1 = start(bare_lab, old)
    all_master(lb1, "a")
    time.sleep(0.3)
    reload(lb1, new)
    all_master(lb1, "z" if "vrrp_instance z" in new else "a")
    vip = next(line.split()[0] for line in new.splitlines() if line.startswith("192"))
    wait_until("the address", lambda: addresses(lb1) == sorted([vip, "192.168.1.101/24"]), 3)
    time.sleep(0.5)
    assert addresses(lb1) == sorted([vip, "192.168.1.101/24"])
    assert "removed by somebody" not in lb1.log
    assert "defect" not in lb1.log
    assert [p["restarts"] for p in (lb1.status() or {})["processes"]] == [0, 0, 0]
    assert lb1.stop_service() == 0
    assert addresses(lb1) == ["192.168.1.101/24"]


def test_an_instance_taken_out_and_put_back_is_still_known_to_hold(bare_lab: Lab) -> None:
    """Both reloads reach the speaker at once; then it dies."""
    both = instance("a", 1, A) + instance("b", 2, B)
    lb1 = start(bare_lab, both)
    all_master(lb1, "a", "b")
    lb1.send("trimaran.daemon speaker", signal.SIGSTOP)
    reload(lb1, instance("b", 2, B))
    reload(lb1, both)
    lb1.send("trimaran.daemon speaker", signal.SIGCONT)
    all_master(lb1, "a", "b")
    time.sleep(0.3)
    assert A in addresses(lb1)
    os.kill(child_pid(lb1, "speaker"), signal.SIGKILL)
    wait_until("the addresses are gone", lambda: addresses(lb1) == ["192.168.1.101/24"], 0.5)


def test_a_storm_of_reloads(bare_lab: Lab) -> None:
    lb1 = bare_lab.host("lb1")
    servers = [f"192.168.1.{n}" for n in (201, 202)]
    files = [
        instance("a", 1, A, "192.168.1.10/24") + service("192.168.1.10", 80, servers),
        instance("a", 1, A, "192.168.1.10/24") + instance("b", 2, B)
        + service("192.168.1.10", 80, servers[:1]) + service("192.168.1.20", 81, servers),
        instance("a", 1, B, "192.168.1.10/24", more="advert_int 2")
        + service("192.168.1.10", 80, servers),
        "vrrp_instance {",
        instance("b", 5, A, "192.168.1.10/24") + service("192.168.1.10", 80, servers[1:]),
    ]  # fmt: skip
    start(bare_lab, files[0], web=True)
    all_master(lb1, "a")
    pid = lb1.service.pid if lb1.service else 0
    for n in range(60):
        (lb1.directory / "trimaran.conf").write_text(files[n % len(files)])
        os.kill(pid, signal.SIGHUP)
        time.sleep(0.04)
    time.sleep(0.3)
    reload(lb1, files[2])
    reload(lb1, files[0])
    all_master(lb1, "a")
    time.sleep(0.3)
    assert addresses(lb1) == sorted([A, "192.168.1.10/24", "192.168.1.101/24"])
    assert [p["restarts"] for p in (lb1.status() or {})["processes"]] == [0, 0, 0]
    wait_until("served", lambda: lb1.output(["trimaran", "ipvsadm", "-Ln"]).count("Route") == 2, 8)
    assert set(curl(bare_lab.host("client"), 2)) == {"RealServer 1", "RealServer 2"}


# Size


def test_two_hundred_addresses_of_one_instance(bare_lab: Lab) -> None:
    vips = [f"10.9.0.{n}/32" for n in range(1, 201)]
    lb1 = start(bare_lab, instance("a", 1, *vips))
    all_master(lb1, "a")
    wait_until("the addresses", lambda: len(addresses(lb1)) == 201, 3)
    begin = time.monotonic()
    assert lb1.stop_service() == 0
    assert time.monotonic() - begin < 1
    assert addresses(lb1) == ["192.168.1.101/24"]


def test_two_hundred_instances(bare_lab: Lab) -> None:
    config = "".join(instance(f"i{n}", n, f"10.9.0.{n}/32") for n in range(1, 201))
    lb1 = start(bare_lab, config)
    with watch(bare_lab.host("client")) as wire:
        wait_until("the addresses", lambda: len(addresses(lb1)) == 201, 8)
        time.sleep(3)
        late = max(r["worst_lateness_us"] for r in routers(lb1).values())
        begin = time.monotonic()
        assert lb1.stop_service() == 0
        took = time.monotonic() - begin
        left = addresses(lb1)
        farewells = len(wire.frames(kind="vrrp", priority=0))
    print(f"late {late} us, stop {took:.2f} s, farewells {farewells}")
    assert left == ["192.168.1.101/24"]
    assert took < 1
    assert farewells == 200
    assert "did not stop" not in lb1.log
    assert late < 300_000


def unchecked(net: int, services: int = 4, servers: int = 2000) -> str:
    """One VIP, some services of many real servers that are always up."""
    real = "".join(
        f" real_server 10.{net}.{n // 250}.{n % 250 + 1} 80 {{\n weight 1\n }}\n"
        for n in range(servers)
    )
    return instance("a", 1, A) + "".join(
        f"virtual_server 192.168.1.20 {port} {{\n lvs_sched rr\n lvs_method DR\n"
        f" protocol TCP\n{real}}}\n"
        for port in range(80, 80 + services)
    )


def restarts(director: LabHost) -> list[int]:
    return [p["restarts"] for p in (director.status() or {})["processes"]]


def listed(director: LabHost, text: str) -> int:
    return director.run(["trimaran", "ipvsadm", "-Ln"]).stdout.count(text)


def test_real_servers_renumbered_again_and_again(bare_lab: Lab) -> None:
    """The removed ones wait in the trash for two minutes; the new ones need room meanwhile."""
    lb1 = start(bare_lab, unchecked(20))
    for net in (20, 21, 22):
        if net > 20:
            reload(lb1, unchecked(net))
        wait_until(f"servers of 10.{net}", lambda: listed(lb1, f"-> 10.{net}.") == 8000, 4)  # noqa: B023
    assert restarts(lb1) == [0, 0, 0]


def test_more_services_than_the_dataplane_has_room_for_are_refused(bare_lab: Lab) -> None:
    lb1 = start(bare_lab, unchecked(20, 2, 2))
    wait_until("served", lambda: listed(lb1, "-> 10.20.") == 4, 6)
    many = unchecked(20, 4200, 1)
    (lb1.directory / "trimaran.conf").write_text(many)
    lb1.reload_service()
    time.sleep(3)
    assert restarts(lb1) == [0, 0, 0]
    assert "defect" not in lb1.log


def test_two_hundred_services_of_ten_servers(bare_lab: Lab) -> None:
    vips = [f"10.9.0.{n}/32" for n in range(1, 201)]
    config = instance("a", 1, *vips) + "".join(
        service(vip.split("/")[0], 80, [f"10.20.0.{n}" for n in range(1, 11)]) for vip in vips
    )
    client = bare_lab.host("client")
    for n in range(1, 11):
        client.output(["ip", "address", "add", f"10.20.0.{n}/32", "dev", "lo"])
    client.start(
        [sys.executable, "-c", "import socket,time;s=socket.create_server(('',80),backlog=4096);"
         "time.sleep(60)"]
    )  # fmt: skip
    lb1 = bare_lab.host("lb1")
    lb1.output(["ip", "route", "add", "10.0.0.0/8", "via", str(client.address)])
    start(bare_lab, config)
    all_master(lb1, "a")
    wait_until("all in service", lambda: listed(lb1, "-> 10.20.") == 2000, 4)
    begin = time.monotonic()
    assert lb1.stop_service() == 0
    assert time.monotonic() - begin < 1
    assert addresses(lb1) == ["192.168.1.101/24"]
    assert not program_number(lb1)
