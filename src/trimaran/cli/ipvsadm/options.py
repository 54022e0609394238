"""ipvsadm's commands and options, and how words become options (ipvs-semantics 7.1).

The habits are those of popt: letters may be bundled (`-Lnc`), long names may not be shortened,
an argument may be joined to its option or follow it, other words are left over. Errors have the
texts and exit statuses of ipvsadm 1.31, because scripts know them.
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
    """An option that was given: the last word that it took, and its argument if there is one."""

    option: Option
    word: str
    value: str | None = None


class UsageError(Exception):
    """The command line is wrong: nothing was done. For standard error, and the exit status."""

    def __init__(self, text: str, status: int = 2) -> None:
        super().__init__(text)
        self.status = status


class BadWord(UsageError):
    """A word is no option, or lacks its argument. In a file to restore, the next line is read."""

    def __init__(self, word: str, what: str) -> None:
        super().__init__(f"{word}: {what}", 255)


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

# In the order in which ipvsadm looks for what is missing, illegal or in conflict.
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

REPEATABLE = {"ipv6", "sort"}
"""What ipvsadm does not count: it may be given again and again, and with every command."""

LIST = next(option for option in COMMANDS if option.name == "list")
_BY_LONG = {option.long: option for option in (*COMMANDS, *OPTIONS)}
_BY_LETTER = {letter: option for option in (*COMMANDS, *OPTIONS) for letter in option.letters}


def split(arguments: Sequence[str], leftover: list[str]) -> Iterator[Given]:
    """Split words into options; other words go to `leftover`. Raises `BadWord`."""
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
        raise BadWord(word, "unknown option")
    if joined:
        if option.argument is Argument.NONE:
            raise BadWord(word, "option does not take an argument")
        return Given(option, word, value)
    return _with_next_word(option, word, pending)


def _letters(word: str, pending: list[str]) -> Iterator[Given]:
    rest = word[1:]
    while rest:
        option, rest = _BY_LETTER.get(rest[0]), rest[1:]
        if option is None:
            raise BadWord(word, "unknown option")
        if option.argument is Argument.NONE:
            if rest.startswith("="):
                raise BadWord(word, "option does not take an argument")
            yield Given(option, word)
        elif rest:
            yield Given(option, word, rest.removeprefix("="))
            return
        else:
            yield _with_next_word(option, word, pending)


def _with_next_word(option: Option, word: str, pending: list[str]) -> Given:
    match option.argument:
        case Argument.REQUIRED:
            if not pending:
                raise BadWord(word, "missing argument")
            value = pending.pop(0)
            return Given(option, value, value)
        case Argument.OPTIONAL if pending and not pending[0].startswith("-"):
            value = pending.pop(0)
            return Given(option, value, value)
        case _:
            return Given(option, word)
