"""SCTP: states through the program, and its checksum behind masquerading."""

import random
import struct

import pytest
from frames import (
    DIRECTOR_MAC,
    DROP,
    PASS,
    TX,
    VIP,
    Director,
    checksum,
    ethernet,
    ip,
    server,
    server_mac,
)
from golden import load

from trimaran.dataplane.base import Behaviour, Tunnel, TunnelChecksum, TunnelType
from trimaran.dataplane.sctp import CHUNKS, NAMES, SctpEvent, SctpState
from trimaran.dataplane.states import SCTP_FIRST
from trimaran.model.service import Forwarding, Protocol, ServiceKey

DIAMETER = ServiceKey(Protocol.SCTP, VIP, 3868)
CLIENT = "10.0.0.9"
GOLDEN = load("state-tables")["sctp"]
TYPES = {event: chunk for chunk, event in CHUNKS.items()} | {SctpEvent.DATA: 0}
INIT = 1


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def chunk(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("!BBH", kind, 0, 4 + len(data)) + data + bytes(-len(data) % 4)


def sctp(*chunks: bytes, port: int = 20010, to: int = 3868, **outer: object) -> bytes:
    """A frame with an SCTP packet."""
    packet = struct.pack("!HHII", port, to, 1, 0) + b"".join(chunks)
    packet = packet[:8] + crc32c(packet).to_bytes(4, "little") + packet[12:]
    return ethernet(ip(packet, 132, **outer))  # type: ignore[arg-type]


def is_right(frame: bytes) -> bool:
    packet = frame[34:]
    zeroed = packet[:8] + bytes(4) + packet[12:]
    return packet[8:12] == crc32c(zeroed).to_bytes(4, "little")


def masquerade(director: Director) -> None:
    director.serve(101, key=DIAMETER, forwarding=Forwarding.MASQUERADING, port=3869)


def answer(*chunks: bytes, to: int = 20010) -> bytes:
    source = str(server(101).address)
    frame = sctp(*chunks, port=3869, to=to, source=source, target=CLIENT)
    return DIRECTOR_MAC + server_mac(101) + frame[12:]


def put_state(director: Director, state: SctpState, *, one_way: bool) -> None:
    """Forges the state of the only entry, which is in INIT1; ESTABLISHED, which alone counts as
    active, it must reach by itself."""
    if state == SctpState.ESTABLISHED:
        director.send(answer(chunk(11)))
        assert director.state() == "ESTABLISHED"
    flows = director.plane.tables.flows
    (place,) = flows["control"].nonzero()[0]
    control = int(flows["control"][place]) & ~(63 << 56)
    flows["control"][place] = control | SCTP_FIRST + state << 56 | one_way << 61


@pytest.mark.parametrize("direction", ["input", "output", "input-only"])
@pytest.mark.parametrize("event", sorted(set(SctpEvent) - {SctpEvent.NOTHING}))
def test_every_state(gateway: Director, event: SctpEvent, direction: str) -> None:
    masquerade(gateway)
    name = event.name.lower().replace("_", "-")
    for state in SctpState:
        if event == SctpEvent.INIT and state == SctpState.CLOSED and direction != "output":
            continue  # starts afresh: below
        assert gateway.send(sctp(chunk(INIT)))[0] == TX
        put_state(gateway, state, one_way=direction == "input-only")
        send = answer if direction == "output" else sctp
        assert gateway.send(send(chunk(TYPES[event])))[0] == TX
        expected = GOLDEN["table"][direction][name][state]
        (flow,) = gateway.flows()
        assert flow.state == expected, state
        assert flow.expires == GOLDEN["timeouts"][NAMES.index(expected)] - 1
        (shown,) = gateway.service(DIAMETER).destinations
        assert shown.active_connections == (expected == "ESTABLISHED")
        gateway.expire_all()
        gateway.poll()


def test_an_init_on_a_closed_association_is_scheduled_afresh(director: Director) -> None:
    director.serve(101, 102, key=DIAMETER)
    assert director.chosen(sctp(chunk(INIT))) == 102
    put_state(director, SctpState.CLOSED, one_way=True)
    assert director.chosen(sctp(chunk(INIT))) == 101
    assert director.state() == "INIT1"
    assert director.service(DIAMETER).counters.connections == 2


@pytest.mark.parametrize("kind", [0, 3, 6, 10, 14, 192])
def test_only_an_init_opens(director: Director, kind: int) -> None:
    director.serve(101, key=DIAMETER)
    sent = sctp(chunk(kind))
    assert director.send(sent) == (PASS, sent)
    assert director.flows() == []


@pytest.mark.parametrize(
    ("chunks", "state"),
    [
        ((chunk(10), chunk(6)), "CLOSED"),
        ((chunk(11, b"abc"), chunk(6)), "CLOSED"),
        ((chunk(0), chunk(6)), "INIT1"),
        ((chunk(192),), "INIT1"),
        ((chunk(10), chunk(0)), "ESTABLISHED"),
        ((), "INIT1"),
        ((b"\n\0\xff\xff",), "ESTABLISHED"),
    ],
)
def test_which_chunk_counts(director: Director, chunks: tuple[bytes, ...], state: str) -> None:
    director.serve(101, key=DIAMETER)
    director.send(sctp(chunk(INIT)))
    assert director.chosen(sctp(*chunks)) == 101
    assert director.state() == state


def test_masquerading_keeps_the_checksum_right(gateway: Director) -> None:
    masquerade(gateway)
    numbers = random.Random(3)
    for size in (0, 1, 3, 4, 60, 255, 256, 1023, 1400):
        port = numbers.randrange(1024, 65536)
        assert gateway.send(sctp(chunk(INIT), port=port))[0] == TX
        data = chunk(0, numbers.randbytes(size))
        verdict, out = gateway.send(sctp(data, port=port))
        assert (verdict, is_right(out)) == (TX, True)
        assert struct.unpack("!HH", out[34:38]) == (port, 3869)
        verdict, out = gateway.send(answer(data, to=port))
        assert (verdict, is_right(out)) == (TX, True)
        assert struct.unpack("!HH", out[34:38]) == (3868, port)


def test_a_wrong_checksum_stays_wrong(gateway: Director) -> None:
    masquerade(gateway)
    sent = sctp(chunk(INIT))
    assert not is_right(gateway.send(sent[:42] + b"\0\0\0\0" + sent[46:])[1])


def test_a_first_fragment_cannot_be_masqueraded(gateway: Director) -> None:
    masquerade(gateway)
    assert gateway.send(sctp(chunk(INIT), fragment=0x2000))[0] == DROP


def test_in_a_tunnel_with_checksum(director: Director) -> None:
    tunnel = Tunnel(TunnelType.GRE, checksum=TunnelChecksum.FULL)
    director.serve(101, key=DIAMETER, forwarding=Forwarding.TUNNEL, tunnel=tunnel)
    sent = sctp(chunk(INIT, b"odd"))
    out = director.send(sent)[1]
    assert checksum(out[34:]) == 0
    assert out[62:] == sent[34:]


def test_sloppy_tcp_is_not_for_sctp(director: Director) -> None:
    """Found by tests/vm/differential: any first chunk began an association with it."""
    director.plane.set_behaviour(Behaviour(sloppy_tcp=1))
    director.serve(101, key=DIAMETER)
    for kind in set(range(16)) - {INIT}:
        assert director.send(sctp(chunk(kind)))[0] == PASS, kind
    assert director.flows() == []
    assert director.send(sctp(chunk(INIT)))[0] == TX
