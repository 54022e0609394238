"""Advertisements and gratuitous ARP on a real wire."""

import array
import fcntl
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address

import pytest
from net_segment import THERE, inside, ip, segment
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.transport import GROUP, GROUP6
from trimaran.net.announce import Announcer, gratuitous_arp, neighbour_advertisement
from trimaran.net.errors import NetError
from trimaran.net.vrrp_socket import Heard, Ipv4Socket, Ipv6Socket, SealedSocket, VrrpSocket
from trimaran.vrrp import ah
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


def test_a_neighbour_advertisement_as_scapy_reads_it() -> None:
    vip = IPv6Address("2001:db8::10")
    frame = Ether(neighbour_advertisement(b"\x02\x00\x00\x00\x00\x01", vip))
    assert (frame.dst, frame.src) == ("33:33:00:00:00:01", "02:00:00:00:00:01")
    assert (frame[IPv6].src, frame[IPv6].dst, frame[IPv6].hlim) == (str(vip), "ff02::1", 255)
    said = frame[ICMPv6ND_NA]
    assert (said.R, said.S, said.O, said.tgt) == (1, 0, 1, str(vip))
    assert frame[ICMPv6NDOptDstLLAddr].lladdr == "02:00:00:00:00:01"
    checksum = said.cksum
    del frame[ICMPv6ND_NA].cksum
    assert Ether(bytes(frame))[ICMPv6ND_NA].cksum == checksum


def test_a_neighbour_advertisement_moves_a_neighbours_entry() -> None:
    vip = IPv6Address("2001:db8::10")
    ip("-n", THERE, "address", "add", "2001:db8::2/64", "dev", "tv1", "nodad")
    ip("-n", THERE, "neigh", "add", str(vip), "dev", "tv1", "lladdr", "02:00:00:00:00:99",
       "nud", "stale")  # fmt: skip
    with closing(announcer_on("tv0")) as announcer:
        announcer.send(vip)
    assert mac_of("tv0").hex(":") in ip("-n", THERE, "neigh", "show", str(vip))


def both(kind: type[VrrpSocket], group: IPAddress) -> tuple[VrrpSocket, VrrpSocket]:
    """A socket at either end."""
    ours = kind("tv0", socket.if_nametoindex("tv0"), group)
    with inside(THERE):
        return ours, kind("tv1", socket.if_nametoindex("tv1"), group)


@pytest.mark.parametrize("destination", [GROUP6, IPv6Address("2001:db8::2")], ids=str)
def test_an_ipv6_advertisement_crosses_the_wire(destination: IPv6Address) -> None:
    source = IPv6Address("2001:db8::1")
    ip("address", "add", f"{source}/64", "dev", "tv0", "nodad")
    ip("-n", THERE, "address", "add", "2001:db8::2/64", "dev", "tv1", "nodad")
    said = Advertisement(3, 1, 100, SECOND, (IPv6Address("fe80::10"),))
    ours, theirs = both(Ipv6Socket, GROUP6)
    with closing(ours), closing(theirs):
        ours.send(Outgoing(destination, 77, encode(said, source, destination)), source)
        unicast = destination != GROUP6
        assert wait_for(theirs) == [Received(said, source, ttl=77, unicast=unicast)]


@pytest.mark.parametrize("destination", [GROUP, IPv4Address("10.99.0.2")], ids=str)
def test_a_sealed_advertisement_crosses_the_wire(destination: IPv4Address) -> None:
    payload = encode(ADVERTISEMENT, SOURCE, destination, sealed=True)
    ours, theirs = both(SealedSocket, GROUP)
    with closing(ours), closing(theirs):
        whole = ah.seal(payload, SOURCE, destination, b"secret", 7)
        ours.send(Outgoing(destination, 255, whole), SOURCE)
        (heard,) = wait_for(theirs)
    assert isinstance(heard, Received)
    assert (heard.advertisement, heard.sender, heard.ttl) == (ADVERTISEMENT, SOURCE, 255)
    assert heard.unicast == (destination != GROUP)
    assert heard.seal is not None
    assert heard.seal.sequence == 7
    assert heard.seal.proves(b"secret")
    assert not heard.seal.proves(b"Secret")
