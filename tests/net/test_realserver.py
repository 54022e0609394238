"""`trimaran realserver` in namespaces: does the real server answer for the VIP, as seen outside?"""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from net_segment import HERE, THERE, inside, ip, segment

from trimaran.cli import realserver as module
from trimaran.cli.realserver import realserver

VIP, VIP6 = "10.99.0.77", "2001:db8:99::77"
CONFIG = f"""
virtual_server {VIP} 8080 {{
  protocol TCP
  lvs_method DR
  real_server 10.99.0.2 8080 {{
  }}
}}
virtual_server 10.99.0.78 80 {{
  protocol TCP
  lvs_method DR
  real_server 10.99.0.3 80 {{
  }}
}}
"""


@pytest.fixture(autouse=True)
def _segment() -> Iterator[None]:
    with segment():
        yield


def run(*words: str) -> tuple[int, list[str]]:
    """On the real server."""
    with inside(THERE):
        done = CliRunner().invoke(realserver, list(words), catch_exceptions=False)
    return done.exit_code, done.output.splitlines()


def answered_for(address: str) -> bool:
    """Whether the real server answers ARP, or NDP, for an address; asked from the other side."""
    ip("-n", HERE, "neigh", "flush", "all")
    with inside(HERE):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.sendto(b"", (address, 9))
    for _ in range(200):  # the kernel gives up after three seconds
        found = ip("-n", HERE, "neigh", "show", "to", address)
        if "lladdr" in found or "FAILED" in found:
            return "lladdr" in found
        time.sleep(0.05)
    raise AssertionError(f"nothing became of {address}")


def test_what_goes_wrong_by_hand_is_found_and_set_right(tmp_path: Path) -> None:
    file = tmp_path / "keepalived.conf"
    file.write_text(CONFIG)
    assert run("check", "-f", str(file)) == (
        1,
        [
            "tv1 answers ARP for the VIPs: net.ipv4.conf.tv1.arp_ignore is 0, not 1",
            "tv1 asks as the VIPs: net.ipv4.conf.tv1.arp_announce is 0, not 2",
            f"{VIP} is not on lo: packets for it are dropped",
        ],
    )
    ip("-n", THERE, "address", "add", f"{VIP}/32", "dev", "lo")
    assert answered_for(VIP), "which is what the setup is to prevent"

    assert run("setup", "-f", str(file)) == (
        0,
        [
            "net.ipv4.conf.all.arp_ignore = 1 (was 0)",
            "net.ipv4.conf.all.arp_announce = 2 (was 0)",
        ],
    )
    assert run("setup", "-f", str(file)) == (0, ["nothing had to be changed"])
    assert not answered_for(VIP)
    assert answered_for("10.99.0.2")

    unserved = [f"nothing listens on {VIP} port 8080: clients are refused"]
    assert run("check", "-f", str(file)) == (1, unserved)
    with inside(THERE):
        listener = socket.create_server((VIP, 8080))
    with listener:
        assert run("check", "-f", str(file)) == (0, [f"all is right for {VIP}"])

    ip("-n", THERE, "address", "add", f"{VIP}/24", "dev", "tv1")
    assert run("check", VIP) == (1, [f"{VIP} is on tv1: this server answers for it there"])
    ip("-n", THERE, "address", "del", f"{VIP}/24", "dev", "tv1")

    assert run("undo", "-f", str(file)) == (
        0,
        [
            f"{VIP}/32 removed from lo",
            "net.ipv4.conf.all.arp_ignore = 0",
            "net.ipv4.conf.all.arp_announce = 0",
        ],
    )
    assert run("undo", "-f", str(file)) == (0, ["nothing had to be changed"])


def test_ipv6_is_not_answered_for_either() -> None:
    for name, device, address in ((HERE, "tv0", 1), (THERE, "tv1", 2)):
        ip("-n", name, "address", "add", f"2001:db8:99::{address}/64", "dev", device, "nodad")
    assert run("setup", VIP6) == (0, [f"{VIP6}/128 added to lo"])
    assert not answered_for(VIP6)
    assert answered_for("2001:db8:99::2")
    assert run("check", VIP6) == (0, [f"all is right for {VIP6}"])
    assert run("undo", VIP6) == (0, [f"{VIP6}/128 removed from lo"])


def test_the_persistent_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit, sysctls = tmp_path / "unit.service", tmp_path / "sysctl.conf"
    monkeypatch.setattr(module, "_UNIT", unit)
    monkeypatch.setattr(module, "_SYSCTL_FILE", sysctls)
    status, said = run("setup", "--persistent", VIP)
    assert status == 0
    assert said[-2:] == [f"{unit} written; now: systemctl enable", f"{sysctls} written"]
    assert sysctls.read_text() == (
        "net.ipv4.conf.all.arp_ignore = 1\nnet.ipv4.conf.all.arp_announce = 2\n"
    )
    assert f" realserver setup {VIP}\n" in unit.read_text()
    assert run("setup", "--persistent", VIP) == (0, ["nothing had to be changed"])
    assert f"{unit} removed" in run("undo", "--persistent", VIP)[1]
    assert not unit.exists()
    assert not sysctls.exists()


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    file = tmp_path / "keepalived.conf"
    file.write_text(CONFIG.replace("10.99.0.2", "10.99.0.9"))
    assert run("setup", "-f", str(file)) == (
        1,
        [f"trimaran: this host has no address of a real server in {file} behind DR or TUN"],
    )
    assert run("setup")[1] == ["trimaran: name the VIPs, or the directors' configuration with -f"]
    assert run("setup", "10.0.0")[0] == 1
    if not Path("/proc/sys/net/ipv4/conf/tunl0").exists():
        status, said = run("setup", "--tunnel", VIP)
        assert status == 1
        assert said[0].startswith("trimaran: there is no tunl0: this kernel has no IPIP devices")
        assert (
            "there is no tunl0: tunnelled packets are dropped" in run("check", "--tunnel", VIP)[1]
        )
