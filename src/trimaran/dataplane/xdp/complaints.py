"""What an operator must hear of as it begins: packets that cannot be treated as they should be."""

from collections.abc import Mapping, Sequence
from typing import Final

from trimaran.dataplane.xdp.layout import Event

_TEXTS: Final = {
    Event.MERGED: (
        "interface {interfaces}: packets that GRO merged are dropped: in generic mode they cannot "
        "leave by another interface or in a tunnel (ethtool -K DEV gro off)"
    ),
    Event.HASHED: (
        "the table of connections is full: new ones are forwarded by a hash of their addresses and "
        "ports, without an entry; make it larger (--connections), with which it begins anew"
    ),
}


class Complaints:
    """Each is made once for each time that what it is about begins."""

    def __init__(self, events: Mapping[Event, int]) -> None:
        self._seen = {event: events[event] for event in _TEXTS}
        self._lasting: set[Event] = set()

    def about(self, events: Mapping[Event, int], generic: Sequence[str]) -> list[str]:
        """To be asked every second. `events`: how often each has been; `generic`: the interfaces
        in generic mode."""
        happen = {event for event, before in self._seen.items() if events[event] != before}
        begin = [event for event in _TEXTS if event in happen - self._lasting]
        self._seen = {event: events[event] for event in _TEXTS}
        self._lasting = happen
        return [_TEXTS[event].format(interfaces=", ".join(generic)) for event in begin]
