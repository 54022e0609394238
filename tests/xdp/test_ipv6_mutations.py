"""Random and mutated frames of IPv6, as test_mutations.py of IPv4; and VLAN tags around it."""

import pytest
from frames import ACK, DIRECTOR_MAC, SYN, Director, server
from frames6 import (
    CLIENT6,
    DNS6,
    FRAGMENT,
    HOP_BY_HOP,
    HTTP6,
    OPTIONS,
    ROUTING,
    SCTP,
    TCP,
    UDP,
    VIP6,
    Director6,
    ethernet6,
    fragment_header,
    icmp6,
    ip6,
    segment,
    server6,
    server6_mac,
    tcp6,
    udp6,
)
from mutation import LONG, play
from test_mutations import TUNNELS

from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey

FRAMES = 40_000
WEB = str(server6(101).address)
BACK = {"source": WEB, "target": str(CLIENT6)}
DIAMETER = ServiceKey(Protocol.SCTP, VIP6, 3868)
IN_TUNNELS = [ServiceKey(Protocol.TCP, VIP6, 81 + n) for n in range(2 * len(TUNNELS))]


def services(ipv4: ServerKey) -> list[Service]:
    masqueraded = [
        Service(key, Settings("rr"), (Destination(server6(101), 1, Forwarding.MASQUERADING),))
        for key in (HTTP6, DNS6, DIAMETER)
    ]
    servers = [server6(102)] * len(TUNNELS) + [ipv4] * len(TUNNELS)
    tunnelled = [
        Service(key, Settings("rr"), (Destination(server, 1, Forwarding.TUNNEL, tunnel=tunnel),))
        for key, server, tunnel in zip(IN_TUNNELS, servers, TUNNELS * 2, strict=True)
    ]
    direct = Service(
        ServiceKey(Protocol.TCP, VIP6, 90), Settings("rr"), (Destination(server6(103)),)
    )
    return [*masqueraded, *tunnelled, direct]


def extended(headers: list[int], payload: bytes, protocol: int = TCP, **ends: str) -> bytes:
    """With options in each header, or the fragment header of a first fragment."""
    following = [*headers[1:], protocol]
    between = b"".join(
        fragment_header(after, 0, more=True)
        if header == FRAGMENT
        else bytes([after, 0, 1, 4, 0, 0, 0, 0])
        for header, after in zip(headers, following, strict=True)
    )
    return ethernet6(ip6(between + payload, headers[0], **ends))  # type: ignore[arg-type]


def seeds() -> list[bytes]:
    association = b"\x4e\x2a\x0f\x1c" + bytes(8) + b"\1\0\0\4"
    quoted = ip6(segment(ACK, 80, 20010), source=str(VIP6), target=str(CLIENT6))
    back = [
        tcp6(ACK, port=80, to=20010, **BACK),
        udp6(port=53, to=20010, **BACK),
        icmp6(1, 1, 0, ip6(segment(ACK, 20010, 80), target=WEB), **BACK),
        extended([OPTIONS], segment(ACK, 80, 20010), **BACK),
        extended([FRAGMENT], udp6(port=53, to=20010, **BACK)[54:], UDP, **BACK),
        ethernet6(ip6(fragment_header(UDP, 8, more=False) + bytes(8), FRAGMENT, **BACK)),
    ]
    return [
        *(tcp6(flags, to=to) for flags in (SYN, ACK) for to in (80, *range(81, 87), 90)),
        udp6(data=bytes(40)),
        tcp6(ACK, hop_limit=1),
        tcp6(ACK, to=81, data=bytes(1250)),
        ethernet6(ip6(association, SCTP)),
        icmp6(2, 0, 1400, quoted),
        icmp6(135, 0, 0, VIP6.packed),
        extended([HOP_BY_HOP, ROUTING, OPTIONS], segment(SYN, 20010, 80)),
        extended([HOP_BY_HOP, FRAGMENT, OPTIONS], segment(SYN, 20010, 90)),
        ethernet6(ip6(fragment_header(TCP, 8, more=True) + bytes(8), FRAGMENT)),
        tcp6(SYN)[:12] + b"\x81\0\0\1" + tcp6(SYN)[12:],
        *(DIRECTOR_MAC + server6_mac(101) + frame[12:] for frame in back),
    ]


@pytest.mark.parametrize(
    ("frames", "seed"),
    [
        (FRAMES, 20261127),
        pytest.param(LONG, 20261128, marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
def test_mutated_frames(gateway: Director, frames: int, seed: int) -> None:
    six = Director6(gateway)
    gateway.resolve(104)
    six.plane.apply(services(server(104)))
    six.resolve(102, mtu=1280)
    six.plane.set_icmp_rate(100_000)
    ends = play(gateway, seeds(), frames, seed)
    six.plane.set_icmp_rate(1000)
    assert ends["rewritten"] > frames / 10
    assert ends["wrapped"] > frames / 20
    assert ends["error"] > frames / 100
    assert ends["passed"] > frames / 20


@pytest.mark.parametrize("tags", [b"\x81\0\0\1", b"\x88\xa8\0\1\x81\0\0\2"], ids=["one", "two"])
@pytest.mark.parametrize("method", [Forwarding.DIRECT_ROUTING, Forwarding.TUNNEL])
def test_vlan_tags_stay(gateway: Director, tags: bytes, method: Forwarding) -> None:
    six = Director6(gateway)
    six.serve(101, forwarding=method)
    for frame in (tcp6(SYN), tcp6(ACK), tcp6(ACK, hop_limit=1), tcp6(ACK, target="2001:db8:1::99")):
        verdict, out = six.send(frame[:12] + tags + frame[12:])
        plain = six.send(frame)
        assert (verdict, out[:12] + out[12 + len(tags) :]) == plain
        assert out[12 : 12 + len(tags)] == tags
