"""BFD sessions: what `bfd_instance` blocks describe (RFC 5880, RFC 5881)."""

from dataclasses import dataclass

from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.tracking import Tracker, TrackerKind


@dataclass(frozen=True, slots=True)
class BfdSession:
    """One session with a neighbour on the same link. Durations in nanoseconds.

    `desired_min_tx` holds while the session is up, `idle_tx` (a second or more, RFC 5880, 6.8.3)
    while it is not. `ttl`: of the packets that are sent; `least_ttl`: what one that comes in must
    have (0: any). `source` None: the kernel's choice.
    """

    name: str
    neighbour: IPAddress
    source: IPAddress | None = None
    required_min_rx: int = 10 * MILLISECOND
    desired_min_tx: int = 10 * MILLISECOND
    idle_tx: int = SECOND
    multiplier: int = 5
    passive: bool = False
    ttl: int = 255
    least_ttl: int = 255

    @property
    def tracker(self) -> Tracker:
        """Its identity for those who track it."""
        return Tracker(TrackerKind.BFD, self.name)
