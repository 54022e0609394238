"""ICMP errors about the outer packet of a tunnel become errors about the client's packet."""

import struct

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
    VIP,
    Director,
    checksum,
    ethernet,
    ip,
    tcp,
)

from trimaran.dataplane.base import Tunnel, TunnelChecksum, TunnelType
from trimaran.model.service import Forwarding

ROUTER = "192.168.1.77"
OVERHEAD = {
    Tunnel(): 20,
    Tunnel(TunnelType.GUE, 6080, TunnelChecksum.FULL): 32,
    Tunnel(TunnelType.GRE): 24,
    Tunnel(TunnelType.GRE, checksum=TunnelChecksum.FULL): 28,
}
SENT = tcp(ACK, data=bytes(range(250)) * 4)


def error(
    outer: bytes, *, kind: int = 3, code: int = 4, mtu: int = 900, target: str = str(DIRECTOR)
) -> bytes:
    """What a router says of the outer packet."""
    message = struct.pack("!BBHHH", kind, code, 0, 0, mtu) + outer
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    return ethernet(ip(message, 1, source=ROUTER, target=target))


def wrapped(gateway: Director, tunnel: Tunnel, sent: bytes = SENT) -> bytes:
    """The outer packet that a client's packet went in."""
    gateway.serve(101, forwarding=Forwarding.TUNNEL, tunnel=tunnel)
    gateway.send(tcp(SYN))
    verdict, out = gateway.send(sent)
    assert verdict == TX
    return out[14:]


@pytest.mark.parametrize("tunnel", list(OVERHEAD), ids=lambda t: f"{t.type}-{t.checksum}")
@pytest.mark.parametrize("length", [548, 100, 68])
def test_fragmentation_needed(gateway: Director, tunnel: Tunnel, length: int) -> None:
    outer = wrapped(gateway, tunnel)
    inner = outer[OVERHEAD[tunnel] : length]
    if len(inner) < 28:
        assert gateway.send(error(outer[:length]))[0] == PASS
        return
    verdict, out = gateway.send(error(outer[:length]))
    assert verdict == TX
    assert out[:14] == GATEWAY_MAC + DIRECTOR_MAC + b"\x08\x00"
    assert checksum(out[14:34]) == checksum(out[34:]) == 0
    assert int.from_bytes(out[16:18]) == len(out) - 14
    assert out[26:34] == VIP.packed + SENT[26:30]
    assert struct.unpack("!BBHHH", out[34:42])[::4] == (3, 900 - OVERHEAD[tunnel])
    assert out[42:] == inner
    # From now on the client is told at once.
    verdict, out = gateway.send(SENT)
    assert (verdict, out[34:36]) == (TX, b"\3\4")
    assert int.from_bytes(out[40:42]) == 900 - OVERHEAD[tunnel]
    gateway.resolve(101)
    assert gateway.send(SENT)[1][26:30] == DIRECTOR.packed


@pytest.mark.parametrize(("kind", "code"), [(11, 0), (3, 1), (3, 13)])
def test_other_errors(gateway: Director, kind: int, code: int) -> None:
    outer = wrapped(gateway, Tunnel())
    verdict, out = gateway.send(error(outer[:200], kind=kind, code=code, mtu=0))
    assert verdict == TX
    assert tuple(out[34:36]) == (kind, code)
    assert out[40:42] == b"\0\0"
    assert out[42:] == outer[20:200]


def test_a_client_without_df_is_not_told(gateway: Director) -> None:
    outer = wrapped(gateway, Tunnel(), tcp(ACK, data=bytes(900), fragment=0))
    assert gateway.send(error(outer[:200]))[0] == DROP
    assert gateway.plane.tables.destinations["mtu"].max() == 880


def test_a_wrong_checksum(gateway: Director) -> None:
    frame = error(wrapped(gateway, Tunnel())[:200])
    assert gateway.send(frame[:-1] + b"\xaa")[0] == DROP
    assert gateway.plane.tables.destinations["mtu"].max() == 1480


def test_an_mtu_below_any(gateway: Director) -> None:
    outer = wrapped(gateway, Tunnel())
    assert gateway.send(error(outer[:200], mtu=60))[0] == DROP
    assert gateway.plane.tables.destinations["mtu"].max() == 1480


def test_what_is_none_of_our_tunnels_passes(gateway: Director) -> None:
    outer = wrapped(gateway, Tunnel())
    gue = wrapped(gateway, next(t for t in OVERHEAD if t.type is TunnelType.GUE))
    gateway.serve(101, forwarding=Forwarding.TUNNEL)
    other_client = outer[:32] + b"\1\2\3\4" + outer[36:]
    for frame in (
        error(outer[:200], kind=12),
        error(outer[:200], kind=0),
        error(outer[:40]),
        error(outer[:19]),
        error(gue[:200]),
        error(other_client[:200]),
        error(outer[:16] + b"\x0a\0\0\1" + outer[20:200]),
        error(outer[:6] + b"\0\1" + outer[8:200]),
        error(outer[20:200]),
    ):
        assert gateway.send(frame) == (PASS, frame)
