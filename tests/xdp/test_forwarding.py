"""What becomes of a frame: passed, dropped, sent on, answered."""

import struct
from ipaddress import IPv4Address

import pytest
from frames import (
    ACK,
    DIRECTOR_MAC,
    DNS,
    DROP,
    FIN,
    GATEWAY_MAC,
    LOOPBACK,
    PASS,
    REDIRECT,
    RST,
    SYN,
    TX,
    VIP,
    Director,
    checksum,
    ethernet,
    ip,
    server,
    server_mac,
    tcp,
    udp,
)

from trimaran.dataplane.xdp.layout import Event

SEGMENT = tcp(SYN)[34:]


def icmp_error(out: bytes) -> tuple[int, int, int, bytes]:
    """Type, code, MTU and quoted packet of a well-formed ICMP error to the client."""
    assert out[:14] == GATEWAY_MAC + DIRECTOR_MAC + b"\x08\x00"
    outer, message = out[14:34], out[34:]
    assert checksum(outer) == 0
    assert checksum(message) == 0
    assert struct.unpack("!H", outer[2:4])[0] == len(out) - 14
    assert outer[12:16] == VIP.packed
    kind, code, _, _, mtu = struct.unpack("!BBHHH", message[:8])
    return kind, code, mtu, message[8:]


def test_a_syn_goes_to_the_server_otherwise_unchanged(director: Director) -> None:
    director.serve(101)
    sent = tcp(SYN, data=b"early")
    verdict, out = director.send(sent)
    assert verdict == TX
    assert out[:12] == server_mac(101) + DIRECTOR_MAC
    assert out[22] == 63
    assert checksum(out[14:34]) == 0
    assert out[12:22] + out[23:24] + out[26:] == sent[12:22] + sent[23:24] + sent[26:]


@pytest.mark.parametrize(
    "frame",
    [
        tcp(SYN, target="192.168.1.11"),
        tcp(SYN, to=81),
        tcp(ACK),
        tcp(FIN | ACK),
        tcp(RST),
        tcp(SYN | RST),
        tcp(SYN, port=20),
        udp(to=80),
        ethernet(ip(b"\x08\x00" + bytes(6), 1)),
        ethernet(ip(bytes(20), 132)),
        GATEWAY_MAC + tcp(SYN)[6:],
        b"\xff" * 6 + tcp(SYN)[6:],
        tcp(SYN)[:12] + b"\x86\xdd" + tcp(SYN)[14:],
        tcp(SYN)[:50],
        ethernet(ip(SEGMENT, length=400)),
        ethernet(ip(SEGMENT, length=39)),
        ethernet(ip(SEGMENT, length=19)),
        ethernet(b"\x44" + ip(SEGMENT)[1:]),
        ethernet(b"\x65" + ip(SEGMENT)[1:]),
        ethernet(b"\x4f" + ip(SEGMENT)[1:]),
        ethernet(ip(SEGMENT, fragment=0x0001)),
        DIRECTOR_MAC + GATEWAY_MAC + b"\x08\x00",
    ],
    ids=lambda frame: frame.hex()[:80],
)
def test_what_is_not_ours_passes_untouched(director: Director, frame: bytes) -> None:
    director.serve(101)
    record = director.plane.tables.live["interfaces"][LOOPBACK]
    record["mac"] = int.from_bytes(DIRECTOR_MAC, "little")
    try:
        assert director.send(frame) == (PASS, frame)
        assert director.flows() == []
    finally:
        record["mac"] = 0


def test_only_held_addresses_are_served(director: Director) -> None:
    director.serve(101)
    director.chosen(tcp(SYN))
    others = [IPv4Address(f"192.168.{n >> 8}.{n & 255}") for n in range(512, 1500)]
    director.plane.set_held([*others, VIP])
    assert director.chosen(tcp(ACK)) == 101
    director.plane.set_held(others)
    assert director.send(tcp(ACK)) == (PASS, tcp(ACK))
    assert director.send(tcp(SYN, port=5))[0] == PASS
    director.plane.set_held([VIP])
    assert director.chosen(tcp(ACK)) == 101
    assert director.plane.tables.live["held"].nonzero()[0].size == 1


def test_ip_options(director: Director) -> None:
    director.serve(101)
    frame = tcp(SYN, options=b"\x01" * 8)
    verdict, out = director.send(frame)
    assert (verdict, out[5]) == (TX, 1)
    assert checksum(out[14:42]) == 0


@pytest.mark.parametrize("ttl", [0, 1])
def test_time_exceeded(director: Director, ttl: int) -> None:
    director.serve(101)
    sent = tcp(SYN, ttl=ttl)
    verdict, out = director.send(sent)
    assert verdict == TX
    assert icmp_error(out) == (11, 0, 0, sent[14:])
    assert director.service().counters.packets_in == 1


def test_fragmentation_needed(director: Director) -> None:
    director.serve(101)
    director.resolve(101, mtu=1000)
    director.chosen(tcp(SYN))
    assert director.chosen(tcp(ACK, data=bytes(960))) == 101
    sent = tcp(ACK, data=bytes(961))
    verdict, out = director.send(sent)
    assert verdict == TX
    kind, code, mtu, quoted = icmp_error(out)
    assert (kind, code, mtu) == (3, 4, 1000)
    assert len(quoted) == 548
    assert quoted[8] == 63
    assert quoted[12:] == sent[26 : 14 + 548]
    assert director.chosen(tcp(ACK, data=bytes(961), fragment=0)) == 101


def test_packets_merged_by_gro_are_not_too_big(director: Director) -> None:
    director.serve(101)
    director.chosen(tcp(SYN))
    record = director.plane.tables.live["interfaces"][LOOPBACK]
    record["mtu"] = 1500
    try:
        assert director.chosen(tcp(ACK, data=bytes(1900))) == 101
    finally:
        record["mtu"] = 0


def test_port_unreachable_quotes_an_odd_datagram(director: Director) -> None:
    director.serve(key=DNS)
    sent = udp(data=b"abc")
    verdict, out = director.send(sent + bytes(20))  # padded on the wire
    assert verdict == TX
    assert icmp_error(out) == (3, 3, 0, sent[14:])
    assert director.flows() == []


@pytest.mark.parametrize("source", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"])
def test_no_icmp_to_what_is_not_a_host(director: Director, source: str) -> None:
    director.serve()
    assert director.send(tcp(SYN, source=source))[0] == DROP


def test_icmp_is_limited(director: Director) -> None:
    director.serve()
    director.plane.set_icmp_rate(0)
    try:
        sent = sum(director.send(tcp(SYN, port=port))[0] == TX for port in range(1000, 1200))
        assert sent <= 50 * len(director.plane.tables.events)
        assert director.plane.events()[Event.ICMP_SUPPRESSED] == 200 - sent
    finally:
        director.plane.set_icmp_rate(1000)


def test_another_interface_out(director: Director) -> None:
    director.serve(101)
    director.resolve(101, ifindex=77)
    verdict, out = director.send(tcp(SYN))
    assert verdict == REDIRECT
    assert out[:6] == server_mac(101)


def test_local_node_is_tracked_and_passed_untouched(director: Director) -> None:
    director.plane.set_local([server(101).address])
    director.serve(101)
    assert director.send(tcp(SYN, ttl=1)) == (PASS, tcp(SYN, ttl=1))
    assert director.counts(101) == (1, 0)
    director.plane.set_local([])
    assert director.chosen(tcp(ACK)) == 101


def test_a_server_with_unknown_mac_gets_no_new_connections(director: Director) -> None:
    director.serve(101, 102)
    assert [director.chosen(tcp(SYN, port=p)) for p in (1, 2)] == [102, 101]
    director.plane.set_neighbour(server(102).address, None)
    assert [director.chosen(tcp(SYN, port=p)) for p in (3, 4)] == [101, 101]
    assert director.chosen(tcp(ACK, port=1)) == 102  # the last way that was known
    director.plane.set_neighbour(server(101).address, None)
    assert director.send(tcp(SYN, port=5))[0] == DROP  # not refused: the client tries again
    assert director.plane.events()[Event.UNRESOLVED] == 1
    assert director.plane.wanted_neighbours() == {server(101).address, server(102).address}


def test_a_checksum_left_to_hardware(director: Director) -> None:
    director.serve(101)
    record = director.plane.tables.live["interfaces"][LOOPBACK]
    record["verify_checksums"] = 1
    try:
        pseudo = bytes([10, 0, 0, 9]) + VIP.packed + struct.pack("!BBH", 0, 6, 20)
        partial = ~checksum(pseudo) & 0xFFFF
        frame = tcp(SYN)
        missing = frame[:50] + struct.pack("!H", partial) + frame[52:]
        assert director.send(missing)[0] == DROP
        assert director.plane.events()[Event.CHECKSUM_OFFLOADED] == 1
        # By chance the whole checksum may be the same number: make the rest add up to that.
        zeroed = frame[34:50] + b"\0\0" + frame[52:54]
        rest = checksum(pseudo + zeroed)  # what the checksum would be
        urgent = (rest - partial) % 0xFFFF
        lucky = missing[:52] + struct.pack("!H", urgent)
        assert checksum(pseudo + lucky[34:54]) == 0
        assert director.chosen(lucky) == 101
    finally:
        record["verify_checksums"] = 0
