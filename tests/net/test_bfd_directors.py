"""BFD between two directors: sessions, what stands or falls with them, and hostile packets."""

import os
import signal

import pytest
from bfd_peers import SERVICE, director, read, said, serves, session, wait_for
from scapy.contrib.bfd import BFD
from watching import child_pid, router, wait_for_state, watch

from trimaran.lab.host import LabHost, wait_until
from trimaran.lab.lab import Lab

SEND = """
import socket, sys
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, int(sys.argv[3]))
made.sendto(bytes.fromhex(sys.argv[1]), (sys.argv[2], 3784))
"""


ROUTER = """
vrrp_instance ip1 {
  interface eth1
  virtual_router_id 1
  priority 100
  virtual_ipaddress { 192.168.1.10/24 }
  track_bfd { %s }
}
"""


def send(host: LabHost, to: LabHost, payload: bytes, ttl: int = 255) -> None:
    host.output(["python3", "-c", SEND, payload.hex(), str(to.address), str(ttl)])


def test_a_session_comes_up_and_a_cut_cable_takes_it_down(bare_lab: Lab) -> None:
    lb1, lb2 = bare_lab.directors
    with director(lb1, session(lb2) + SERVICE), director(lb2, session(lb1) + SERVICE):
        for host in (lb1, lb2):
            up = wait_for(host, "Up")
            assert up["neighbour"] == str((lb2 if host is lb1 else lb1).address)
            wait_until("it serves", lambda host=host: serves(host), 5)
            wait_until(
                "they agree", lambda host=host: said(host)["detection_time_us"] == 500_000, 5
            )
            assert said(host)["transmit_interval_us"] == 100_000
        with watch(lb2) as wire:
            frames = wire.wait_for(5, 8, kind="bfd")
        for ip, udp, bfd in map(read, frames):
            assert (ip.src, ip.ttl, udp.dport) == (str(lb1.address), 255, 3784)
            assert udp.sport >= 49152
            assert (bfd.version, bfd.sta, bfd.detect_mult) == (1, 3, 5)
            assert (bfd.min_tx_interval, bfd.min_rx_interval) == (100_000, 100_000)
        lb2.cut_link()
        for host in (lb1, lb2):
            down = wait_for(host, "Down")
            assert down["reason"] == "no packet for 0.5 s"
            wait_until("it serves no more", lambda host=host: serves(host) is False, 5)
        lb2.join_link()
        for host in (lb1, lb2):
            wait_for(host, "Up")
            wait_until("it serves again", lambda host=host: serves(host), 5)


def test_a_director_that_stops_says_so_and_a_reload_changes_the_pace(bare_lab: Lab) -> None:
    lb1, lb2 = bare_lab.directors
    with director(lb1, session(lb2) + SERVICE):
        with director(lb2, session(lb1, "passive") + SERVICE):
            discriminator = wait_for(lb1, "Up")["since"]
            text = session(lb1, "passive").replace("min_tx 100", "min_tx 300")
            (lb2.directory / "trimaran.conf").write_text(text + SERVICE)
            lb2.reload_service()
            wait_until("the new pace", lambda: said(lb1)["detection_time_us"] == 1_500_000, 5)
            assert said(lb1)["since"] == discriminator, "the session stayed up"
        assert wait_for(lb1, "Down")["reason"] == "the neighbour says AdminDown (diagnostic 7)"


def test_a_reload_brings_the_first_session_and_takes_it_away(bare_lab: Lab) -> None:
    lb1, lb2 = bare_lab.directors
    bare = SERVICE.replace("BFD_CHECK { name peer }", "")
    with director(lb1, bare), director(lb2, session(lb1) + SERVICE):
        assert not said(lb1)
        (lb1.directory / "trimaran.conf").write_text(session(lb2) + SERVICE)
        lb1.reload_service()
        wait_for(lb1, "Up")
        (lb1.directory / "trimaran.conf").write_text(bare)
        lb1.reload_service()
        wait_until("no session", lambda: not said(lb1), 5)
        assert wait_for(lb2, "Down")["reason"] == "the neighbour says AdminDown (diagnostic 7)"


def test_a_virtual_router_follows_a_session(bare_lab: Lab) -> None:
    """A weight moves the priority; weight 0 is a FAULT, which the end of the session is, too."""
    lb1, client = bare_lab.host("lb1"), bare_lab.host("lb2")
    text = ROUTER + session(client) + SERVICE
    with director(lb1, text % "peer weight -30"):
        with director(client, session(lb1) + SERVICE):
            wait_for(lb1, "Up")
            wait_until("a full priority", lambda: router(lb1).get("priority") == 100, 5)
        wait_until("a lower priority", lambda: router(lb1).get("priority") == 70, 5)
        (lb1.directory / "trimaran.conf").write_text(text % "peer weight 0")
        lb1.reload_service()
        wait_for_state(lb1, "FAULT")
        with director(client, session(lb1) + SERVICE):
            wait_for_state(lb1, "MASTER", 15)


def test_a_bfd_process_that_is_killed_costs_no_advertisement(lab: Lab) -> None:
    """And until its successor knows more, what was known stays true."""
    lb1, lb2 = lab.directors
    for host, peer in ((lb1, lb2), (lb2, lb1)):
        path = host.directory / "trimaran.conf"
        path.write_text(session(peer) + path.read_text())
        host.reload_service()
    for host in (lb1, lb2):
        wait_for(host, "Up")
    before, pid = router(lb1), child_pid(lb1, "bfd")
    os.kill(pid, signal.SIGKILL)
    wait_until("another process", lambda: child_pid(lb1, "bfd") not in (0, pid), 10)
    for host in (lb1, lb2):
        wait_for(host, "Up")
    wait_for_state(lb1, "MASTER")
    assert router(lb1)["transitions"] == before["transitions"]


@pytest.mark.parametrize(
    ("reason", "packet", "ttl"),
    [
        ("ttl", BFD(sta=1, your_discriminator=0), 254),
        ("version", BFD(version=0), 255),
        ("length", BFD(len=200), 255),
        ("detection multiplier", BFD(detect_mult=0), 255),
        ("multipoint", BFD(flags="M"), 255),
        ("discriminator", BFD(your_discriminator=1, sta=3), 255),
        ("state", BFD(your_discriminator=0, sta=3), 255),
        ("poll and final", BFD(flags="PF", your_discriminator=1), 255),
        ("authentication", BFD(flags="A", len=26) / b"\1\2", 255),
    ],
)
def test_a_hostile_packet_is_counted_and_changes_nothing(
    sessions_lab: Lab, reason: str, packet: BFD, ttl: int
) -> None:
    """Sent by the neighbour's own host, from another port: its session goes on meanwhile."""
    lb1, lb2 = sessions_lab.directors
    since = wait_for(lb1, "Up")["since"]
    before = said(lb1)["discarded"].get(reason, 0)
    send(lb2, lb1, bytes(packet), ttl)
    wait_until("it is counted", lambda: said(lb1)["discarded"].get(reason, 0) > before, 5)
    assert said(lb1)["state"] == "Up"
    assert said(lb1)["since"] == since


def test_a_stranger_is_named_once_and_changes_nothing(sessions_lab: Lab) -> None:
    lb1, client = sessions_lab.host("lb1"), sessions_lab.host("client")
    since = wait_for(lb1, "Up")["since"]
    for _ in range(3):
        send(client, lb1, bytes(BFD(sta=1, your_discriminator=0)))
    text = f"BFD packet of {client.address} discarded: there is no bfd_instance of this neighbour"
    wait_until("the log names it", lambda: text in lb1.log, 5)
    assert lb1.log.count(text) == 1
    assert said(lb1)["since"] == since


@pytest.fixture(scope="module")
def sessions_lab(module_lab: Lab) -> Lab:
    """The exercise, with a session between its directors."""
    lb1, lb2 = module_lab.directors
    for host, peer in ((lb1, lb2), (lb2, lb1)):
        path = host.directory / "trimaran.conf"
        path.write_text(session(peer) + path.read_text())
        host.reload_service()
    return module_lab
