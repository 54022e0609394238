"""What can be seen of a session from outside."""

from dataclasses import dataclass

from trimaran.bfd.packet import State


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot. Instants and durations in nanoseconds of the machine's clock.

    `up` None: nothing is known yet. `reason`: why it is in this state. `transmit_interval`
    is without jitter; `detection_time` 0: the neighbour has not been heard of. `received` counts
    the valid packets, `discarded` the others by reason.
    """

    state: State
    up: bool | None
    since: int
    reason: str
    transmit_interval: int
    detection_time: int
    sent: int
    received: int
    discarded: dict[str, int]
