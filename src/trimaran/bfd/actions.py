"""What a session asks to be done, in the order given."""

from dataclasses import dataclass

from trimaran.bfd.packet import ControlPacket, State


@dataclass(frozen=True, slots=True)
class SendPacket:
    """Send this to the neighbour."""

    packet: ControlPacket


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The state changed, for the reason given: a line for the log, news for who tracks it."""

    old: State
    new: State
    reason: str


@dataclass(frozen=True, slots=True)
class Missed:
    """The neighbour has not been heard of since the start, long enough to say so."""

    reason: str


@dataclass(frozen=True, slots=True)
class Warn:
    """Something an operator should look at, said once per kind until reconfigured."""

    text: str


Action = SendPacket | StateChanged | Missed | Warn
