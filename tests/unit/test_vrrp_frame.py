"""Frames from a virtual MAC address, as scapy reads them."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from trimaran.model.ip import IPAddress
from trimaran.model.router import VirtualRouter
from trimaran.model.transport import GROUP, GROUP6, Transport
from trimaran.vrrp import ah, packet
from trimaran.vrrp.actions import SendAdvertisement
from trimaran.vrrp.exchange import advertisement, outgoing
from trimaran.vrrp.frame import frame

MAC = bytes.fromhex("00005e000133")


def framed(router: VirtualRouter, source: IPAddress) -> bytes:
    said = SendAdvertisement(advertisement(router, 100), source, 7)
    (datagram,) = outgoing(router, said)
    return frame(datagram, source, MAC, sealed=router.sealed)


@pytest.mark.parametrize(("version", "sealed"), [(2, False), (3, False), (2, True)])
def test_a_frame_of_ipv4(version: int, sealed: bool) -> None:
    password = b"secret" if sealed else None
    router = VirtualRouter("a", "eth0", 51, version=version, password=password, sealed=sealed)
    sent = framed(router, IPv4Address("10.0.0.1"))
    ethernet = Ether(sent)
    assert (ethernet.dst, ethernet.src) == ("01:00:5e:00:00:12", "00:00:5e:00:01:33")
    ip = ethernet[IP]
    assert (ip.src, ip.dst, ip.ttl) == ("10.0.0.1", str(GROUP), 255)
    assert (ip.proto, ip.len) == (ah.PROTOCOL if sealed else 112, len(sent) - 14)
    written, ip.chksum = ip.chksum, None
    assert IP(bytes(ip)).chksum == written
    assert isinstance(packet.decode(sent[14:]), packet.Received), "our own decoder takes it"


def test_a_frame_of_ipv6() -> None:
    router = VirtualRouter("a", "eth0", 51, version=3, transport=Transport(group=GROUP6))
    source = IPv6Address("fe80::1")
    sent = framed(router, source)
    ethernet = Ether(sent)
    assert (ethernet.dst, ethernet.src) == ("33:33:00:00:00:12", "00:00:5e:00:01:33")
    ip = ethernet[IPv6]
    assert (ip.src, ip.dst, ip.hlim, ip.nh) == ("fe80::1", str(GROUP6), 255, 112)
    heard = packet.decode_ipv6(sent[54:], source, GROUP6, ip.hlim)
    assert isinstance(heard, packet.Received)
