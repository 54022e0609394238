"""What happens to a session."""

from dataclasses import dataclass

from trimaran.bfd.packet import ControlPacket, Discarded
from trimaran.model.bfd import BfdSession


@dataclass(frozen=True, slots=True)
class Started:
    """The session shall run from now on."""


@dataclass(frozen=True, slots=True)
class Received:
    """A packet of the neighbour's for this session, with the TTL (hop limit) it came with."""

    packet: ControlPacket
    ttl: int


@dataclass(frozen=True, slots=True)
class TimerExpired:
    """The machine's deadline has come. Too early is harmless."""


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The configuration has changed to this. The neighbour stays the same."""

    session: BfdSession


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The session shall end. Nothing that comes after has any effect."""


Event = Started | Received | Discarded | TimerExpired | Reconfigured | Shutdown
