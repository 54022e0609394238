"""ICMP errors that belong to connections, beyond the golden frames."""

import struct

import pytest
from frames import (
    ACK,
    DIRECTOR_MAC,
    DNS,
    DROP,
    HTTP,
    PASS,
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

from trimaran.dataplane.base import Tunnel, TunnelChecksum, TunnelType
from trimaran.model.service import Forwarding

CLIENT, ROUTER = "10.0.0.9", "10.9.9.9"


def error(
    quoted: bytes,
    *,
    kind: int = 3,
    code: int = 4,
    source: str = ROUTER,
    target: str = str(VIP),
    ttl: int = 64,
) -> bytes:
    """A frame with an ICMP error about a packet."""
    message = struct.pack("!BBHI", kind, code, 0, 1300) + quoted
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    return ethernet(ip(message, 1, source=source, target=target, ttl=ttl))


def sent_by_vip(*, port: int = 20010, size: int = 8) -> bytes:
    """The packet of ours that a router could not deliver."""
    return tcp(SYN, port=80, to=port, source=str(VIP), target=CLIENT)[14 : 34 + size]


def sent_to_server(*, last: int = 101, to: int = 8080, size: int = 8) -> bytes:
    return tcp(SYN, to=to, source=CLIENT, target=str(server(last).address))[14 : 34 + size]


def is_right(frame: bytes) -> bool:
    return all(checksum(part) == 0 for part in (frame[14:34], frame[34:], frame[42:62]))


@pytest.mark.parametrize("kind", [3, 4, 11])
def test_direct_routing(director: Director, kind: int) -> None:
    director.serve(101)
    director.send(tcp(SYN))
    sent = error(sent_by_vip(), kind=kind)
    verdict, out = director.send(sent)
    assert verdict == TX
    assert out[:12] == server_mac(101) + DIRECTOR_MAC
    assert out[22] == 63
    assert is_right(out)
    assert out[26:] == sent[26:]
    assert director.service().counters.packets_in == 2
    assert director.state() == "SYN_RECV"


@pytest.mark.parametrize("size", [8, 20, 9])
def test_masquerading(gateway: Director, size: int) -> None:
    gateway.serve(101, forwarding=Forwarding.MASQUERADING, port=8080)
    gateway.send(tcp(SYN))
    verdict, out = gateway.send(error(sent_by_vip(size=size)))
    assert verdict == TX
    assert is_right(out)
    assert out[30:34] == out[54:58] == server(101).address.packed
    assert struct.unpack("!HH", out[62:66]) == (8080, 20010)
    # The other way, from the server and from a router before it.
    for source in (str(server(101).address), "192.168.1.77"):
        about = error(sent_to_server(size=size), source=source, target=CLIENT, kind=11, code=0)
        verdict, out = gateway.send(about)
        assert verdict == TX
        assert is_right(out)
        assert out[26:30] == out[58:62] == VIP.packed
        assert struct.unpack("!HH", out[62:66]) == (20010, 80)
    assert gateway.service().counters.packets_out == 2


@pytest.mark.parametrize("forwarding", [Forwarding.DIRECT_ROUTING, Forwarding.MASQUERADING])
def test_a_removed_servers_are_sent_on_but_not_counted(
    gateway: Director, forwarding: Forwarding
) -> None:
    """Kernel IPVS and XDP, compared, differed once (seed 6)."""
    gateway.serve(101, 102, forwarding=forwarding)
    chosen = gateway.chosen(tcp(SYN))
    assert gateway.chosen(error(sent_by_vip())) == chosen
    gateway.serve(203 - chosen, forwarding=forwarding)
    before = gateway.service().counters
    assert before.packets_in == 2
    assert gateway.chosen(error(sent_by_vip())) == chosen
    if forwarding is Forwarding.MASQUERADING:
        source = str(server(chosen).address)
        about = error(sent_to_server(last=chosen, to=80), source=source, target=CLIENT)
        assert gateway.send(about)[0] == TX
        reply = tcp(ACK, port=80, to=20010, source=source, target=CLIENT)
        assert gateway.send(reply)[0] == TX
    assert gateway.service().counters == before
    gateway.serve(101, 102, forwarding=forwarding)
    assert gateway.service().counters == before


def test_in_a_tunnel(director: Director) -> None:
    gre = Tunnel(TunnelType.GRE, checksum=TunnelChecksum.FULL)
    director.serve(101, forwarding=Forwarding.TUNNEL, tunnel=gre)
    director.send(tcp(SYN))
    sent = error(sent_by_vip())
    out = director.send(sent)[1]
    assert out[23] == 47
    assert checksum(out[34:]) == 0
    assert out[42 + 20 :] == sent[34:]


def test_about_a_datagram(director: Director) -> None:
    director.serve(101, key=DNS)
    director.send(udp())
    quoted = udp(port=53, to=20010, source=str(VIP), target=CLIENT)[14:]
    assert director.chosen(error(quoted)) == 101


LATER = sent_by_vip()[:6] + b"\0\1" + sent_by_vip()[8:]


@pytest.mark.parametrize(
    "frame",
    [
        error(sent_by_vip(port=9)),
        error(sent_by_vip(), kind=12),
        error(sent_by_vip(), kind=5),
        error(sent_by_vip(), kind=8),
        error(sent_by_vip(), kind=0),
        error(sent_by_vip(size=7)),
        error(sent_by_vip()[:19]),
        error(b""),
        error(LATER),
        error(b"\x4f" + sent_by_vip()[1:]),
        error(b"\x65" + sent_by_vip()[1:]),
        error(sent_by_vip()[:9] + b"\1" + sent_by_vip()[10:]),
        error(sent_to_server()),
        error(sent_to_server(), target=CLIENT),
        error(sent_by_vip(), target=CLIENT),
    ],
    ids=lambda frame: frame.hex()[68:],
)
def test_what_belongs_to_no_connection_passes(gateway: Director, frame: bytes) -> None:
    gateway.serve(101)
    gateway.send(tcp(SYN))
    assert gateway.send(frame) == (PASS, frame)
    gateway.serve(102, forwarding=Forwarding.MASQUERADING)
    assert gateway.send(frame) == (PASS, frame)


def test_no_error_about_an_error(gateway: Director) -> None:
    gateway.serve(101, forwarding=Forwarding.MASQUERADING, port=8080)
    gateway.send(tcp(SYN))
    assert gateway.send(error(sent_by_vip(), ttl=1))[0] == DROP
    about = error(sent_to_server(), source=str(server(101).address), target=CLIENT, ttl=1)
    assert gateway.send(about)[0] == DROP
    gateway.resolve(101, mtu=50)
    big = error(sent_by_vip(size=20))
    assert gateway.send(big)[0] == DROP
    whole = ethernet(ip(big[34:], 1, source=ROUTER, fragment=0))
    assert gateway.send(whole)[0] == TX  # without DF it goes as it is
    assert gateway.service(HTTP).counters.packets_in == 4
