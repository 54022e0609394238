"""VRRP as it is seen on the wire and in the kernel's tables, with real directors."""

import itertools
import struct
import time

import pytest
from watching import (
    VIP,
    curl,
    holds_vip,
    reconfigure,
    router,
    wait_for_state,
    watch,
)

from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab

SEND = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
s.setsockopt(0, socket.IP_MULTICAST_TTL, int(sys.argv[2]))
s.setsockopt(0, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[3]))
s.sendto(bytes.fromhex(sys.argv[1]), ("224.0.0.18", 0))
"""


def send(host: LabHost, payload: bytes, ttl: int = 255) -> None:
    """Multicast a VRRP payload from a host."""
    host.output(["python3", "-c", SEND, payload.hex(), str(ttl), str(host.address)])


def advertisement(
    priority: int,
    *,
    interval: int = 1,
    vrid: int = 1,
    version: int = 2,
    kind: int = 1,
    authentication: int = 0,
    address: int = 10,
) -> bytes:
    """An advertisement of version 2 for the VIP."""
    head = bytes([version << 4 | kind, vrid, priority, 1, authentication, interval, 0, 0])
    body = head + bytes([192, 168, 1, address] + [0] * 8)
    total = sum(struct.unpack(f"!{len(body) // 2}H", body))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return body[:6] + struct.pack("!H", total ^ 0xFFFF) + body[8:]


def test_the_master_advertises_every_second_with_ttl_255(module_lab: Lab) -> None:
    with watch(module_lab.host("client")) as wire:
        frames = wire.wait_for(5, 8, kind="vrrp")
    assert {f["source"] for f in frames} == {"192.168.1.101"}
    assert {(f["ttl"], f["version"], f["vrid"], f["priority"]) for f in frames} == {
        (255, 2, 1, 100)
    }
    gaps = [b["time"] - a["time"] for a, b in itertools.pairwise(frames)]
    assert all(abs(gap - 1) < 0.1 for gap in gaps), gaps


def test_the_address_has_its_label_and_prefix(module_lab: Lab) -> None:
    shown = module_lab.host("lb1").output(["ip", "-o", "address", "show", "dev", "eth1"])
    assert f"inet {VIP}/24 scope global secondary eth1:10" in shown
    assert not holds_vip(module_lab.host("lb2"))


@pytest.mark.parametrize(
    ("reason", "payload", "ttl"),
    [
        ("ttl", advertisement(200), 64),
        ("checksum", advertisement(200)[:6] + b"\0\0" + advertisement(200)[8:], 255),
        ("version", advertisement(200, version=5), 255),
        ("interval", advertisement(200, interval=7), 255),
        ("length", advertisement(200)[:12], 255),
        ("length", advertisement(200) + b"\0" * 4, 255),
        ("type", advertisement(200, kind=2), 255),
        ("authentication type", advertisement(200, authentication=1), 255),
        ("authentication type", advertisement(200, authentication=9), 255),
    ],
)
def test_an_invalid_packet_is_counted_and_changes_nothing(
    module_lab: Lab, reason: str, payload: bytes, ttl: int
) -> None:
    lb1 = module_lab.host("lb1")
    before = router(lb1)
    send(module_lab.host("client"), payload, ttl)
    wait_until(
        f"a discard because of {reason}",
        lambda: router(lb1)["discarded"].get(reason, 0) > before["discarded"].get(reason, 0),
        4,
    )
    assert router(lb1)["state"] == "MASTER"
    assert router(lb1)["transitions"] == before["transitions"]


def test_another_list_of_addresses_is_named(module_lab: Lab) -> None:
    """It counts all the same, as for keepalived: here as a lesser one, which is answered."""
    lb1, client = module_lab.host("lb1"), module_lab.host("client")
    send(client, advertisement(1, address=66))
    text = f"{client.address} advertises other addresses than ours: 192.168.1.66"
    wait_until("it is named", lambda: text in lb1.log, 4)
    assert router(lb1)["state"] == "MASTER"


def test_a_new_master_announces_at_once_and_five_seconds_later(lab: Lab) -> None:
    lb1, lb2 = lab.host("lb1"), lab.host("lb2")
    with watch(lab.host("client")) as wire:
        wire.wait_for(1, 3, kind="vrrp")
        lb1.kill()
        wait_for_state(lb2, "MASTER")
        at_once = wire.wait_for(5, 1, kind="arp", gratuitous=True, sender=VIP)
        again = wire.wait_for(10, 7, kind="arp", gratuitous=True, sender=VIP)
        last_of_lb1 = wire.frames(kind="vrrp", source="192.168.1.101")[-1]["time"]
        first_of_lb2 = wire.frames(kind="vrrp", source="192.168.1.102")[0]["time"]
    assert len(again) == 10
    assert at_once[4]["time"] - at_once[0]["time"] < 0.5
    assert 4.5 < again[5]["time"] - again[0]["time"] < 5.5
    assert again[9]["time"] - again[5]["time"] < 0.5
    # 3 x advert_int + skew for priority 50 (RFC 3768, 6.1)
    assert abs((first_of_lb2 - last_of_lb1) - (3 + 206 / 256)) < 0.15
    assert holds_vip(lb2)


def test_a_higher_priority_preempts_and_the_lesser_removes_its_address(lab: Lab) -> None:
    lb1, lb2 = lab.host("lb1"), lab.host("lb2")
    lb1.stop_service()
    wait_for_state(lb2, "MASTER")
    lb1.start_service()
    wait_for_state(lb1, "MASTER", 12)
    wait_for_state(lb2, "BACKUP")
    wait_until("lb2 lets go", lambda: not holds_vip(lb2), 2)
    assert holds_vip(lb1)


def test_nopreempt_leaves_the_master_alone(bare_lab: Lab) -> None:
    lb1, lb2 = bare_lab.host("lb1"), bare_lab.host("lb2")
    reconfigure(lb1, ("state MASTER", "state BACKUP\n  nopreempt"))
    for web in bare_lab.web_servers:
        web.start_service()
    lb2.start_service()
    wait_for_state(lb2, "MASTER", 12)
    lb1.start_service()
    wait_for_state(lb1, "BACKUP", 12)
    time.sleep(4.5)  # longer than any master-down interval
    assert (router(lb1)["state"], router(lb2)["state"]) == ("BACKUP", "MASTER")


def test_of_equal_priorities_the_higher_address_wins(bare_lab: Lab) -> None:
    lb1, lb2 = bare_lab.host("lb1"), bare_lab.host("lb2")
    reconfigure(lb2, ("priority 50", "priority 100"))
    for host in (*bare_lab.web_servers, lb1, lb2):
        host.start_service()
    wait_until("a master", lambda: "MASTER" in (router(lb1).get("state"),
                                                router(lb2).get("state")), 12)  # fmt: skip
    lb1.cut_link()  # both are master then, and meet when the link is back
    wait_for_state(lb2, "MASTER", 8)
    lb1.join_link()
    wait_for_state(lb1, "BACKUP", 12)
    assert router(lb2)["state"] == "MASTER"
    assert not holds_vip(lb1)


def test_version_3_with_hundredths_of_a_second(bare_lab: Lab) -> None:
    for host in bare_lab.directors:
        reconfigure(host, ("virtual_router_id 1", "virtual_router_id 1\n version 3\n"
                           " advert_int 0.25"))  # fmt: skip
    bare_lab.start_services()
    bare_lab.wait_settled()
    with watch(bare_lab.host("client")) as wire:
        wire.wait_for(1, 3, kind="vrrp")
        bare_lab.host("lb1").kill()
        wait_for_state(bare_lab.host("lb2"), "MASTER", 4)
        last = wire.frames(kind="vrrp", source="192.168.1.101")[-1]
        first = wire.frames(kind="vrrp", source="192.168.1.102")[0]
    assert last["version"] == 3
    # skew is a share of the interval in version 3 (RFC 9568, 6.1)
    assert abs((first["time"] - last["time"]) - 0.25 * (3 + 206 / 256)) < 0.1
    assert set(curl(bare_lab.host("client"), 2)) == {"RealServer 1", "RealServer 2"}


def test_a_password_that_differs_is_not_heard(bare_lab: Lab) -> None:
    lb1, lb2 = bare_lab.host("lb1"), bare_lab.host("lb2")
    secret = "virtual_router_id 1\n authentication {\n auth_type PASS\n auth_pass %s\n }"
    reconfigure(lb1, ("virtual_router_id 1", secret % "one"))
    reconfigure(lb2, ("virtual_router_id 1", secret % "two"))
    lb1.start_service()
    lb2.start_service()
    wait_until("a discard", lambda: router(lb2).get("discarded", {}), 15)
    assert set(router(lb2)["discarded"]) == {"authentication password"}


def test_fault_while_the_interface_is_down_and_back(lab: Lab) -> None:
    lb1, lb2 = lab.host("lb1"), lab.host("lb2")
    lb1.cut_link()
    wait_for_state(lb1, "FAULT", 3)
    wait_until("lb1 lets go", lambda: not holds_vip(lb1), 2)
    wait_for_state(lb2, "MASTER")
    lb1.join_link()
    wait_for_state(lb1, "MASTER")
    wait_for_state(lb2, "BACKUP")


def test_fault_while_the_interface_has_no_address_and_back(lab: Lab) -> None:
    lb1 = lab.host("lb1")
    lb1.output(["ip", "address", "del", "192.168.1.101/24", "dev", "eth1"])
    wait_for_state(lb1, "FAULT", 3)
    lb1.output(["ip", "address", "add", "192.168.1.101/24", "dev", "eth1"])
    wait_for_state(lb1, "MASTER")


def test_an_address_that_somebody_removes_is_put_back(lab: Lab) -> None:
    lb1 = lab.host("lb1")
    with watch(lab.host("client")) as wire:
        lb1.output(["ip", "address", "del", f"{VIP}/24", "dev", "eth1"])
        wait_until("the address is back", lambda: holds_vip(lb1), 2)
        wire.wait_for(5, 2, kind="arp", gratuitous=True, sender=VIP)
    assert router(lb1)["state"] == "MASTER"
    assert "was removed by somebody" in lb1.log


def test_a_tracked_interface_of_weight_0_is_a_fault(bare_lab: Lab) -> None:
    lb1 = bare_lab.host("lb1")
    for command in ("ip link add t0 type veth peer name t1", "ip link set t0 up",
                    "ip link set t1 up"):  # fmt: skip
        lb1.output(command.split())
    reconfigure(lb1, ("virtual_router_id 1", "virtual_router_id 1\n track_interface {\n t0\n }"))
    bare_lab.start_services()
    bare_lab.wait_settled()
    lb1.output(["ip", "link", "set", "t1", "down"])
    wait_for_state(lb1, "FAULT", 3)
    wait_for_state(bare_lab.host("lb2"), "MASTER")
    lb1.output(["ip", "link", "set", "t1", "up"])
    wait_for_state(lb1, "MASTER")
