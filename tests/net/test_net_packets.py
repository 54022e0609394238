"""Advertisements and gratuitous ARP on a real wire."""

import array
import fcntl
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address

import pytest
from net_segment import THERE, inside, ip, segment
from scapy.layers.l2 import ARP, Ether

from trimaran.model.duration import SECOND
from trimaran.model.transport import GROUP
from trimaran.net.announce import Announcer, gratuitous_arp
from trimaran.net.errors import NetError
from trimaran.net.vrrp_socket import Heard, Ipv4Socket, VrrpSocket
from trimaran.vrrp.exchange import Outgoing
from trimaran.vrrp.packet import Advertisement, Received, encode

SOURCE = IPv4Address("10.99.0.1")
VIP = IPv4Address("10.99.0.10")
ADVERTISEMENT = Advertisement(2, 1, 100, SECOND, (VIP,))


@pytest.fixture(autouse=True)
def _segment() -> Iterator[None]:
    with segment():
        yield


@pytest.fixture
def tap() -> Iterator[socket.socket]:
    """Sees every frame that arrives at tv1."""
    with inside(THERE):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        tap.bind(("tv1", 0))
    tap.settimeout(2)
    with tap:
        yield tap


@pytest.fixture
def ours() -> Iterator[VrrpSocket]:
    ours = Ipv4Socket("tv0", socket.if_nametoindex("tv0"), GROUP)
    yield ours
    ours.close()


@pytest.fixture
def theirs() -> Iterator[VrrpSocket]:
    with inside(THERE):
        theirs = Ipv4Socket("tv1", socket.if_nametoindex("tv1"), GROUP)
    yield theirs
    theirs.close()


def outgoing(source: IPv4Address = SOURCE) -> Outgoing:
    return Outgoing(GROUP, 255, encode(ADVERTISEMENT, source))


def wait_for(receiver: VrrpSocket) -> list[Heard]:
    readable, _, _ = select.select([receiver], [], [], 2)
    return receiver.receive() if readable else []


def frame_of_type(tap: socket.socket, ethertype: int) -> bytes:
    while True:
        frame: bytes = tap.recv(2048)
        if frame[12:14] == ethertype.to_bytes(2, "big") and frame[23:24] != b"\x02":
            return frame


def test_an_advertisement_crosses_the_wire(ours: VrrpSocket, theirs: VrrpSocket) -> None:
    ours.send(outgoing(), SOURCE)
    assert wait_for(theirs) == [Received(ADVERTISEMENT, SOURCE)]
    assert ours.receive() == [], "what is sent is not heard by the sender"


def test_the_frame_on_the_wire(ours: VrrpSocket, tap: socket.socket) -> None:
    ours.send(outgoing(), SOURCE)
    frame = frame_of_type(tap, 0x0800)
    assert frame[:6].hex(":") == "01:00:5e:00:00:12"
    ip_header = frame[14:34]
    assert ip_header[0] == 0x45
    assert ip_header[1] == 0xC0, "DSCP CS6"
    assert ip_header[8] == 255
    assert ip_header[9] == 112
    assert ip_header[16:20] == bytes([224, 0, 0, 18])
    assert frame[34:] == encode(ADVERTISEMENT, SOURCE)


def test_the_source_is_the_one_asked_for_even_if_it_is_secondary(
    ours: VrrpSocket, theirs: VrrpSocket
) -> None:
    ip("address", "add", "10.99.0.77/24", "dev", "tv0")
    other = IPv4Address("10.99.0.77")
    ours.send(outgoing(other), other)
    assert wait_for(theirs) == [Received(ADVERTISEMENT, other)]


def test_a_burst_is_received_in_bounded_portions(ours: VrrpSocket, theirs: VrrpSocket) -> None:
    for _ in range(100):
        ours.send(outgoing(), SOURCE)
    assert [len(wait_for(theirs)), len(wait_for(theirs)), len(theirs.receive())] == [64, 36, 0]


def test_sending_from_a_foreign_address_or_a_dead_link_is_an_error_in_words(
    ours: VrrpSocket,
) -> None:
    with pytest.raises(NetError, match=r"advertisement from 10\.5\.5\.5 to 224\.0\.0\.18 on tv0: "):
        ours.send(outgoing(), IPv4Address("10.5.5.5"))
    ip("link", "set", "tv0", "down")
    with pytest.raises(NetError, match=r"on tv0: "):
        ours.send(outgoing(), SOURCE)
    ip("link", "set", "tv0", "up")
    ours.send(outgoing(), SOURCE)


def test_the_socket_still_hears_after_its_link_was_down(
    ours: VrrpSocket, theirs: VrrpSocket
) -> None:
    ip("link", "set", "tv0", "down")
    ours.receive()
    ip("link", "set", "tv0", "up")
    peer = IPv4Address("10.99.0.2")
    theirs.send(outgoing(peer), peer)
    assert wait_for(ours) == [Received(ADVERTISEMENT, peer)]


def test_a_socket_on_no_interface_is_an_error_in_words() -> None:
    with pytest.raises(NetError, match="cannot set up a VRRP socket on tv9: no such interface"):
        Ipv4Socket("tv9", 9, GROUP)


def test_gratuitous_arp_as_scapy_reads_it() -> None:
    arp = Ether(gratuitous_arp(b"\x02\x00\x00\x00\x00\x01", VIP))
    assert (arp.dst, arp.src, arp.type) == ("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:01", 0x0806)
    assert (arp[ARP].op, arp[ARP].hwtype, arp[ARP].ptype) == (1, 1, 0x0800)
    assert arp[ARP].hwsrc == "02:00:00:00:00:01"
    assert arp[ARP].psrc == arp[ARP].pdst == str(VIP)
    assert len(arp) == 42


def mac_of(interface: str) -> bytes:
    request = array.array("B", struct.pack("16s16x", interface.encode()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8927, request)  # SIOCGIFHWADDR
    return request.tobytes()[18:24]


def announcer_on(interface: str) -> Announcer:
    return Announcer(interface, socket.if_nametoindex(interface), mac_of(interface))


def test_an_announcement_on_the_wire_carries_the_interfaces_mac(tap: socket.socket) -> None:
    with closing(announcer_on("tv0")) as announcer:
        announcer.send(VIP)
    assert frame_of_type(tap, 0x0806) == gratuitous_arp(mac_of("tv0"), VIP)


def test_an_announcement_moves_a_neighbours_entry() -> None:
    ip("-n", THERE, "neigh", "add", str(VIP), "dev", "tv1", "lladdr", "02:00:00:00:00:99",
       "nud", "stale")  # fmt: skip
    with closing(announcer_on("tv0")) as announcer:
        announcer.send(VIP)
    assert mac_of("tv0").hex(":") in ip("-n", THERE, "neigh", "show", str(VIP))


def test_announcing_where_it_makes_no_sense_is_an_error_in_words() -> None:
    mac = mac_of("tv0")
    with pytest.raises(NetError, match="cannot announce on tv9: no such interface"):
        Announcer("tv9", 9, mac)
    with pytest.raises(NetError, match="cannot announce on tv0: no such interface"):
        Announcer("tv0", 9, mac)
    with pytest.raises(NetError, match="cannot announce on lo: it is no Ethernet interface"):
        Announcer("lo", 1, b"")
    ip("link", "set", "tv0", "down")
    with (
        closing(announcer_on("tv0")) as announcer,
        pytest.raises(NetError, match=r"cannot announce 10\.99\.0\.10 on tv0: .* is down"),
    ):
        announcer.send(VIP)
