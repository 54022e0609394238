"""The bytes of VRRP: golden packets, scapy's opinion, and every reason for a discard."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.layers.vrrp import VRRP, VRRPv3

from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.transport import GROUP, GROUP6
from trimaran.vrrp import ah
from trimaran.vrrp.packet import (
    Advertisement,
    Discarded,
    Reason,
    Received,
    decode,
    decode_ipv6,
    encode,
)

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


# As keepalived 2.2.7 (Debian 12) sent it from 10.88.0.2 with `auth_type AH`, `auth_pass secret`.
SEALED = bytes.fromhex(
    "45c0004000010000ff33d05d0a580002e0000012"
    "700400000a58000200000001620d6818390d05d6bda822a1"
    "2133640102016e680a58000a0000000000000000"
)


def test_keepalived_seals_in_the_same_way() -> None:
    said = Advertisement(2, 51, 100, SECOND, (IPv4Address("10.88.0.10"),))
    source = IPv4Address("10.88.0.2")
    payload = encode(said, source, sealed=True)
    ours = ah.seal(payload, source, GROUP, b"secret", 1)
    assert ours[:10] + ours[12:] == SEALED[:10] + SEALED[12:], "but for the IP checksum"


def test_a_seal_proves_the_password() -> None:
    heard = decode(SEALED)
    assert isinstance(heard, Received)
    assert heard.seal is not None
    assert heard.seal.proves(b"secret")
    assert not heard.seal.proves(b"guess")


@pytest.mark.parametrize("at", [4, 15, 19, 31, 46, 53, 59], ids="byte {}".format)
def test_a_seal_holds_for_the_whole_datagram(at: int) -> None:
    altered = bytearray(SEALED)
    altered[at] ^= 1
    heard = decode(bytes(altered))
    assert isinstance(heard, Discarded) or (
        heard.seal is not None and not heard.seal.proves(b"secret")
    )


def test_what_is_sealed_badly_is_discarded() -> None:
    for broken in (SEALED[:30], b"".join((SEALED[:20], b"\x11", SEALED[21:]))):
        whole = broken[:2] + len(broken).to_bytes(2, "big") + broken[4:]
        heard = decode(whole)
        assert isinstance(heard, Discarded)
        assert heard.reason is Reason.IP_HEADER


V6 = replace(V3, addresses=(IPv6Address("fe80::10"), IPv6Address("2001:db8::10")))
SOURCE6, PEER6 = IPv6Address("fe80::1"), IPv6Address("fe80::2")


@pytest.mark.parametrize("destination", [GROUP6, PEER6], ids=str)
def test_scapy_builds_the_same_over_ipv6(destination: IPv6Address) -> None:
    theirs = IPv6(src=str(SOURCE6), dst=str(destination), nh=112) / VRRPv3(
        vrid=1, priority=100, adv=100, ipcount=2, addrlist=[], chksum=0
    )
    ours = encode(V6, SOURCE6, destination)
    assert decode_ipv6(ours, SOURCE6, destination, 255) == Received(
        V6, SOURCE6, unicast=destination == PEER6
    )
    checksum = in6_chksum(112, IPv6(bytes(theirs)), ours[:6] + b"\0\0" + ours[8:])
    assert int.from_bytes(ours[6:8], "big") == checksum


def test_over_ipv6_the_pseudo_header_is_required_and_version_2_unknown() -> None:
    payload = encode(V6, SOURCE6)
    heard = decode_ipv6(payload, SOURCE6, PEER6, 255)  # summed up for another destination
    assert isinstance(heard, Discarded)
    assert heard.reason is Reason.CHECKSUM
    heard = decode_ipv6(b"\x21" + payload[1:], SOURCE6, GROUP6, 255)
    assert isinstance(heard, Discarded)
    assert heard.reason is Reason.VERSION
    with pytest.raises(ValueError, match="no VRRP version 2 for IPv6"):
        encode(replace(V6, version=2), SOURCE6)
