"""`use_vmac`: the virtual router has a MAC address of its own, which moves with mastership."""

import signal
from collections.abc import Iterator

import pytest
from watching import VIP, reconfigure, router, wait_for_state, watch

from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab

MAC, DEVICE = "00:00:5e:00:01:01", "vrrp.1"
QUICK = "version 3\n  advert_int 0.2"
BELOW = ["net.ipv4.conf.eth1.arp_ignore", "net.ipv4.conf.eth1.arp_filter"]


@pytest.fixture
def with_macs(bare_lab: Lab) -> Iterator[Lab]:
    """The exercise, but the virtual router has a MAC address of its own. lb1 is master."""
    for director in bare_lab.directors:
        reconfigure(
            director, ("virtual_router_id 1", f"virtual_router_id 1\n  {QUICK}\n  use_vmac")
        )
    bare_lab.start_services()
    wait_for_state(bare_lab.host("lb1"), "MASTER")
    yield bare_lab
    for director in bare_lab.directors:
        print(f"--- {director.name}:\n{director.log}")


def link(host: LabHost) -> str:
    """What the kernel says of the device; "" if there is none."""
    return host.run(["ip", "-d", "address", "show", "dev", DEVICE]).stdout


def is_up(host: LabHost) -> bool:
    return ",UP" in link(host).partition(">")[0]


def below(host: LabHost) -> list[str]:
    return host.output(["sysctl", "-n", *BELOW]).split()


def learnt(client: LabHost) -> str:
    """The MAC address that the client knows of the VIP."""
    words = client.output(["ip", "neighbour", "show", VIP]).split()
    return words[words.index("lladdr") + 1] if "lladdr" in words else ""


def answer(client: LabHost) -> str:
    return client.run(["curl", "-sS", "-m", "3", f"http://{VIP}/"]).stdout.strip()


def test_the_mac_address_moves_with_mastership(with_macs: Lab) -> None:
    lb1, lb2, client = (with_macs.host(name) for name in ("lb1", "lb2", "client"))
    wait_until("lb1 holds the address", lambda: VIP in link(lb1), 10)
    assert MAC in link(lb1)
    assert "macvlan mode private" in link(lb1)
    assert is_up(lb1)
    assert link(lb2), "it is there on the backup"
    assert not is_up(lb2), "but down, so that it takes and sends nothing from this MAC address"
    assert below(lb1) == ["1", "1"]

    with watch(client) as wire:
        heard = wire.wait_for(3, 10, kind="vrrp", vrid=1)
        assert {frame["mac"] for frame in heard} == {MAC}
        assert {frame["source"] for frame in heard} == {"192.168.1.101"}
    answers = {answer(client) for _ in range(4)}
    assert len(answers) == 2, f"both real servers answer: {answers}"
    assert learnt(client) == MAC
    plane = (lb1.status() or {})["dataplane"]
    assert set(plane["interfaces"]) == {"eth1"}, "what is below has the program, not the device"

    # The kernel hands lb1's frames to lb2's device of the same MAC address, not to eth1.
    lb1.send("", signal.SIGSTOP)
    wait_for_state(lb2, "MASTER")
    lb1.send("", signal.SIGCONT)
    wait_until("lb2 yields to the better one", lambda: router(lb2)["state"] == "BACKUP", 15)
    wait_for_state(lb1, "MASTER")

    lb1.kill()
    wait_until("lb2 holds the address", lambda: VIP in link(lb2) and is_up(lb2), 10)
    wait_until("it serves", lambda: answer(client), 10)
    assert learnt(client) == MAC, "the client need not learn anything new"


def test_nothing_is_left_behind(with_macs: Lab) -> None:
    lb1, lb2 = with_macs.host("lb1"), with_macs.host("lb2")
    assert below(lb2) == ["1", "1"]
    lb2.stop_service()
    assert link(lb2) == ""
    assert below(lb2) == ["0", "0"]

    wait_until("lb1 holds the address", lambda: VIP in link(lb1), 10)
    lb1.run(["ip", "link", "delete", DEVICE])
    wait_until("it is made again", lambda: VIP in link(lb1) and is_up(lb1), 10)

    lb1.send("", signal.SIGSTOP)  # none sees another one die, and cleans up
    lb1.send("", signal.SIGKILL)
    wait_until("all are gone", lambda: not (lb1.pids("trimaran") or lb1.service), 10)
    assert VIP in link(lb1)
    reconfigure(lb1, ("use_vmac", ""))
    lb1.start_service()
    wait_for_state(lb1, "MASTER")
    assert link(lb1) == ""
    assert below(lb1) == ["0", "0"]


@pytest.mark.long
def test_a_reload_moves_the_addresses_onto_the_device_and_off_it(with_macs: Lab) -> None:
    lb1, client = with_macs.host("lb1"), with_macs.host("client")
    wait_until("lb1 holds the address", lambda: VIP in link(lb1), 10)
    reconfigure(lb1, ("use_vmac", ""))
    lb1.reload_service()
    wait_until("the device is gone", lambda: link(lb1) == "", 10)
    wait_until("the interface is as it was", lambda: below(lb1) == ["0", "0"], 10)
    wait_until("clients are served", lambda: answer(client), 10)
    assert learnt(client) != MAC

    reconfigure(lb1, (QUICK, f"{QUICK}\n  use_vmac moved"))
    lb1.reload_service()
    wait_until("the device is there", lambda: "inet 192.168.1.10/" in lb1.run(
        ["ip", "address", "show", "dev", "moved"]).stdout, 10)  # fmt: skip
    wait_until("clients learn its address", lambda: answer(client) and learnt(client) == MAC, 10)
    assert router(lb1)["state"] == "MASTER"
    assert router(lb1)["transitions"] == 2, "it has been master all the time"
