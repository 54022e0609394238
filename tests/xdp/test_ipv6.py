"""IPv6: what becomes of a frame. What is common with IPv4 is tested there; here is what differs."""

import json
import struct
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from frames import (
    ACK,
    DIRECTOR_MAC,
    DROP,
    FIN,
    GATEWAY_MAC,
    LOOPBACK,
    PASS,
    RST,
    SYN,
    TX,
    VIP,
    Director,
)
from frames import tcp as tcp4
from frames6 import (
    CLIENT6,
    DNS6,
    FRAGMENT,
    HOP_BY_HOP,
    HTTP6,
    ICMP6,
    OPTIONS,
    ROUTING,
    SCTP,
    TCP,
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
    tcp6,
    udp6,
)

from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.dataplane.xdp.layout import Event
from trimaran.model.service import Protocol, SchedulerFlag, ServerKey, ServiceKey

VECTORS = Path(__file__).parents[1] / "data" / "ipvs" / "hash-vectors"
SEGMENT = segment(SYN, 20010, 80)
PADDING = bytes([1, 4, 0, 0, 0, 0])  # PadN


@pytest.fixture
def six(director: Director) -> Director6:
    return Director6(director)


def extension(next_header: int, length: int = 8) -> bytes:
    return bytes([next_header, length // 8 - 1]) + PADDING + bytes(length - 8)


def test_a_syn_goes_to_the_server_otherwise_unchanged(six: Director6) -> None:
    six.serve(101)
    sent = tcp6(SYN, data=b"early", traffic=0xB9)
    verdict, out = six.send(sent)
    assert verdict == TX
    assert out[:12] == server6_mac(101) + DIRECTOR_MAC
    assert out[21] == 63
    assert out[12:21] + out[22:] == sent[12:21] + sent[22:]


def test_connections_states_and_counters(six: Director6) -> None:
    six.serve(101, 102)
    assert [six.chosen(tcp6(SYN, port=port)) for port in (1, 2, 3)] == [102, 101, 102]
    assert [six.chosen(tcp6(ACK, port=port)) for port in (1, 2, 3)] == [102, 101, 102]
    assert six.chosen(tcp6(FIN | ACK, port=1)) == 102
    flows = {flow.client_port: flow for flow in six.director.flows()}
    assert {port: flow.state for port, flow in flows.items()} == {
        1: "FIN_WAIT",
        2: "ESTABLISHED",
        3: "ESTABLISHED",
    }
    assert (flows[1].client, flows[1].virtual) == (CLIENT6, VIP6)
    assert flows[1].destination == server6(102)
    (view,) = six.plane.services()
    assert (view.counters.connections, view.counters.packets_in) == (3, 7)
    assert view.counters.bytes_in == 7 * 60
    counts = {
        v.destination.key: (v.active_connections, v.inactive_connections) for v in view.destinations
    }
    assert counts == {server6(101): (1, 0), server6(102): (1, 1)}
    six.director.expire_all()
    six.director.poll()
    assert six.director.flows() == []
    assert not six.plane.tables.flows6["flow"]["control"].any()


def test_each_bit_of_an_address_counts(six: Director6) -> None:
    """A flow's packets are not taken for those of another client, nor of another VIP."""
    six.serve(101)
    assert six.chosen(tcp6(SYN)) == 101
    for bit in range(128):
        other = str(IPv6Address(int(CLIENT6) ^ 1 << bit))
        assert six.send(tcp6(ACK, source=other))[0] == PASS, bit
        other = str(IPv6Address(int(VIP6) ^ 1 << bit))
        assert six.send(tcp6(ACK, target=other))[0] == PASS, bit
    assert six.chosen(tcp6(ACK)) == 101


def test_both_versions_beside_each_other(six: Director6) -> None:
    """The same ports, and services of the same ports."""
    key = ServiceKey(Protocol.TCP, VIP, 80)
    four = Destination(ServerKey(VIP + 91, 80))
    six.plane.apply(
        [
            Service(key, Settings("rr"), (four,)),
            Service(HTTP6, Settings("rr"), (Destination(server6(102)),)),
        ]
    )
    assert six.chosen(tcp6(SYN)) == 102
    assert six.director.chosen(tcp4(SYN)) == 101
    assert {str(flow.virtual) for flow in six.director.flows()} == {str(VIP), str(VIP6)}
    assert six.plane.virtual_addresses() == {VIP, VIP6}
    six.plane.apply([Service(key, Settings("rr"), (four,))])
    assert six.director.chosen(tcp4(ACK)) == 101
    assert six.send(tcp6(ACK))[0] == DROP  # its server is gone
    assert six.plane.events()[Event.DESTINATION_REMOVED] == 1


@pytest.mark.parametrize(
    "frame",
    [
        tcp6(SYN, target="2001:db8:1::11"),
        tcp6(SYN, to=81),
        tcp6(ACK),
        tcp6(RST),
        tcp6(SYN, port=20),
        udp6(to=80),
        icmp6(128, 0, 0, b"ping"),
        icmp6(135, 0, 0, VIP6.packed),  # neighbour solicitation
        icmp6(135, 0, 0, VIP6.packed, target="ff02::1:ff00:10"),
        ethernet6(ip6(bytes(12), SCTP)),
        ethernet6(ip6(bytes(20), 59)),
        ethernet6(ip6(bytes(20), 51)),  # authentication header
        GATEWAY_MAC + tcp6(SYN)[6:],
        tcp6(SYN)[:12] + b"\x08\x00" + tcp6(SYN)[14:],
        tcp6(SYN)[:70],
        tcp6(SYN)[:50],
        ethernet6(ip6(SEGMENT, length=400)),
        ethernet6(ip6(SEGMENT, length=19)),
        ethernet6(b"\x40" + ip6(SEGMENT)[1:]),
        ethernet6(ip6(extension(TCP) + SEGMENT, HOP_BY_HOP)[:47]),
        ethernet6(ip6(bytes([TCP, 255]) + PADDING + SEGMENT, OPTIONS)),
        ethernet6(ip6(extension(OPTIONS) * 6 + extension(TCP) + SEGMENT, OPTIONS)),
        ethernet6(ip6(fragment_header(TCP, 8, more=True) + SEGMENT, FRAGMENT)),
        DIRECTOR_MAC + GATEWAY_MAC + b"\x86\xdd",
    ],
    ids=lambda frame: frame.hex()[24:140],
)
def test_what_is_not_ours_passes_untouched(six: Director6, frame: bytes) -> None:
    six.serve(101)
    record = six.plane.tables.live["interfaces"][LOOPBACK]
    record["mac"] = int.from_bytes(DIRECTOR_MAC, "little")
    try:
        assert six.send(frame) == (PASS, frame)
        assert six.director.flows() == []
    finally:
        record["mac"] = 0


@pytest.mark.parametrize(
    "headers",
    [
        [HOP_BY_HOP],
        [OPTIONS],
        [ROUTING],
        [HOP_BY_HOP, ROUTING, OPTIONS],
        [OPTIONS] * 6,
    ],
    ids=str,
)
def test_extension_headers(six: Director6, headers: list[int]) -> None:
    six.serve(101)
    chain = [*headers, TCP]
    between = b"".join(extension(after, 16) for after in chain[1:])
    sent = ethernet6(ip6(between + SEGMENT, chain[0]))
    verdict, out = six.send(sent)
    assert (verdict, out[5]) == (TX, 1)
    assert out[22:] == sent[22:]
    assert six.director.state() == "SYN_RECV"
    assert six.chosen(tcp6(ACK)) == 101


def test_only_held_addresses_are_served(six: Director6) -> None:
    six.serve(101)
    six.chosen(tcp6(SYN))
    others = [IPv6Address(f"2001:db8:1::{n:x}") for n in range(0x1000, 0x1400)]
    six.plane.set_held([*others, VIP6, VIP])
    assert six.chosen(tcp6(ACK)) == 101
    six.plane.set_held([*others, VIP])
    assert six.send(tcp6(ACK)) == (PASS, tcp6(ACK))
    six.plane.set_held([VIP6])
    assert six.chosen(tcp6(ACK)) == 101
    assert six.plane.tables.live["held6"].nonzero()[0].size == 1


def error_of(out: bytes) -> tuple[int, int, int, bytes]:
    """Type, code, MTU and quoted packet of a well-formed ICMPv6 error from the VIP."""
    assert out[:14] == GATEWAY_MAC + DIRECTOR_MAC + b"\x86\xdd"
    assert out[22:38] == VIP6.packed
    assert (out[20], len(out) - 54) == (ICMP6, int.from_bytes(out[18:20]))
    assert is_right(out, ICMP6)
    kind, code, _, mtu = struct.unpack("!BBHI", out[54:62])
    return kind, code, mtu, out[62:]


@pytest.mark.parametrize("hop_limit", [0, 1])
def test_time_exceeded(six: Director6, hop_limit: int) -> None:
    six.serve(101)
    sent = tcp6(SYN, hop_limit=hop_limit)
    verdict, out = six.send(sent)
    assert (verdict, *error_of(out)) == (TX, 3, 0, 0, sent[14:])


def test_packet_too_big(six: Director6) -> None:
    six.serve(101)
    six.resolve(101, mtu=1280)
    six.chosen(tcp6(SYN))
    assert six.chosen(tcp6(ACK, data=bytes(1220))) == 101
    sent = tcp6(ACK, data=bytes(1221))
    verdict, out = six.send(sent)
    kind, code, mtu, quoted = error_of(out)
    assert (verdict, kind, code, mtu) == (TX, 2, 0, 1280)
    assert len(out) == 14 + 1280
    assert quoted[7] == 63  # as it would have left
    assert quoted[8:] == sent[22 : 14 + 1232]


def test_port_unreachable(six: Director6) -> None:
    six.serve(key=DNS6)
    sent = udp6(data=b"abc")
    verdict, out = six.send(sent + bytes(20))  # padded on the wire
    assert (verdict, *error_of(out)) == (TX, 1, 4, 0, sent[14:])


@pytest.mark.parametrize("source", ["::", "::1", "ff02::1"])
def test_no_icmp_to_what_is_not_a_host(six: Director6, source: str) -> None:
    six.serve()
    assert six.send(tcp6(SYN, source=source))[0] == DROP


def test_a_checksum_left_to_hardware(six: Director6) -> None:
    six.serve(101)
    record = six.plane.tables.live["interfaces"][LOOPBACK]
    record["verify_checksums"] = 1
    try:
        frame = tcp6(SYN)
        total = sum(struct.unpack("!20H", frame[22:54] + struct.pack("!II", 20, TCP)))
        partial = (total & 0xFFFF) + (total >> 16)
        missing = frame[:70] + struct.pack("!H", partial) + frame[72:]
        assert six.send(missing)[0] == DROP
        assert six.plane.events()[Event.CHECKSUM_OFFLOADED] == 1
        assert six.chosen(frame) == 101
    finally:
        record["verify_checksums"] = 0


@pytest.mark.parametrize("path", sorted(VECTORS.glob("v6-*.json")), ids=lambda path: path.stem)
def test_the_kernels_hashes(six: Director6, path: Path) -> None:
    vectors = json.loads(path.read_text())
    key = ServiceKey(Protocol.TCP, VIP6, vectors["port"])
    settings = Settings(vectors["scheduler"], SchedulerFlag(vectors["flags"]))
    destinations: list[Destination] = []
    for number, weight in vectors["dests_in_add_order"]:
        destinations.append(Destination(server6(100 + number, key.port), weight))
        six.plane.apply([Service(key, settings, tuple(destinations))])
    for client, port, chosen in vectors["vectors"]:
        frame = tcp6(SYN, port=port, to=key.port, source=client)
        assert six.chosen(frame) == (100 + chosen if chosen else 0), (client, port)


def test_a_director_that_takes_over_adopts_connections(six: Director6) -> None:
    six.plane.set_held([VIP])
    six.serve(101, 102, settings=Settings("mh"))
    six.plane.set_held([VIP, VIP6])
    assert six.chosen(tcp6(ACK)) in (101, 102)
    assert six.director.state() == "ESTABLISHED"
