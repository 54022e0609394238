"""What virtual routers watch besides their peers: trackers, and the uses they are put to.

A tracker is known by its kind and name. What is found of it is a `Reading`: whether it is well,
or the number in a file, or None as long as nothing is known. What that means for a virtual
router is `trimaran.vrrp.tracking`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from trimaran.model.duration import SECOND
from trimaran.model.script import Script


class TrackerKind(StrEnum):
    """What kinds of trackers there are; the values are how messages name them."""

    INTERFACE = "interface"
    SCRIPT = "script"
    FILE = "file"
    PROCESS = "process"
    BFD = "BFD session"


@dataclass(frozen=True, slots=True)
class Tracker:
    """What identifies a tracker on its director."""

    kind: TrackerKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


Reading = bool | int | None
Readings = Mapping[Tracker, Reading]


@dataclass(frozen=True, slots=True)
class Track:
    """An entry of `track_interface`, `track_script`, ...: a tracker, and what it is worth here.

    A positive `weight` is added to the priority while the tracker is well, a negative one while
    it is not; `reverse` turns what is added into what is taken away. With weight 0 a tracker that
    is not well (with `reverse`: that is) is a FAULT. The number in a file is multiplied with it.
    """

    tracker: Tracker
    weight: int = 0
    reverse: bool = False


def interface(name: str, weight: int = 0, *, reverse: bool = False) -> Track:
    """An entry of `track_interface`."""
    return Track(Tracker(TrackerKind.INTERFACE, name), weight, reverse)


class TrackScript(msgspec.Struct, frozen=True, tag=True):
    """`vrrp_script`: a program that is run again and again. Times in nanoseconds.

    It is well after `rise` successes in a row, not well after `fall` failures. `init_fail`: until
    its first result it counts as not well, else as not known.
    """

    name: str
    script: Script
    interval: int = SECOND
    timeout: int = SECOND
    rise: int = 1
    fall: int = 1
    init_fail: bool = False

    @property
    def tracker(self) -> Tracker:
        """Its identity."""
        return Tracker(TrackerKind.SCRIPT, self.name)


class TrackFile(msgspec.Struct, frozen=True, tag=True):
    """`track_file`: a file that holds a number; one that is not there holds 0.

    `initial`: what is written to it at the start, if it is not there or `overwrite` says so.
    """

    name: str
    path: str
    initial: int | None = None
    overwrite: bool = False

    @property
    def tracker(self) -> Tracker:
        """Its identity."""
        return Tracker(TrackerKind.FILE, self.name)


class ParameterMatch(StrEnum):
    """How the parameters of a process must be those of a `TrackProcess`."""

    EXACT = "exact"
    PARTIAL = "partial"
    """The first ones, exactly; there may be more."""
    INITIAL = "initial"
    """As partial, and the last one may go on."""


class TrackProcess(msgspec.Struct, frozen=True, tag=True):
    """`vrrp_track_process`: how many processes of a kind there are. Times in nanoseconds.

    It is well while there are from `quorum` to `quorum_max` (None: any number) of them. A process
    is known by its name (/proc/PID/comm), or with `full_command` or `parameters` by its command
    line; `parameters` None: whatever they are. A quorum gained counts after `fork_delay`, one
    lost after `terminate_delay`.
    """

    name: str
    process: str
    parameters: tuple[str, ...] | None = None
    match: ParameterMatch = ParameterMatch.EXACT
    full_command: bool = False
    quorum: int = 1
    quorum_max: int | None = None
    fork_delay: int = 0
    terminate_delay: int = 0

    @property
    def tracker(self) -> Tracker:
        """Its identity."""
        return Tracker(TrackerKind.PROCESS, self.name)


Definition = TrackScript | TrackFile | TrackProcess
"""Trackers that are looked after on the director itself, by its checker."""
