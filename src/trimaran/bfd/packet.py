"""BFD control packets as bytes (RFC 5880, 4.1).

`decode` reads the payload of a UDP datagram. Input is hostile: any bytes give either a
`ControlPacket` or `Discarded` with the reason, never an exception. The checks are those of
RFC 5880, 6.8.6, as far as they need no session.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from trimaran.model.duration import MICROSECOND

PORT = 3784
"""Where control packets of single-hop sessions go to (RFC 5881, 4)."""
SOURCE_PORTS = range(49152, 65536)
"""Where they come from."""

_VERSION = 1
_FORM = struct.Struct("!BBBBIIIII")
_POLL, _FINAL, _AUTHENTICATED, _DEMAND, _MULTIPOINT = 0x20, 0x10, 0x04, 0x02, 0x01
_LONGEST = 2**32 - 1


class State(StrEnum):
    """States of a session, in the order of their numbers on the wire."""

    ADMIN_DOWN = "AdminDown"
    DOWN = "Down"
    INIT = "Init"
    UP = "Up"


_STATES = tuple(State)


class Diagnostic(IntEnum):
    """Why a session left the state Up: those of RFC 5880's that occur here."""

    NONE = 0
    DETECTION_TIME_EXPIRED = 1
    NEIGHBOUR_SIGNALED_DOWN = 3
    ADMINISTRATIVELY_DOWN = 7


class Reason(StrEnum):
    """Why a packet was discarded; the names under which discards are counted."""

    LENGTH = "length"
    VERSION = "version"
    MULTIPLIER = "detection multiplier"
    MULTIPOINT = "multipoint"
    DISCRIMINATOR = "discriminator"
    STATE = "state"
    POLL_AND_FINAL = "poll and final"
    AUTHENTICATION = "authentication"
    TTL = "ttl"
    SENDER = "sender"


@dataclass(frozen=True, slots=True)
class ControlPacket:
    """The contents of one packet. Intervals are in nanoseconds, whole microseconds on the wire.

    `diagnostic` may be one that has no name here.
    """

    state: State
    my_discriminator: int
    your_discriminator: int
    desired_min_tx: int
    required_min_rx: int
    multiplier: int
    diagnostic: int = Diagnostic.NONE
    poll: bool = False
    final: bool = False
    demand: bool = False


@dataclass(frozen=True, slots=True)
class Discarded:
    """A datagram that is no valid control packet."""

    reason: Reason
    detail: str


def encode(packet: ControlPacket) -> bytes:
    """The 24 bytes of a packet, without the bits that this implementation never sets.

    Raises ValueError if a field does not fit.
    """
    intervals = [
        interval // MICROSECOND for interval in (packet.desired_min_tx, packet.required_min_rx)
    ]
    if not all(0 <= interval <= _LONGEST for interval in intervals):
        raise ValueError("an interval does not fit in a BFD packet")
    flags = packet.poll * _POLL | packet.final * _FINAL | packet.demand * _DEMAND
    try:
        return _FORM.pack(
            _VERSION << 5 | packet.diagnostic,
            _STATES.index(packet.state) << 6 | flags,
            packet.multiplier,
            _FORM.size,
            packet.my_discriminator,
            packet.your_discriminator,
            *intervals,
            0,  # no echo packets are wanted
        )
    except struct.error as error:
        raise ValueError(f"a field does not fit in a BFD packet: {error}") from None


def decode(payload: bytes) -> ControlPacket | Discarded:
    """Read the payload of a datagram."""
    if len(payload) < _FORM.size:
        return Discarded(Reason.LENGTH, f"{len(payload)} bytes, less than {_FORM.size}")
    first, second, multiplier, length, mine, yours, tx, rx, _ = _FORM.unpack_from(payload)
    if first >> 5 != _VERSION:
        return Discarded(Reason.VERSION, f"version {first >> 5}")
    authenticated = bool(second & _AUTHENTICATED)
    least = _FORM.size + (2 if authenticated else 0)
    if not least <= length <= len(payload):
        return Discarded(Reason.LENGTH, f"length field {length} in {len(payload)} bytes")
    if multiplier == 0:
        return Discarded(Reason.MULTIPLIER, "detection multiplier 0")
    if second & _MULTIPOINT:
        return Discarded(Reason.MULTIPOINT, "the multipoint bit is set")
    if mine == 0:
        return Discarded(Reason.DISCRIMINATOR, "its own discriminator is 0")
    state = _STATES[second >> 6]
    if yours == 0 and state not in (State.DOWN, State.ADMIN_DOWN):
        return Discarded(Reason.STATE, f"state {state}, but it does not know our discriminator")
    if authenticated:
        return Discarded(Reason.AUTHENTICATION, "it is authenticated, which is not supported")
    poll, final = bool(second & _POLL), bool(second & _FINAL)
    if poll and final:
        return Discarded(Reason.POLL_AND_FINAL, "both poll and final are set")
    return ControlPacket(
        state=state,
        my_discriminator=mine,
        your_discriminator=yours,
        desired_min_tx=tx * MICROSECOND,
        required_min_rx=rx * MICROSECOND,
        multiplier=multiplier,
        diagnostic=first & 0x1F,
        poll=poll,
        final=final,
        demand=bool(second & _DEMAND),
    )
