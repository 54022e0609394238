"""Keywords of trackers: the blocks that define them, and the blocks that put them to use."""

from dataclasses import dataclass

from trimaran.conf.schema import Argument, Block, Entries, Keyword
from trimaran.conf.scripts import Account, Command
from trimaran.conf.values import Choice, Flag, Integer, InterfaceName, Seconds, Text
from trimaran.conf.values_tracking import InitialNumber, Weight, WeightAs, Words
from trimaran.model.duration import SECOND
from trimaran.model.tracking import ParameterMatch, TrackerKind

_LONGEST = 86400 * SECOND
_LARGEST = 2**31 - 1
_REVERSE = "With `reverse`, what is added is taken away."

SCRIPT = Keyword(
    "script",
    Command(),
    "The program, without a shell. Exit status 0 is success.",
    required="write 'script \"/path/to/program ARGUMENT ...\"'",
)
INTERVAL = Keyword(
    "interval", Seconds(1000, _LONGEST), "Time between runs of the program.", default=SECOND
)
TIMEOUT = Keyword(
    "timeout",
    Seconds(1000, _LONGEST),
    "The program and all that it started are ended after this: a failure. Default: interval.",
)
RISE = Keyword("rise", Integer(1, _LARGEST), "Successes in a row until it is well.", default=1)
FALL = Keyword("fall", Integer(1, _LARGEST), "Failures in a row until it is not.", default=1)
SCRIPT_WEIGHT = Keyword(
    "weight",
    Weight(253),
    f"Default of the weight where it is tracked. {_REVERSE}",
    default=WeightAs(0),
)
SCRIPT_USER = Keyword("user", Account(), "Whom it runs as. Default: script_user.")
INIT_FAIL = Keyword(
    "init_fail", Flag(), "Until its first result it counts as not well.", default=False
)
VRRP_SCRIPT = Keyword(
    "vrrp_script",
    Text("NAME"),
    "A program that is run again and again, in the checker's process, if it is tracked.",
    repeats=True,
    block=Block(
        "vrrp_script",
        (SCRIPT, INTERVAL, TIMEOUT, RISE, FALL, SCRIPT_WEIGHT, SCRIPT_USER, INIT_FAIL),
    ),
)

FILE = Keyword("file", Text("PATH"), "The file.", required="write 'file PATH'")
FILE_WEIGHT = Keyword(
    "weight",
    Weight(_LARGEST),
    f"What the number in it is multiplied with, where it is tracked. {_REVERSE}",
    default=WeightAs(1),
)
INIT_FILE = Keyword(
    "init_file",
    InitialNumber(),
    "Write a number (0) to it when the daemon starts, if it is not there, or in any case.",
)
TRACK_FILE = Keyword(
    "track_file",
    Text("NAME"),
    "A file that holds a number. A file that is not there holds 0.",
    repeats=True,
    block=Block("track_file", (FILE, FILE_WEIGHT, INIT_FILE)),
)

PROCESS = Keyword(
    "process",
    Words("NAME [PARAMETER ...]"),
    "Name of the processes that count, and their parameters, if these matter.",
    required="write 'process NAME'",
)
PARAM_MATCH = Keyword(
    "param_match",
    Choice({match.value: match for match in (ParameterMatch.PARTIAL, ParameterMatch.INITIAL)}),
    "partial: there may be more parameters; initial: and the last one may be longer. "
    "Without parameters: there must be none.",
)
FULL_COMMAND = Keyword(
    "full_command",
    Flag(),
    "Compare the command of its command line, not the name of the process.",
    default=False,
)
PROCESS_WEIGHT = Keyword(
    "weight",
    Weight(254),
    f"Default of the weight where it is tracked. {_REVERSE}",
    default=WeightAs(1),
)
QUORUM = Keyword("quorum", Integer(1, 65535), "It is well from so many of them on.", default=1)
QUORUM_MAX = Keyword("quorum_max", Integer(0, 65535), "It is well up to so many of them.")
FORK_DELAY = Keyword("fork_delay", Seconds(1, 3600 * SECOND), "A quorum counts after this.")
TERMINATE_DELAY = Keyword(
    "terminate_delay", Seconds(1, 3600 * SECOND), "A quorum that is lost counts as lost after this."
)
DELAY = Keyword("delay", Seconds(1, 3600 * SECOND), "Both `fork_delay` and `terminate_delay`.")
VRRP_TRACK_PROCESS = Keyword(
    "vrrp_track_process",
    Text("NAME"),
    "Processes of which so many must run. /proc is looked through twice a second.",
    repeats=True,
    block=Block(
        "vrrp_track_process",
        (
            *(PROCESS, PARAM_MATCH, FULL_COMMAND, PROCESS_WEIGHT, QUORUM, QUORUM_MAX),
            *(FORK_DELAY, TERMINATE_DELAY, DELAY),
        ),
    ),
)

NOREVERSE = Keyword("noreverse", Flag(), "Not so, though the tracker says `reverse`.")
REVERSE = Keyword("reverse", Flag(), f"At weight 0, being well is a FAULT. {_REVERSE}")


def _weight(most: int) -> Keyword[int]:
    return Keyword(
        "weight",
        Integer(-most, most),
        "Added to the priority while it is well (above 0) or is not (below 0); at 0, not being "
        "well is a FAULT. A file's number times this is added, and must be 0 at 0. Default: what "
        "the tracker says, for an interface 0.",
    )


_NAME = Text("NAME")


@dataclass(frozen=True)
class Use:
    """A block such as `track_script`: what kind of trackers it lists, and by which words."""

    kind: TrackerKind
    name: str
    about: str
    most: int = 253
    argument: Argument[str] = _NAME

    def block(self, path: str) -> Keyword[bool]:
        """Its keyword in the block of this path."""
        entry = Keyword("entry", self.argument, "One a line.", repeats=True)
        options = (_weight(self.most), REVERSE, NOREVERSE)
        inside = Entries(f"{path}/{self.name}", entry, options)
        return Keyword(self.name, Flag(), self.about, block=inside, repeats=True)


USES = (
    Use(
        TrackerKind.INTERFACE,
        "track_interface",
        "Interfaces whose loss matters.",
        argument=InterfaceName(),
    ),
    Use(TrackerKind.SCRIPT, "track_script", "Programs (`vrrp_script`) whose failure matters."),
    Use(TrackerKind.FILE, "track_file", "Files whose number matters.", most=254),
    Use(
        TrackerKind.PROCESS,
        "track_process",
        "Processes (`vrrp_track_process`) whose absence matters.",
        most=254,
    ),
    Use(TrackerKind.BFD, "track_bfd", "BFD sessions (`bfd_instance`) whose end matters."),
)
"""The kinds of trackers that virtual routers and sync groups may use."""

TRACK_ENTRY = Keyword[str]("entry", Text("NAME"), "A tracker that is used.", repeats=True)
TRACK_WEIGHT = _weight(254)
"""To read entries of any kind by."""


def tracks(path: str) -> tuple[Keyword[bool], ...]:
    """The blocks of all kinds in the block of this path, `vrrp_instance` or `vrrp_sync_group`."""
    return tuple(use.block(path) for use in USES)


INSTANCE_TRACKS = tracks("vrrp_instance")
GROUP_TRACKS = tracks("vrrp_sync_group")
TRACK_INTERFACE = INSTANCE_TRACKS[0]
TOP = (VRRP_SCRIPT, TRACK_FILE, VRRP_TRACK_PROCESS)
"""Blocks at the top level."""
