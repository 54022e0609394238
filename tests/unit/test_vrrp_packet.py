"""The bytes of VRRP: golden packets, scapy's opinion, and every reason for a discard."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from scapy.layers.inet import IP
from scapy.layers.vrrp import VRRP, VRRPv3

from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.vrrp.packet import Advertisement, Discarded, Reason, Received, decode, encode

SOURCE = IPv4Address("192.168.1.101")
VIP = IPv4Address("192.168.1.10")
V2 = Advertisement(2, vrid=1, priority=100, interval=SECOND, addresses=(VIP,))
V3 = replace(V2, version=3, interval=SECOND)
PASSWORD = replace(V2, password=b"1111")

# Worked out by hand from RFC 3768, 5.1 and RFC 9568, 5.1.
GOLDEN = {
    "v2": (V2, "210164010001b949c0a8010a0000000000000000"),
    "v2 password": (PASSWORD, "21016401010155e7c0a8010a3131313100000000"),
    "v3": (V3, "310164010064064ac0a8010a"),
}


def datagram(payload: bytes, ttl: int = 255, destination: str = "224.0.0.18") -> bytes:
    """An IP datagram as a raw socket would deliver it."""
    header = IP(src=str(SOURCE), dst=destination, ttl=ttl, proto=112)
    return bytes(header / payload)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_packets(name: str) -> None:
    advertisement, golden = GOLDEN[name]
    assert encode(advertisement, SOURCE).hex() == golden
    assert decode(datagram(bytes.fromhex(golden))) == Received(advertisement, SOURCE)


# As keepalived 2.2.7 (Debian 12) sent them from 10.99.0.2.
KEEPALIVED = {
    "v2": (2, None, "210164010001708f0a63000a0000000000000000"),
    "v2 password": (2, b"1111", "2101640101010d2d0a63000a3131313100000000"),
    "v3": (3, None, "31016401006475380a63000a"),
}


@pytest.mark.parametrize("name", KEEPALIVED)
def test_keepalived_sends_the_same_bytes(name: str) -> None:
    version, password, captured = KEEPALIVED[name]
    vip = IPv4Address("10.99.0.10")
    ours = Advertisement(version, 1, 100, SECOND, (vip,), password)
    assert encode(ours, IPv4Address("10.99.0.2")).hex() == captured


def test_scapy_builds_the_same_version_2() -> None:
    theirs = IP(src=str(SOURCE), dst="224.0.0.18", ttl=255, proto=112) / VRRP(
        vrid=7, priority=254, adv=255, addrlist=["192.168.1.10", "10.0.0.1"]
    )
    ours = Advertisement(2, 7, 254, 255 * SECOND, (VIP, IPv4Address("10.0.0.1")))
    assert bytes(theirs)[20:] == encode(ours, SOURCE)


def test_scapy_builds_the_same_version_3() -> None:
    theirs = IP(src=str(SOURCE), dst="224.0.0.18", ttl=255, proto=112) / VRRPv3(
        vrid=7, priority=254, adv=4095, addrlist=["192.168.1.10", "10.0.0.1"]
    )
    ours = Advertisement(3, 7, 254, 40950 * MILLISECOND, (VIP, IPv4Address("10.0.0.1")))
    assert bytes(theirs)[20:] == encode(ours, SOURCE)


def test_a_version_3_checksum_without_pseudo_header_is_good_too() -> None:
    payload = bytes(VRRPv3(vrid=1, priority=100, adv=100, chksum=0)) + VIP.packed
    payload = payload[:3] + b"\x01" + payload[4:]
    words = [int.from_bytes(payload[i : i + 2], "big") for i in range(0, len(payload), 2)]
    checksum = 0xFFFF - sum(words) % 0xFFFF
    payload = payload[:6] + checksum.to_bytes(2, "big") + payload[8:]
    assert decode(datagram(payload)) == Received(V3, SOURCE)


def altered(advertisement: Advertisement, **changes: int) -> bytes:
    """A datagram in which the bytes at these payload offsets differ, its checksum good."""
    payload = bytearray(encode(advertisement, SOURCE))
    for offset, value in changes.items():
        payload[int(offset.removeprefix("at"))] = value
    payload[6:8] = b"\0\0"
    words = [int.from_bytes(payload[i : i + 2], "big") for i in range(0, len(payload), 2)]
    payload[6:8] = (0xFFFF - sum(words) % 0xFFFF).to_bytes(2, "big")
    return datagram(bytes(payload))


GOOD = datagram(encode(V2, SOURCE))


@pytest.mark.parametrize(
    ("reason", "packet"),
    [
        (Reason.IP_HEADER, b""),
        (Reason.IP_HEADER, GOOD[:19]),
        (Reason.IP_HEADER, b"\x65" + GOOD[1:]),
        (Reason.IP_HEADER, b"\x44" + GOOD[1:]),
        (Reason.IP_HEADER, GOOD[:-1]),
        (Reason.IP_HEADER, GOOD[:9] + b"\x11" + GOOD[10:]),
        (Reason.LENGTH, datagram(b"")),
        (Reason.LENGTH, datagram(b"\x21\x01\x64")),
        (Reason.LENGTH, datagram(encode(V2, SOURCE)[:-8])),
        (Reason.LENGTH, datagram(encode(V2, SOURCE) + b"\0\0")),
        (Reason.LENGTH, altered(V2, at3=2)),
        (Reason.VERSION, altered(V2, at0=0x41)),
        (Reason.TYPE, altered(V2, at0=0x22)),
        (Reason.CHECKSUM, GOOD[:22] + b"\xff" + GOOD[23:]),
        (Reason.AUTHENTICATION_TYPE, altered(V2, at4=3)),
        (Reason.AUTHENTICATION_TYPE, altered(V2, at4=2)),  # without its header
        (Reason.INTERVAL, altered(V2, at5=0)),
        (Reason.INTERVAL, altered(V3, at5=0)),
    ],
)
def test_reasons_for_discarding(reason: Reason, packet: bytes) -> None:
    result = decode(packet)
    assert isinstance(result, Discarded)
    assert result.reason is reason, result.detail


def test_a_discard_says_whose_router_it_concerns_as_far_as_readable() -> None:
    assert decode(altered(V2, at0=0x22)) == Discarded(
        Reason.TYPE, "type 2 is not an advertisement", vrid=1, sender=SOURCE
    )
    assert decode(b"junk") == Discarded(
        Reason.IP_HEADER, "not an IPv4 datagram of protocol 112 or 51", vrid=None, sender=None
    )


def test_ip_options_are_skipped_and_link_padding_is_not_looked_at() -> None:
    payload = encode(V2, SOURCE)
    header = IP(src=str(SOURCE), dst="224.0.0.18", ttl=255, proto=112, options=b"\x94\x04\0\0")
    assert decode(bytes(header / payload) + b"padding") == Received(V2, SOURCE)


def test_version_3_reserved_bits_are_ignored() -> None:
    assert decode(altered(V3, at4=0xF0)) == Received(V3, SOURCE)


@pytest.mark.parametrize("advertisement", [V2, V3])
def test_an_election_without_addresses_is_possible(advertisement: Advertisement) -> None:
    bare = replace(advertisement, addresses=())
    assert decode(datagram(encode(bare, SOURCE))) == Received(bare, SOURCE)


def test_a_long_password_is_cut_to_eight_bytes() -> None:
    payload = encode(replace(V2, password=b"123456789"), SOURCE)
    assert payload[-8:] == b"12345678"


@pytest.mark.parametrize(
    "impossible",
    [
        replace(V2, interval=1500 * MILLISECOND),
        replace(V2, interval=256 * SECOND),
        replace(V3, interval=5 * MILLISECOND),
        replace(V3, interval=41 * SECOND),
        replace(V3, interval=0),
        replace(V2, version=4),
        replace(V2, vrid=256),
        replace(V2, priority=-1),
        replace(V2, addresses=(VIP,) * 256),
    ],
)
def test_what_cannot_be_said_is_refused(impossible: Advertisement) -> None:
    with pytest.raises(ValueError, match=r"VRRP version|VRID|priority|count|interval"):
        encode(impossible, SOURCE)
