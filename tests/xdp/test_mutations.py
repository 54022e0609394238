"""Mutated frames of every kind: none aborts the program, and what passes is untouched."""

import random
import struct

from frames import (
    ABORTED,
    ACK,
    DIRECTOR,
    DIRECTOR_MAC,
    DNS,
    HTTP,
    PASS,
    REDIRECT,
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
        udp(fragment=0x2000),
        udp(fragment=0x2001),
        ethernet(ip(association, 132)),
        error(tcp(ACK, port=80, to=20010, source=str(VIP), target="10.0.0.9")[14:]),
        tcp(SYN)[:12] + b"\x81\0\0\1" + tcp(SYN)[12:],
        tcp(ACK)[:12] + b"\x88\xa8\0\1\x81\0\0\2" + tcp(ACK)[12:],
        *(DIRECTOR_MAC + server_mac(101) + frame[12:] for frame in answers),
    ]


def mutated(frame: bytes, numbers: random.Random) -> bytes:
    changed = bytearray(frame)
    for _ in range(numbers.choice((0, 0, 1, 1, 2, 4))):
        place = numbers.randrange(12, len(changed))
        changed[place] = numbers.choice((0, 1, 0x45, 0x7F, 0xFF, numbers.randrange(256)))
    match numbers.randrange(6):
        case 0:
            del changed[numbers.randrange(14, len(changed)) :]
        case 1:
            changed += numbers.randbytes(numbers.randrange(1, 1600))
        case 2:
            changed[16:18] = numbers.randrange(1600).to_bytes(2)
    return bytes(changed)


def test_mutated_frames(gateway: Director) -> None:
    gateway.plane.apply(services())
    gateway.resolve(102, mtu=1000)
    gateway.plane.set_icmp_rate(100_000)
    numbers = random.Random(20261122)
    kinds = seeds()
    verdicts = dict.fromkeys(range(5), 0)
    for _ in range(FRAMES):
        sent = mutated(numbers.choice(kinds), numbers)
        verdict, out = gateway.send(sent)
        verdicts[verdict] += 1
        if verdict == PASS:
            assert out == sent
        elif verdict == TX:
            assert len(out) <= len(sent) + 32
    gateway.plane.set_icmp_rate(1000)
    assert verdicts[ABORTED] == verdicts[REDIRECT] == 0
    assert verdicts[TX] > FRAMES / 5
    assert verdicts[PASS] > FRAMES / 20
