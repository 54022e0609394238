"""IPv6: tunnels, masquerading, errors and fragments; what both versions do the same way is tested
with IPv4."""

import itertools
import random
import struct
from ipaddress import IPv6Address

import pytest
from frames import (
    ACK,
    DIRECTOR,
    DIRECTOR_MAC,
    DROP,
    GATEWAY_MAC,
    PASS,
    SYN,
    TX,
    Director,
    checksum,
    server,
    server_mac,
    tcp,
)
from frames6 import (
    CLIENT6,
    DIRECTOR6,
    DNS6,
    FRAGMENT,
    HOP_BY_HOP,
    HTTP6,
    ICMP6,
    SCTP,
    TCP,
    UDP,
    VIP6,
    Director6,
    ethernet6,
    fragment_header,
    icmp6,
    ip6,
    is_right,
    segment,
    server6,
    server6_mac,
    summed,
    tcp6,
    udp6,
)
from golden import Ipvsadm, load, masked, received, states

from trimaran.dataplane.base import (
    Destination,
    Service,
    Settings,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from trimaran.dataplane.xdp.layout import Event
from trimaran.dataplane.xdp.ways import Neighbour
from trimaran.model.service import Forwarding, Protocol, ServiceKey

NUMBERS = itertools.count(1000)
PIECE = 1000
GUE = Tunnel(TunnelType.GUE, 6080, TunnelChecksum.FULL)
GRE = Tunnel(TunnelType.GRE, 0, TunnelChecksum.FULL)


@pytest.fixture
def six(gateway: Director) -> Director6:
    return Director6(gateway)


@pytest.mark.parametrize(
    "name",
    [
        "dr6-tcp",
        "tun-6in6-ipip",
        "tun-6in6-gue",
        "tun-4in6-ipip",
        "tun-4in6-gue",
        "tun-6in4-ipip",
        "tun-6in4-gue",
    ],
)
def test_golden(six: Director6, name: str) -> None:
    golden = load(name)
    ipvsadm = Ipvsadm(six.director)
    six.resolve(104, mtu=1280)
    # The kernel chose the VIP for its outer packets' source.
    way = Neighbour(server6_mac(101), DIRECTOR_MAC, six.director.interface, 1500, VIP6)
    six.plane.set_neighbour(server6(101).address, way)
    for command in golden["config"]:
        ipvsadm.run(command)
    for step in golden["steps"]:
        verdict, out = six.send(received(bytes.fromhex(step["inject"][0])))
        emitted = [masked(bytes.fromhex(frame)) for frame in step["emitted"]]
        assert (verdict, [masked(out)]) == (TX, emitted), step["note"]
        keys = ("c", "cp", "d", "st")
        assert states(six.director) == [{k: c[k] for k in keys} for c in step["conns"]]


# Tunnels


@pytest.mark.parametrize("tunnel", [Tunnel(), GUE, GRE], ids=lambda tunnel: tunnel.type)
@pytest.mark.parametrize("size", [0, 1, 31, 500])
def test_tunnelled_packets_are_whole(six: Director6, tunnel: Tunnel, size: int) -> None:
    """And their checksums right, without the data having been read."""
    six.serve(101, forwarding=Forwarding.TUNNEL, tunnel=tunnel)
    data = random.Random(size).randbytes(size)
    six.send(tcp6(SYN))
    for sent in (tcp6(SYN), tcp6(ACK, data=data, traffic=0xB8)):
        verdict, out = six.send(sent)
        assert (verdict, out[:14]) == (TX, server6_mac(101) + DIRECTOR_MAC + b"\x86\xdd")
        assert int.from_bytes(out[18:20]) == len(out) - 54
        assert out[22:54] == DIRECTOR6.packed + server6(101).address.packed
        assert out[14:16] == sent[14:16]  # the traffic class
        before = {TunnelType.IPIP: 0, TunnelType.GUE: 12, TunnelType.GRE: 8}[tunnel.type]
        inner = out[54 + before :]
        assert inner == sent[14:21] + b"\x3f" + sent[22:]
        if tunnel is GUE:
            assert is_right(out, UDP)
        elif tunnel is GRE:
            assert out[54:58] == b"\x80\x00\x86\xdd"
            assert checksum(out[54:]) == 0


@pytest.mark.parametrize("tunnel", [Tunnel(), GUE, GRE], ids=lambda tunnel: tunnel.type)
def test_ipv4_in_ipv6(six: Director6, tunnel: Tunnel) -> None:
    key = ServiceKey(Protocol.TCP, server(10).address, 80)
    destination = Destination(server6(101), 1, Forwarding.TUNNEL, tunnel=tunnel)
    six.plane.apply([Service(key, Settings("rr"), (destination,))])
    six.send(tcp(SYN))
    verdict, out = six.send(tcp(ACK, data=bytes(100)))
    assert (verdict, out[12:14], out[5:6]) == (TX, b"\x86\xdd", b"\1")
    before = {TunnelType.IPIP: 0, TunnelType.GUE: 12, TunnelType.GRE: 8}[tunnel.type]
    assert out[54 + before] == 0x45
    # DF, and 40 bytes and the tunnel's less than 1500.
    room = 1500 - 40 - before - 40
    assert six.send(tcp(ACK, data=bytes(room)))[1][12:14] == b"\x86\xdd"
    verdict, out = six.send(tcp(ACK, data=bytes(room + 1)))
    assert (verdict, out[23], int.from_bytes(out[40:42])) == (TX, 1, room + 40)


def test_ipv6_in_ipv4_and_its_mtu(six: Director6) -> None:
    destination = Destination(server(101), 1, Forwarding.TUNNEL)
    six.plane.apply([Service(HTTP6, Settings("rr"), (destination,))])
    six.director.resolve(101)
    six.send(tcp6(SYN))
    verdict, out = six.send(tcp6(ACK, data=bytes(1420)))
    assert (verdict, out[12:14], out[:6]) == (TX, b"\x08\x00", server_mac(101))
    assert checksum(out[14:34]) == 0
    assert (out[23], out[26:34]) == (41, DIRECTOR.packed + server(101).address.packed)
    verdict, out = six.send(tcp6(ACK, data=bytes(1421)))
    assert (verdict, out[20], out[54:56], int.from_bytes(out[58:62])) == (TX, ICMP6, b"\2\0", 1480)


# Masquerading


def masquerade(six: Director6, *lasts: int, key: ServiceKey = HTTP6, port: int = 8080) -> None:
    six.serve(*lasts, key=key, forwarding=Forwarding.MASQUERADING, port=port)


def from_server(frame: bytes, last: int = 101) -> bytes:
    return DIRECTOR_MAC + server6_mac(last) + frame[12:]


def ends(frame: bytes) -> tuple[str, int, str, int]:
    source, target, sport, dport = struct.unpack("!16s16sHH", frame[22:58])
    return str(IPv6Address(source)), sport, str(IPv6Address(target)), dport


SERVER = {"source": str(server6(101).address), "target": str(CLIENT6)}


def test_there_and_back(six: Director6) -> None:
    masquerade(six, 101)
    numbers = random.Random(7)
    for port in range(1000, 1100):
        data = numbers.randbytes(numbers.randrange(40))
        verdict, out = six.send(tcp6(SYN, port=port, data=data))
        assert (verdict, out[:12]) == (TX, server6_mac(101) + DIRECTOR_MAC)
        assert ends(out) == (str(CLIENT6), port, str(server6(101).address), 8080)
        assert (out[21], is_right(out, TCP)) == (63, True)
        sent = from_server(tcp6(SYN | ACK, port=8080, to=port, data=data, **SERVER))
        verdict, out = six.send(sent)
        assert (verdict, out[:12]) == (TX, GATEWAY_MAC + DIRECTOR_MAC)
        assert ends(out) == (str(VIP6), 80, str(CLIENT6), port)
        assert (out[21], is_right(out, TCP)) == (63, True)
        assert six.chosen(tcp6(ACK, port=port)) == 101
    (view,) = six.plane.services()
    assert (view.counters.packets_in, view.counters.packets_out) == (200, 100)
    assert {flow.state for flow in six.director.flows()} == {"ESTABLISHED"}


def test_datagrams(six: Director6) -> None:
    masquerade(six, 101, key=DNS6, port=5353)
    for size in range(20):
        out = six.send(udp6(port=1000 + size, data=bytes(range(size))))[1]
        assert is_right(out, UDP)
        reply = udp6(port=5353, to=1000 + size, data=bytes(range(size)), **SERVER)
        verdict, out = six.send(from_server(reply))
        assert (verdict, is_right(out, UDP)) == (TX, True)
        assert ends(out) == (str(VIP6), 53, str(CLIENT6), 1000 + size)


def test_sctp(six: Director6) -> None:
    """Its checksum covers no addresses, and is adjusted for the ports."""
    key = ServiceKey(Protocol.SCTP, VIP6, 80)
    masquerade(six, 101, key=key)
    init = struct.pack("!HHIIBBH", 2905, 80, 0, 0x11111111, 1, 0, 20) + bytes(16)
    verdict, out = six.send(ethernet6(ip6(init, SCTP)))
    assert (verdict, ends(out)[3]) == (TX, 8080)
    assert out[62:66] != init[8:12]
    assert six.director.state() == "INIT1"


def test_replies_through_extension_headers(six: Director6) -> None:
    masquerade(six, 101)
    six.send(tcp6(SYN))
    option = bytes([TCP, 0, 1, 4, 0, 0, 0, 0])
    payload = segment(SYN | ACK, 8080, 20010)
    payload = summed(ip6(payload, **SERVER), payload, TCP, 16)
    verdict, out = six.send(from_server(ethernet6(ip6(option + payload, HOP_BY_HOP, **SERVER))))
    assert (verdict, IPv6Address(out[22:38])) == (TX, VIP6)
    pseudo = out[22:54] + struct.pack("!II", 20, TCP)
    assert checksum(pseudo + out[62:]) == 0


def test_what_is_no_reply_passes(six: Director6) -> None:
    masquerade(six, 101)
    six.send(tcp6(SYN))
    for frame in (
        tcp6(ACK, port=8081, to=20010, **SERVER),
        tcp6(ACK, port=8080, to=20011, **SERVER),
        tcp6(ACK, port=8080, to=20010, **(SERVER | {"target": "2001:db8:c::a"})),
        tcp6(ACK, port=8080, to=20010, **(SERVER | {"source": str(server6(102).address)})),
        icmp6(135, 0, 0, VIP6.packed, **SERVER),
    ):
        assert six.send(from_server(frame)) == (PASS, from_server(frame))


def test_the_server_is_told_of_replies_that_cannot_go_on(six: Director6) -> None:
    masquerade(six, 101)
    six.send(tcp6(SYN))
    sent = from_server(tcp6(ACK, port=8080, to=20010, hop_limit=1, **SERVER))
    verdict, out = six.send(sent)
    assert (verdict, out[:6], out[22:54]) == (
        TX,
        server6_mac(101),
        DIRECTOR6.packed + server6(101).address.packed,
    )
    assert (out[54:56], is_right(out, ICMP6), out[62:]) == (b"\3\0", True, sent[14:])
    verdict, out = six.send(from_server(tcp6(ACK, port=8080, to=20010, data=bytes(1500), **SERVER)))
    assert (verdict, out[54:56], int.from_bytes(out[58:62])) == (TX, b"\2\0", 1500)


def test_errors_about_a_masqueraded_connection(six: Director6) -> None:
    """From a router to the server, and from the server to the client: all addresses and ports in
    them are those that each knows."""
    masquerade(six, 101)
    six.send(tcp6(SYN))
    reply = ip6(segment(ACK, 80, 20010), source=str(VIP6), target=str(CLIENT6))
    verdict, out = six.send(icmp6(2, 0, 1400, reply, source="2001:db8:9::9"))
    assert (verdict, out[:6]) == (TX, server6_mac(101))
    assert (IPv6Address(out[38:54]), is_right(out, ICMP6)) == (server6(101).address, True)
    assert IPv6Address(out[70:86]) == server6(101).address
    assert int.from_bytes(out[102:104]) == 8080
    request = ip6(segment(ACK, 20010, 8080), source=str(CLIENT6), target=SERVER["source"])
    verdict, out = six.send(from_server(icmp6(1, 1, 0, request, **SERVER)))
    assert (verdict, out[:6]) == (TX, GATEWAY_MAC)
    assert (IPv6Address(out[22:38]), is_right(out, ICMP6)) == (VIP6, True)
    assert IPv6Address(out[86:102]) == VIP6
    assert int.from_bytes(out[104:106]) == 80


def test_errors_quote_extension_headers(six: Director6) -> None:
    six.serve(101)
    six.send(tcp6(SYN))
    option = bytes([TCP, 0, 1, 4, 0, 0, 0, 0])
    quoted = ip6(
        option + segment(ACK, 80, 20010), HOP_BY_HOP, source=str(VIP6), target=str(CLIENT6)
    )
    assert six.chosen(icmp6(3, 0, 0, quoted)) == 101
    assert six.send(icmp6(128, 0, 0, quoted))[0] == PASS
    cut = icmp6(3, 0, 0, quoted[:52])
    assert six.send(cut) == (PASS, cut)


# Fragments


def fragments(data: bytes, *, port: int = 20010, to: int = 53, **ends: str) -> list[bytes]:
    """The frames of a fragmented datagram."""
    number = next(NUMBERS)
    whole = udp6(port=port, to=to, data=data, **ends)[54:]
    return [
        ethernet6(
            ip6(
                fragment_header(UDP, at, more=at + PIECE < len(whole), number=number)
                + whole[at : at + PIECE],
                FRAGMENT,
                **ends,  # type: ignore[arg-type]
            )
        )
        for at in range(0, len(whole), PIECE)
    ]


def test_later_fragments_follow_their_first(six: Director6) -> None:
    six.serve(101, 102, key=DNS6)
    first, second = fragments(bytes(2500)), fragments(bytes(2500), port=5)
    order = [first[0], second[0], first[1], second[2], second[1], first[2]]
    assert [six.chosen(frame) for frame in order] == [102, 101, 102, 101, 101, 102]
    lone = fragments(bytes(2500))[1]
    assert six.send(lone) == (PASS, lone)
    assert six.plane.events()[Event.FRAGMENT] == 1


def test_masqueraded_fragments(six: Director6) -> None:
    masquerade(six, 101, key=DNS6, port=5353)
    data = random.Random(1).randbytes(2500)
    there = [six.send(frame)[1] for frame in fragments(data)]
    whole = b"".join(frame[62:] for frame in there)
    assert checksum(there[0][22:54] + struct.pack("!II", len(whole), UDP) + whole) == 0
    assert {IPv6Address(frame[38:54]) for frame in there} == {server6(101).address}
    back = [
        six.send(from_server(frame)) for frame in fragments(data, port=5353, to=20010, **SERVER)
    ]
    assert [verdict for verdict, _ in back] == [TX] * 3
    whole = b"".join(frame[62:] for _, frame in back)
    assert checksum(back[0][1][22:54] + struct.pack("!II", len(whole), UDP) + whole) == 0
    assert {IPv6Address(frame[22:38]) for _, frame in back} == {VIP6}


def test_an_atomic_fragment_is_whole(six: Director6) -> None:
    """RFC 6946."""
    six.serve(101)
    payload = fragment_header(TCP, 0, more=False) + segment(SYN, 20010, 80)
    assert six.chosen(ethernet6(ip6(payload, FRAGMENT))) == 101


def test_nothing_goes_out_by_a_way_that_is_not_known(six: Director6) -> None:
    masquerade(six, 101)
    six.send(tcp6(SYN, source="2001:db8:1::77"))
    target = SERVER | {"target": "2001:db8:1::77"}
    assert six.send(from_server(tcp6(ACK, port=8080, to=20010, **target)))[0] == DROP
    hop = six.plane.unresolved_hop()  # type: ignore[attr-defined]
    assert hop == (six.director.interface, IPv6Address("2001:db8:1::77"))
