"""Random and mutated frames of IPv4: what must hold whatever comes in (mutation.py)."""

import struct

import pytest
from derivation import kinds_of
from frames import (
    ACK,
    DIRECTOR,
    DIRECTOR_MAC,
    DNS,
    HTTP,
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
from mutation import LONG, play

from trimaran.dataplane.base import (
    Destination,
    Service,
    Settings,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from trimaran.model.service import Forwarding, Protocol, ServiceKey

FRAMES = 60_000
WEB = str(server(101).address)
TUNNELS = (
    Tunnel(),
    Tunnel(TunnelType.GUE, 6080, TunnelChecksum.FULL),
    Tunnel(TunnelType.GRE, 0, TunnelChecksum.FULL),
)
DIAMETER = ServiceKey(Protocol.SCTP, VIP, 3868)
TUNNELLED = [ServiceKey(Protocol.TCP, VIP, 81 + n) for n in range(len(TUNNELS))]


def services() -> list[Service]:
    masqueraded = [
        Service(key, Settings("rr"), (Destination(server(101), 1, Forwarding.MASQUERADING),))
        for key in (HTTP, DNS, DIAMETER)
    ]
    tunnelled = [
        Service(key, Settings("rr"), (Destination(server(102), 1, Forwarding.TUNNEL, tunnel=t),))
        for key, t in zip(TUNNELLED, TUNNELS, strict=True)
    ]
    direct = Service(ServiceKey(Protocol.TCP, VIP, 90), Settings("rr"), (Destination(server(103)),))
    return [*masqueraded, *tunnelled, direct]


def error(quoted: bytes, **outer: object) -> bytes:
    message = struct.pack("!BBHI", 3, 4, 0, 1300) + quoted
    message = message[:2] + checksum(message).to_bytes(2) + message[4:]
    return ethernet(ip(message, 1, source="10.9.9.9", **outer))  # type: ignore[arg-type]


def seeds() -> list[bytes]:
    association = struct.pack("!HHII", 20010, 3868, 1, 0) + b"\1\0\0\4"
    answers = [
        tcp(ACK, port=80, to=20010, source=WEB, target="10.0.0.9"),
        udp(port=80, to=20010, source=WEB, target="10.0.0.9"),
        error(tcp(ACK, to=80, target=WEB)[14:], target="10.0.0.9"),
        udp(port=80, to=20010, source=WEB, target="10.0.0.9", fragment=0x2000),
        udp(port=80, to=20010, source=WEB, target="10.0.0.9", fragment=0x2001),
    ]
    outers = [
        ip(tcp(SYN, to=81)[14:], 4, source=str(DIRECTOR), target="192.168.1.102"),
        ip(
            bytes(2) + b"\x17\xc0" + bytes(5) + b"\4\0\0" + tcp(SYN, to=82)[14:],
            17,
            source=str(DIRECTOR),
            target="192.168.1.102",
        ),
        ip(
            b"\x80\0\x08\0" + bytes(4) + tcp(SYN, to=83)[14:],
            47,
            source=str(DIRECTOR),
            target="192.168.1.102",
        ),
    ]
    return [
        *(error(outer, target=str(DIRECTOR)) for outer in outers),
        *(tcp(flags, to=to) for flags in (SYN, ACK) for to in (80, 81, 82, 83, 90)),
        udp(data=bytes(40)),
        tcp(ACK, ttl=1),
        tcp(ACK, to=81, data=bytes(1000)),
        udp(fragment=0x2000),
        udp(fragment=0x2001),
        ethernet(ip(association, 132)),
        error(tcp(ACK, port=80, to=20010, source=str(VIP), target="10.0.0.9")[14:]),
        tcp(SYN)[:12] + b"\x81\0\0\1" + tcp(SYN)[12:],
        tcp(ACK)[:12] + b"\x88\xa8\0\1\x81\0\0\2" + tcp(ACK)[12:],
        *(DIRECTOR_MAC + server_mac(101) + frame[12:] for frame in answers),
    ]


@pytest.mark.parametrize(
    ("frames", "seed"),
    [
        (FRAMES, 20261122),
        pytest.param(LONG, 20261128, marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
def test_mutated_frames(gateway: Director, frames: int, seed: int) -> None:
    gateway.plane.apply(services())
    gateway.resolve(102, mtu=1000)
    gateway.plane.set_icmp_rate(100_000)
    ends = play(gateway, seeds(), frames, seed)
    gateway.plane.set_icmp_rate(1000)
    assert ends["rewritten"] > frames / 10
    assert ends["wrapped"] > frames / 20
    assert ends["error"] > frames / 100
    assert ends["passed"] > frames / 20
    assert ends["dropped"] > frames / 1000


@pytest.mark.parametrize("to", [80, 81, 90])
def test_what_is_asked_of_a_frame_bites(gateway: Director, to: int) -> None:
    """A byte of the payload that another one took the place of, or a byte too many or too few."""
    gateway.plane.apply(services())
    sent = tcp(SYN, to=to, data=bytes(range(64)))
    verdict, out = gateway.send(sent)
    assert verdict == TX
    assert kinds_of(sent, out)
    for wrong in (out[:-1] + b"x", out[:-1], out + b"x", out[:-40] + out[-39:] + b"x"):
        assert not kinds_of(sent, wrong)
