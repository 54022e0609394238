"""VLAN tags, one and two: everything is as without, and the tags stay."""

import pytest
from frames import (
    ACK,
    DIRECTOR_MAC,
    DROP,
    LOOPBACK,
    PASS,
    SYN,
    TX,
    Director,
    tcp,
    udp,
)

from trimaran.model.service import Forwarding

ONE = bytes.fromhex("8100 2064")
TWO = bytes.fromhex("88a8 0007 8100 e064")
THREE = TWO + ONE


def tagged(frame: bytes, tags: bytes) -> bytes:
    return frame[:12] + tags + frame[12:]


def untagged(frame: bytes, tags: bytes) -> bytes:
    assert frame[12 : 12 + len(tags)] == tags
    return frame[:12] + frame[12 + len(tags) :]


@pytest.mark.parametrize("tags", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("method", list(Forwarding))
def test_they_stay(gateway: Director, tags: bytes, method: Forwarding) -> None:
    gateway.serve(101, forwarding=method)
    for number, flags in enumerate((SYN, ACK, ACK)):
        frame = tcp(flags, data=bytes(number))
        verdict, out = gateway.send(tagged(frame, tags))
        if method is Forwarding.LOCAL:
            assert (verdict, out) == (PASS, tagged(frame, tags))
            continue
        assert verdict == TX
        assert untagged(out, tags) == gateway.send(frame)[1]
    back = tcp(SYN | ACK, port=80, to=20010, source="192.168.1.101", target="10.0.0.9")
    if method is Forwarding.MASQUERADING:
        verdict, out = gateway.send(tagged(back, tags))
        assert verdict == TX
        assert untagged(out, tags) == gateway.send(back)[1]
    else:
        assert gateway.send(tagged(back, tags)) == (PASS, tagged(back, tags))


@pytest.mark.parametrize("tags", [ONE, TWO], ids=["one", "two"])
def test_errors_go_back_with_them(director: Director, tags: bytes) -> None:
    director.serve(101)
    out = director.send(tagged(tcp(SYN, ttl=1), tags))[1]
    error = untagged(out, tags)
    assert error[23] == 1
    assert error[34] == 11
    assert error[42:] == tcp(SYN, ttl=1)[14:]


@pytest.mark.parametrize(
    "frame",
    [
        tagged(tcp(SYN), THREE),
        tagged(tcp(SYN, target="192.168.1.11"), ONE),
        tagged(tcp(SYN, to=81), TWO),
        tagged(tcp(SYN)[:12] + b"\x86\xdd" + tcp(SYN)[14:], ONE),
        tagged(tcp(SYN)[:12] + b"\x08\x06" + tcp(SYN)[14:], TWO),
        tagged(tcp(SYN)[:14], ONE),
        tagged(tcp(SYN)[:14], TWO),
        tagged(b"\xff" * 6 + tcp(SYN)[6:], ONE),
        tcp(SYN)[:12] + ONE[:2],
    ],
    ids=lambda frame: frame.hex()[:40],
)
def test_what_is_not_ours_passes_untouched(director: Director, frame: bytes) -> None:
    director.serve(101)
    record = director.plane.tables.live["interfaces"][LOOPBACK]
    record["mac"] = int.from_bytes(DIRECTOR_MAC, "little")
    try:
        assert director.send(frame) == (PASS, frame)
    finally:
        record["mac"] = 0


def test_a_removed_server(director: Director) -> None:
    director.serve(101, 102)
    director.send(tagged(tcp(SYN), ONE))
    director.serve(101)
    assert director.send(tagged(tcp(ACK), ONE))[0] == DROP
    assert director.send(tagged(udp(), ONE))[0] == PASS
