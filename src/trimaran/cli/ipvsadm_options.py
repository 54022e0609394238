"""ipvsadm's command line: its options and its habits (ipvs-semantics 7.1 to 7.3).

The first option is the command. Letters may be bundled (`-Lnc`), long names may not be shortened,
an option's argument may be joined to it, words left over are refused. Errors have the texts and
exit statuses of ipvsadm 1.31, because scripts know them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum


class Argument(Enum):
    """Whether an option takes an argument."""

    NONE = 0
    REQUIRED = 1
    OPTIONAL = 2


@dataclass(frozen=True, slots=True)
class Option:
    """An option: the name that messages give it, its long form, its letters, its argument."""

    name: str
    long: str
    letters: str = ""
    argument: Argument = Argument.NONE


@dataclass(frozen=True, slots=True)
class Given:
    """An option that was given, in which word of the command line, with which argument."""

    option: Option
    word: str
    value: str = ""


class UsageError(Exception):
    """The command line is wrong; the text is for standard error, `status` for the caller."""

    def __init__(self, text: str, status: int = 2) -> None:
        super().__init__(text)
        self.status = status


def _with_argument(name: str, long: str, letters: str = "") -> Option:
    return Option(name, long, letters, Argument.REQUIRED)


COMMANDS = (
    Option("add-service", "add-service", "A"),
    Option("edit-service", "edit-service", "E"),
    Option("delete-service", "delete-service", "D"),
    Option("flush", "clear", "C"),
    Option("restore", "restore", "R"),
    Option("save", "save", "S"),
    Option("add-server", "add-server", "a"),
    Option("edit-server", "edit-server", "e"),
    Option("delete-server", "delete-server", "d"),
    Option("list", "list", "Ll"),
    Option("zero", "zero", "Z"),
    Option("set", "set"),
    _with_argument("start-daemon", "start-daemon"),
    _with_argument("stop-daemon", "stop-daemon"),
    Option("version", "version", "v"),
    Option("help", "help", "h"),
)

# In the order in which ipvsadm looks for conflicts among them.
OPTIONS = (
    Option("numeric", "numeric", "n"),
    Option("connection", "connection", "c"),
    _with_argument("service-address", "tcp-service", "t"),
    _with_argument("service-address", "udp-service", "u"),
    _with_argument("service-address", "sctp-service"),
    _with_argument("service-address", "fwmark-service", "f"),
    _with_argument("scheduler", "scheduler", "s"),
    Option("persistent", "persistent", "p", Argument.OPTIONAL),
    _with_argument("netmask", "netmask", "M"),
    _with_argument("real-server", "real-server", "r"),
    Option("forwarding-method", "gatewaying", "g"),
    Option("forwarding-method", "ipip", "i"),
    Option("forwarding-method", "masquerading", "m"),
    _with_argument("weight", "weight", "w"),
    _with_argument("u-threshold", "u-threshold", "x"),
    _with_argument("l-threshold", "l-threshold", "y"),
    _with_argument("mcast-interface", "mcast-interface"),
    Option("timeout", "timeout"),
    Option("daemon", "daemon"),
    Option("stats", "stats"),
    Option("rate", "rate"),
    Option("thresholds", "thresholds"),
    Option("persistent-conn", "persistent-conn"),
    Option("nosort", "nosort"),
    _with_argument("syncid", "syncid"),
    Option("exact", "exact"),
    Option("ops", "ops", "o"),
    _with_argument("pe", "pe"),
    _with_argument("sched-flags", "sched-flags", "b"),
    _with_argument("mcast-group", "mcast-group"),
    _with_argument("mcast-port", "mcast-port"),
    _with_argument("mcast-ttl", "mcast-ttl"),
    _with_argument("sync-maxlen", "sync-maxlen"),
    Option("tun-info", "tun-info"),
    _with_argument("tun-type", "tun-type"),
    _with_argument("tun-port", "tun-port"),
    Option("tun-nocsum", "tun-nocsum"),
    Option("tun-csum", "tun-csum"),
    Option("tun-remcsum", "tun-remcsum"),
    Option("ipv6", "ipv6", "6"),
    Option("sort", "sort"),
)

_TRY_HELP = "Try `ipvsadm -h' or 'ipvsadm --help' for more information."
_LIST = next(option for option in COMMANDS if option.name == "list")
_BY_LONG = {option.long: option for option in (*COMMANDS, *OPTIONS)}
_BY_LETTER = {letter: option for option in (*COMMANDS, *OPTIONS) for letter in option.letters}


def parse(arguments: Sequence[str]) -> tuple[Option, list[Given], list[str]]:
    """Return the command, the options, each class at most once, and the words left over."""
    if not arguments:
        return _LIST, [], []
    leftover: list[str] = []
    words = _words(arguments, leftover)
    try:
        command = next(words, None)
    except UsageError:
        command = None
    if command is None or command.option not in COMMANDS:
        raise UsageError(_TRY_HELP, 255)
    options: list[Given] = []
    seen = set[str]()
    for given in words:
        name = given.option.name
        if given.option in COMMANDS:
            raise UsageError(f"invalid option `{given.word}'")
        if name in seen:
            raise UsageError(f"multiple '{name}' options specified")
        if name != "sort":
            seen.add(name)
        options.append(given)
    return command.option, options, leftover


def _words(arguments: Sequence[str], leftover: list[str]) -> Iterator[Given]:
    """Split words into options as popt does; other words go to `leftover`."""
    pending = list(arguments)
    while pending:
        word = pending.pop(0)
        if word == "--":
            leftover += pending
            return
        if word.startswith("--"):
            yield _long(word, pending)
        elif word.startswith("-") and word != "-":
            yield from _letters(word, pending)
        else:
            leftover.append(word)


def _long(word: str, pending: list[str]) -> Given:
    long, joined, value = word[2:].partition("=")
    option = _BY_LONG.get(long)
    if option is None:
        raise UsageError(f"{word}: unknown option", 255)
    if joined:
        if option.argument is Argument.NONE:
            raise UsageError(f"{word}: option does not take an argument", 255)
        return Given(option, word, value)
    return Given(option, word, _next_word(option, word, pending))


def _letters(word: str, pending: list[str]) -> Iterator[Given]:
    rest = word[1:]
    while rest:
        option, rest = _BY_LETTER.get(rest[0]), rest[1:]
        if option is None:
            raise UsageError(f"{word}: unknown option", 255)
        if option.argument is Argument.NONE:
            yield Given(option, word)
        else:
            yield Given(option, word, rest or _next_word(option, word, pending))
            rest = ""


def _next_word(option: Option, word: str, pending: list[str]) -> str:
    if option.argument is Argument.REQUIRED:
        if not pending:
            raise UsageError(f"{word}: missing argument", 255)
        return pending.pop(0)
    if option.argument is Argument.OPTIONAL and pending and not pending[0].startswith("-"):
        return pending.pop(0)
    return ""
