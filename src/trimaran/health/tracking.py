"""How trackers are judged: runs of a program, processes that there are.

Programs as keepalived judges them: the first result counts at once. From there on it takes
`fall` failures in a row until a program is not well, and `rise` successes until it is again;
one that is said to fail at first (`init_fail`) needs its successes from the start.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from trimaran.model.tracking import ParameterMatch, TrackProcess, TrackScript

_LONGEST_NAME = 15
"""What the kernel keeps of a process's name (TASK_COMM_LEN)."""


class Streak:
    """The runs of one program so far. `well`: None as long as none has ended."""

    def __init__(self, script: TrackScript) -> None:
        self._rise, self._fall = script.rise, script.fall
        self.well: bool | None = False if script.init_fail else None
        self._first = not script.init_fail
        self._against = 0

    def resume(self, well: bool | None) -> None:
        """An earlier definition of this tracker had come to this: it counts until a first run."""
        self.well, self._first = well, True

    def take(self, success: bool) -> bool:
        """A run has ended; whether that changes anything."""
        first, self._first = self._first, False
        if success is self.well:
            self._against = 0
            return False
        self._against += 1
        if not first and self._against < (self._rise if success else self._fall):
            return False
        self.well, self._against = success, 0
        return True


@dataclass(frozen=True, slots=True)
class Process:
    """A running process: its name (/proc/PID/comm), and its command line if that matters."""

    name: str
    command_line: tuple[str, ...] = ()


def is_meant(wanted: TrackProcess, process: Process) -> bool:
    """Whether a process is one of those that are counted."""
    line = process.command_line
    if wanted.full_command:
        if not line or line[0] != wanted.process:
            return False
    elif process.name != wanted.process.rpartition("/")[2][:_LONGEST_NAME]:
        return False
    if wanted.parameters is None:
        return True
    return _parameters_fit(wanted.parameters, line[1:], wanted.match)


def _parameters_fit(wanted: tuple[str, ...], said: tuple[str, ...], match: ParameterMatch) -> bool:
    if match is ParameterMatch.EXACT or not wanted:
        return said == wanted
    if match is ParameterMatch.PARTIAL:
        return said[: len(wanted)] == wanted
    *first, last = wanted
    at = len(first)
    return said[:at] == tuple(first) and len(said) > at and said[at].startswith(last)


class Quorum:
    """How many processes there are, and whether that has been enough for long enough."""

    def __init__(self, wanted: TrackProcess) -> None:
        self._wanted = wanted
        self.count = 0
        self.well: bool | None = None
        self._since: int | None = None

    @property
    def needs_command_lines(self) -> bool:
        """Whether names are not enough."""
        return self._wanted.full_command or self._wanted.parameters is not None

    def resume(self, well: bool | None) -> None:
        """An earlier definition of this tracker had come to this."""
        self.well = well

    def take(self, processes: Iterable[Process], now: int) -> bool:
        """Count them, at an instant in nanoseconds; whether that changes what is known."""
        wanted = self._wanted
        self.count = sum(is_meant(wanted, process) for process in processes)
        most = self.count if wanted.quorum_max is None else wanted.quorum_max
        enough = wanted.quorum <= self.count <= most
        if wanted.quorum_max == 0:
            enough = self.count == 0
        if enough is self.well:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        delay = wanted.fork_delay if enough else wanted.terminate_delay
        if self.well is not None and now - self._since < delay:
            return False
        self.well, self._since = enough, None
        return True
