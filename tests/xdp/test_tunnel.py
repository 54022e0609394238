"""Tunnels beyond the golden frames: checksums over odd packets, MTUs, edits."""

import pytest
from frames import (
    ACK,
    DIRECTOR,
    DNS,
    DROP,
    HTTP,
    LOOPBACK,
    SYN,
    TX,
    Director,
    checksum,
    ip,
    server,
    server_mac,
    tcp,
    udp,
)

from trimaran.dataplane.base import Tunnel, TunnelChecksum, TunnelType
from trimaran.dataplane.xdp.layout import Event
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.model.service import Forwarding

IPIP = Tunnel()
GUE = Tunnel(TunnelType.GUE, 6080, TunnelChecksum.FULL)
GUE_PLAIN = Tunnel(TunnelType.GUE, 6080)
GRE = Tunnel(TunnelType.GRE, checksum=TunnelChecksum.FULL)
GRE_PLAIN = Tunnel(TunnelType.GRE)
OVERHEAD = {IPIP: 20, GUE: 32, GUE_PLAIN: 32, GRE: 28, GRE_PLAIN: 24}


def serve(director: Director, tunnel: Tunnel, *, udp_too: bool = False) -> None:
    key = DNS if udp_too else HTTP
    director.serve(101, key=key, forwarding=Forwarding.TUNNEL, tunnel=tunnel)


def whole(frame: bytes) -> bytes:
    """The frame with a right TCP or UDP checksum."""
    place = 34 + (16 if frame[23] == 6 else 6)
    frame = frame[:place] + b"\0\0" + frame[place + 2 :]
    pseudo = frame[26:34] + bytes([0, frame[23]]) + (len(frame) - 34).to_bytes(2)
    return frame[:place] + checksum(pseudo + frame[34:]).to_bytes(2) + frame[place + 2 :]


def unwrapped(out: bytes, tunnel: Tunnel) -> bytes:
    """The inner packet, after every checksum of the outer headers was found right."""
    assert out[:6] == server_mac(101)
    outer = out[14:34]
    assert checksum(outer) == 0
    assert int.from_bytes(outer[2:4]) == len(out) - 14
    assert outer[12:20] == DIRECTOR.packed + server(101).address.packed
    inner = out[14 + OVERHEAD[tunnel] :]
    assert checksum(inner[:20]) == 0
    summed = tunnel.checksum is TunnelChecksum.FULL
    if tunnel.type is TunnelType.GRE:
        assert outer[9] == 47
        assert out[34:38] == bytes([0x80 * summed, 0, 8, 0])
        if summed:
            assert checksum(out[34:]) == 0
            assert out[40:42] == b"\0\0"
    elif tunnel.type is TunnelType.GUE:
        assert outer[9] == 17
        assert out[36:38] == (6080).to_bytes(2)
        assert int.from_bytes(out[34:36]) >= 32768
        assert out[42:46] == b"\0\4\0\0"
        pseudo = outer[12:20] + b"\0\x11" + out[38:40]
        assert (checksum(pseudo + out[34:]) == 0) if summed else out[40:42] == b"\0\0"
    else:
        assert outer[9] == 4
    return inner


@pytest.mark.parametrize("tunnel", list(OVERHEAD), ids=lambda t: f"{t.type}-{t.checksum}")
@pytest.mark.parametrize("size", [0, 1, 2, 33, 1447, 1400])
def test_tcp_arrives_whole(director: Director, tunnel: Tunnel, size: int) -> None:
    serve(director, tunnel)
    opened = whole(tcp(SYN, data=bytes(range(7)) * 3))
    verdict, out = director.send(opened)
    assert verdict == TX
    assert unwrapped(out, tunnel)[20:] == opened[34:]
    sent = whole(tcp(ACK, data=(bytes(range(256)) * 6)[:size]))
    if len(sent) - 14 <= 1500 - OVERHEAD[tunnel]:
        verdict, out = director.send(sent)
        assert verdict == TX
        inner = unwrapped(out, tunnel)
        assert inner[8] == 63
        assert inner[12:] == sent[26:]


@pytest.mark.parametrize("tunnel", [GUE, GRE], ids=["gue", "gre"])
@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 333])
def test_the_outer_checksum_of_a_datagram_without_one(
    director: Director, tunnel: Tunnel, size: int
) -> None:
    serve(director, tunnel, udp_too=True)
    sent = udp(data=bytes(range(1, 252)) * 4 + bytes(size))
    sent = sent[:40] + b"\0\0" + sent[42:]
    verdict, out = director.send(sent)
    assert verdict == TX
    assert unwrapped(out, tunnel)[20:] == sent[34:]


@pytest.mark.parametrize("tunnel", list(OVERHEAD), ids=lambda t: f"{t.type}-{t.checksum}")
@pytest.mark.parametrize("df", [0x4000, 0])
def test_the_mtu_is_less_the_tunnel(director: Director, tunnel: Tunnel, df: int) -> None:
    serve(director, tunnel)
    director.resolve(101, mtu=1000)
    director.send(tcp(SYN))
    room = 1000 - OVERHEAD[tunnel]
    assert director.chosen(tcp(ACK, data=bytes(room - 40), fragment=df)) == 101
    verdict, out = director.send(tcp(ACK, data=bytes(room - 39), fragment=df))
    assert (verdict, out[34:36], int.from_bytes(out[40:42])) == (TX, b"\3\4", room)


def test_what_gro_merged_does_not_fit_into_a_tunnel(director: Director) -> None:
    serve(director, IPIP)
    director.send(tcp(SYN))
    record = director.plane.tables.live["interfaces"][LOOPBACK]
    record["mtu"] = 1500
    try:
        assert director.send(tcp(ACK, data=bytes(1900)))[0] == DROP
        assert director.plane.events()[Event.MERGED] == 1
    finally:
        record["mtu"] = 0


def test_identifications_differ_without_df(director: Director) -> None:
    serve(director, IPIP)
    director.send(tcp(SYN))
    seen = {director.send(tcp(ACK, fragment=0))[1][18:20] for _ in range(8)}
    assert len(seen) > 4
    assert director.send(tcp(ACK))[1][18:22] == b"\0\0\x40\0"


def test_ip_options_stay_inside(director: Director) -> None:
    serve(director, GRE_PLAIN)
    sent = tcp(SYN, options=b"\x01" * 8)
    inner = director.send(sent)[1][38:]
    assert inner[0] == 0x47
    assert inner[20:] == sent[34:]


def test_connections_keep_the_method_that_they_began_with(director: Director) -> None:
    serve(director, IPIP)
    director.send(tcp(SYN, port=1))
    assert director.plane.apply([]) != []
    director.serve(101)
    director.send(tcp(SYN, port=2))
    assert director.send(tcp(ACK, port=1))[1][23] == 4
    assert director.send(tcp(ACK, port=2))[1][23] == 6
    _, out = director.send(tcp(ACK, port=1, data=bytes(1441)))
    assert (out[23], out[34:36], out[40:42]) == (1, b"\3\4", (1468).to_bytes(2))
    assert director.chosen(tcp(ACK, port=2, data=bytes(1441))) == 101
    serve(director, GUE)
    assert director.send(tcp(ACK, port=1))[1][23] == 17
    assert director.send(tcp(ACK, port=2))[1][23] == 6


def test_a_new_owner_reads_the_method_back(director: Director) -> None:
    serve(director, GUE)
    (shown,) = director.service().destinations
    assert shown.destination.forwarding is Forwarding.TUNNEL
    assert shown.destination.tunnel == GUE
    (service,) = [
        view.destinations[0].destination for view in XdpDataplane(director.plane._loaded).services()
    ]
    assert service == shown.destination
    director.plane.apply([])
    director.serve(101)
    assert director.send(tcp(SYN))[1][23] == 6
    full = director.plane.tables.destinations["mtu"].max()
    assert full == 1500


def test_a_later_owner_knows_the_whole_mtu(director: Director) -> None:
    serve(director, IPIP)
    again = XdpDataplane(director.plane._loaded)
    director.plane = again
    director.serve(101)
    assert director.plane.tables.destinations["mtu"].max() == 1500


def test_the_director_itself_takes_packets_as_they_are(director: Director) -> None:
    director.plane.set_local([server(101).address])
    serve(director, IPIP)
    sent = tcp(SYN)
    assert director.send(sent)[1] == sent
    director.plane.set_local([])


def test_fragments_are_summed_up_whole(director: Director) -> None:
    """A first fragment's own checksum covers more than is there."""
    serve(director, GRE, udp_too=True)
    payload = udp(data=bytes(range(200)) * 2)[34:]
    frame = udp()[:14] + ip(payload, 17, fragment=0x2000)
    verdict, out = director.send(frame)
    if verdict == TX:
        unwrapped(out, GRE)
