"""BFD control packets: against scapy's reading of RFC 5880, and against any bytes at all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.bfd import BFD

from trimaran.bfd.packet import ControlPacket, Discarded, Reason, State, decode, encode
from trimaran.model.duration import MICROSECOND, MILLISECOND

PACKET = ControlPacket(State.UP, 17, 4711, 10 * MILLISECOND, 50 * MILLISECOND, 5)
uint32 = st.integers(0, 2**32 - 1)
intervals = uint32.map(lambda microseconds: microseconds * MICROSECOND)


@st.composite
def packets(draw: st.DrawFn) -> ControlPacket:
    state = draw(st.sampled_from(State))
    unknown = 0 if state in (State.DOWN, State.ADMIN_DOWN) else 1
    poll = draw(st.booleans())
    return ControlPacket(
        state=state,
        my_discriminator=draw(st.integers(1, 2**32 - 1)),
        your_discriminator=draw(st.integers(unknown, 2**32 - 1)),
        desired_min_tx=draw(intervals),
        required_min_rx=draw(intervals),
        multiplier=draw(st.integers(1, 255)),
        diagnostic=draw(st.integers(0, 31)),
        poll=poll,
        final=not poll and draw(st.booleans()),
        demand=draw(st.booleans()),
    )


@given(packets())
def test_what_is_encoded_is_decoded(packet: ControlPacket) -> None:
    assert decode(encode(packet)) == packet


@given(packets())
def test_scapy_reads_the_same(packet: ControlPacket) -> None:
    read = BFD(encode(packet))
    assert (read.version, read.len) == (1, 24)
    assert list(State)[read.sta] is packet.state
    assert (read.diag, read.detect_mult) == (packet.diagnostic, packet.multiplier)
    assert read.my_discriminator == packet.my_discriminator
    assert read.your_discriminator == packet.your_discriminator
    assert read.min_tx_interval * MICROSECOND == packet.desired_min_tx
    assert read.min_rx_interval * MICROSECOND == packet.required_min_rx
    assert read.echo_rx_interval == 0
    flags = {"P": packet.poll, "F": packet.final, "D": packet.demand}
    assert set(str(read.flags)) == {name for name, is_set in flags.items() if is_set}


@given(st.binary(max_size=80))
def test_no_bytes_raise(data: bytes) -> None:
    decode(data)


HOSTILE = [
    (b"", Reason.LENGTH),
    (encode(PACKET)[:23], Reason.LENGTH),
    (bytes(BFD(version=0)), Reason.VERSION),
    (bytes(BFD(len=25)), Reason.LENGTH),
    (bytes(BFD(len=23)), Reason.LENGTH),
    (bytes(BFD(detect_mult=0)), Reason.MULTIPLIER),
    (bytes(BFD(flags="M")), Reason.MULTIPOINT),
    (bytes(BFD(my_discriminator=0)), Reason.DISCRIMINATOR),
    (bytes(BFD(sta=2, your_discriminator=0)), Reason.STATE),
    (bytes(BFD(flags="A", your_discriminator=1, len=28)) + b"\1\4\1\0", Reason.AUTHENTICATION),
    (bytes(BFD(flags="PF", your_discriminator=1)), Reason.POLL_AND_FINAL),
]


@pytest.mark.parametrize(("data", "reason"), HOSTILE, ids=lambda v: v if isinstance(v, str) else "")
def test_rfc5880_6_8_6_what_is_discarded_and_why(data: bytes, reason: Reason) -> None:
    found = decode(data)
    assert isinstance(found, Discarded)
    assert found.reason is reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"multiplier": 256},
        {"my_discriminator": 2**32},
        {"desired_min_tx": 2**32 * MICROSECOND},
        {"required_min_rx": -MICROSECOND},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode(replace(PACKET, **wrong))
