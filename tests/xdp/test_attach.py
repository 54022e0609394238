"""Only our own program is taken off an interface, and only where it is are we attached."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PREFIX = f"tp-{os.getpid()}-"

HEAD = """
import json, socket, sys
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp import layout, libbpf, loader
from trimaran.dataplane.xdp.attach import detach_all
from trimaran.dataplane.xdp.plane import XdpDataplane

def number(): return libbpf.xdp_query(index)[0]
def ours(): return libbpf.program_info(plane.program).id

index = socket.if_nametoindex("eth1")
plane = XdpDataplane.open(Capacity(flows=16), log=lambda line: None)
plane.attach("eth1")
foreign = loader.load(Capacity(flows=32), lambda line: None).programs.reflect

def replace():
    old = libbpf.program_by_id(number())
    libbpf.xdp_attach(index, foreign, libbpf.XDP_FLAGS_SKB_MODE, old)
"""


@pytest.fixture
def host() -> Iterator[str]:
    name = PREFIX + "attach"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for words in ("link add eth1 type veth peer name eth2", "link set eth1 up"):
            subprocess.run(["ip", "-n", name, *words.split()], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def run(host: str, script: str) -> list[object]:
    """What the script left in `said`."""
    whole = f"{HEAD}said = []\n{script}\nprint(json.dumps(said))"
    done = subprocess.run(
        ["ip", "netns", "exec", host, sys.executable, "-c", whole],
        capture_output=True,
        text=True,
        timeout=120,  # of a busy machine: each program loaded takes a while to be verified
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: list[object] = json.loads(done.stdout)
    return said


def test_a_foreign_program_in_our_place_is_noticed_and_stays(host: str) -> None:
    script = """
said.append(number() == ours())
replace()
said.append(plane.poll(0)[0].replace(str(number()), "N"))
said.append(list(plane.attachments()))
try:
    plane.attach("eth1")
except Exception as error:
    said.append(type(error).__name__)
plane.close(remove=True)
said.append(number() == libbpf.program_info(foreign).id)
"""
    line = "interface eth1: another XDP program (number N) took the place of trimaran's"
    assert run(host, script) == [True, line, [], "DataplaneError", True]


def test_a_foreign_program_not_yet_noticed_is_not_taken_off_either(host: str) -> None:
    script = """
replace()
said.append(list(plane.attachments()))
plane.detach("eth1")
said.append(number() == libbpf.program_info(foreign).id)
said.append(detach_all())
said.append(number() == libbpf.program_info(foreign).id)
"""
    assert run(host, script) == [["eth1"], True, [], True]


def test_an_interface_that_lost_the_program_gets_it_again(host: str) -> None:
    script = """
libbpf.xdp_detach(index, plane.program, libbpf.XDP_FLAGS_SKB_MODE)
said.append(list(plane.poll(0)))
plane.attach("eth1")
said.append(number() == ours())
"""
    line = "interface eth1: gone, or the XDP program was taken off it"
    assert run(host, script) == [[line], True]


def test_detach_all_needs_no_owner(host: str) -> None:
    script = """
plane.attach("lo")
plane.close(remove=False)
said.append(sorted(detach_all()))
said.append(number())
said.append(detach_all())
"""
    assert run(host, script) == [["eth1", "lo"], 0, []]


def test_templates_and_settings_survive_a_new_program(host: str) -> None:
    script = """
import sys
sys.path.insert(0, FOLDER)
from frames import HTTP, SYN, VIP, Director, server, tcp
from trimaran.dataplane.base import Behaviour, Destination, Persistence, Service, Settings

def fill(plane):
    settings = Settings("rr", persistence=Persistence(300, 0xFFFFFFFF))
    servers = tuple(Destination(server(last)) for last in (101, 102))
    plane.apply([Service(HTTP, settings, servers)])
    return Director(plane)

said.append(fill(plane).chosen(tcp(SYN, port=1)))
plane.set_behaviour(Behaviour(expire_nodest_conn=1))
plane.close(remove=False)
plane = XdpDataplane.open(Capacity(flows=16), log=lambda line: None)
director = fill(plane)
said.append([director.chosen(tcp(SYN, port=port)) for port in (2, 3, 4)])
said.append([f.client_port for f in director.flows()].count(0))
said.append(plane.behaviour().expire_nodest_conn)
from trimaran.dataplane.xdp.inspection import inspect
from trimaran.views.xdp_status import to_text
said.append("4 live connections, 1 persistent clients" in to_text(inspect(), False))
"""
    folder = str(Path(__file__).parent)
    assert run(host, script.replace("FOLDER", repr(folder))) == [102, [102] * 3, 1, 1, True]


def test_tables_that_hold_enough_are_taken_over(host: str) -> None:
    script = """
def open_again(**sizes):
    lines = []
    again = XdpDataplane.open(Capacity(**sizes), log=lines.append)
    again.close(remove=False)
    said.append(lines[-1].rpartition(", ")[2])

plane.close(remove=False)
open_again(flows=16, services=100)
open_again(flows=16, destinations=1 << 15)
open_again(flows=16)
open_again(flows=32)
"""
    kept, empty = "taken over with what it held", "empty"
    assert run(host, script) == [kept, empty, kept, empty]


def test_attaching_again_keeps_the_size_that_there_is(host: str) -> None:
    script = """
import re, subprocess
plane.close(remove=True)
def attach(*options):
    command = [sys.executable, "-m", "trimaran", "xdp", "attach", "eth1", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("XDP dataplane")]
    said.append(re.sub("[0-9]+ MiB.*", "N MiB", lines[0].partition("room for ")[2]))

import sys
attach("--connections", "1000", "--services", "10", "--servers", "20")
attach()
"""
    size = "1024 connections, 10 services and 20 real servers in N MiB"
    assert run(host, script) == [size, size]


def test_anothers_program_is_replaced_only_by_force(host: str) -> None:
    script = """
import subprocess
def attach(*options):
    command = [sys.executable, "-m", "trimaran", "xdp", "attach", "eth1", *options]
    return subprocess.run(command, capture_output=True, text=True)

replace()
plane.close(remove=False)
refused = attach()
said.append([refused.returncode, refused.stderr.splitlines()[-1].replace(str(number()), "N")])
said.append(number() == libbpf.program_info(foreign).id)
done = attach("--force")
said.append([done.returncode, done.stdout])
said.append(libbpf.program_info(libbpf.program_by_id(number())).name)
"""
    refused = (
        "trimaran xdp: interface eth1 already has an XDP program (number N) that is not "
        "trimaran's: take it off, or have it replaced by trimaran xdp attach --force"
    )
    attached = "attached to eth1 in generic mode: as the program had that it replaces\n"
    assert run(host, script) == [[1, refused], True, [0, attached], "trimaran"]


def test_status_tells_of_servers_that_do_not_resolve(host: str) -> None:
    script = """
import ipaddress
from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.dataplane.xdp.inspection import inspect
from trimaran.dataplane.xdp.ways import Neighbour
from trimaran.model.service import Protocol, ServerKey, ServiceKey
from trimaran.views.xdp_status import to_json, to_text

first, second = map(ipaddress.ip_address, ("192.168.1.101", "192.168.1.102"))
key = ServiceKey(Protocol.TCP, ipaddress.ip_address("192.168.1.10"), 80)
servers = tuple(Destination(ServerKey(address, 80)) for address in (first, second))
plane.apply([Service(key, Settings("rr"), servers)])
plane.set_neighbour(first, Neighbour(bytes(6), bytes(6), index, 1500))
found = inspect()
said.append(found.unresolved)
said.append("no MAC address of 192.168.1.102" in to_text(found, False))
document = json.loads(to_json(found, False))
said.append([a["program"] == ours() for a in document["attached"]])
said.append(document["attached"][0]["mode"])
sizes = {m["name"]: m["size"] for m in document["maps"]}
said.append(sizes["flows"] == 16 * 64 and sizes["decisions"] == 1 << 18)
"""
    assert run(host, script) == [["192.168.1.102"], True, [True], "generic", True]


def test_an_interface_that_can_have_no_program_is_said(host: str) -> None:
    """Below a macvlan device that has a program the kernel allows none, in no mode."""
    script = """
import subprocess
subprocess.run("ip link add upper link eth1 type macvlan".split(), check=True)
upper = socket.if_nametoindex("upper")
plane.detach("eth1")
libbpf.xdp_attach(upper, foreign, libbpf.XDP_FLAGS_SKB_MODE)
for name in ("eth1", "eth9"):
    try:
        plane.attach(name)
    except Exception as error:
        said.append([type(error).__name__, str(error)])
said.append([number(), list(plane.attachments())])
"""
    why = "attach XDP: File exists (Cannot attach when an upper device already has a program)"
    assert run(host, script) == [
        [
            "DataplaneError",
            f"interface eth1 cannot have an XDP program: in generic mode: {why}; in native mode: "
            f"driver veth refused: {why}; the kernel's IPVS needs none (trimaran run --dataplane "
            "ipvs)",
        ],
        ["DataplaneError", "interface eth9: no interface with this name"],
        [0, []],
    ]
