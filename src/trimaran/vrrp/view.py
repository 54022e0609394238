"""What can be seen of a virtual router from outside."""

from dataclasses import dataclass

from trimaran.model.ip import IPAddress
from trimaran.vrrp.actions import State


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody on the segment who uses the same VRID and is no peer: what is strange about its
    advertisements, and when the last one was heard."""

    address: IPAddress
    complaint: str
    heard: int


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot of one machine. Instants and durations in nanoseconds of the machine's clock.

    `reason`: why it is in this state. `priority` is the effective one. `master` is who is master
    as far as known: this router's own primary address, or the sender of the last advertisement
    that was accepted. `interval` is the master's. `adverts_received` counts the valid ones,
    `discarded` the others by reason. `strangers`: the last few of them.
    """

    state: State
    reason: str
    since: int
    priority: int
    master: IPAddress | None
    interval: int
    transitions: int
    adverts_sent: int
    adverts_received: int
    discarded: dict[str, int]
    strangers: tuple[Stranger, ...] = ()
