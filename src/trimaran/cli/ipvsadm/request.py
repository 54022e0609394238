"""From ipvsadm's words to what is asked of a dataplane (ipvs-semantics 7.1 to 7.3).

An option is read where it stands, so that the first mistake is the one reported, and what an
argument means may depend on options before it, never on those behind: as with ipvsadm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from trimaran.cli.ipvsadm import words
from trimaran.cli.ipvsadm.legality import check_command, check_list
from trimaran.cli.ipvsadm.options import (
    COMMANDS,
    LIST,
    REPEATABLE,
    BadWord,
    Given,
    UsageError,
    split,
)
from trimaran.cli.ipvsadm.server import ServerOptions
from trimaran.cli.ipvsadm.service import ServiceOptions
from trimaran.cli.ipvsadm.synchronisation import SyncOptions
from trimaran.dataplane.base import Destination, Settings, SyncDaemon, SyncRole, Timeouts
from trimaran.model.service import ServerKey, ServiceKey

_NOWHERE: Final = Destination(ServerKey(IPv4Address(0), 0))
_DEFAULTS: Final = Settings()
_TIMEOUTS: Final = Timeouts()
_DAEMON: Final = SyncDaemon(SyncRole.MASTER, "")


@dataclass(frozen=True, slots=True)
class Request:
    """One command with all that it needs; what it has no use for is as by default."""

    command: str
    options: frozenset[str] = frozenset()
    service: ServiceKey | None = None
    settings: Settings = _DEFAULTS
    destination: Destination = _NOWHERE
    timeouts: Timeouts = _TIMEOUTS
    daemon: SyncDaemon = _DAEMON


def read(arguments: Sequence[str], program: str, *, restoring: bool = False) -> Request:
    """Read a command line, or a line of what is restored. Raises `UsageError`."""
    if not arguments:
        return Request(LIST.name)
    leftover: list[str] = []
    given = split(arguments, leftover)
    try:
        first = next(given, None)
    except BadWord:
        first = None
    if (
        first is None
        or first.option not in COMMANDS
        or (restoring and first.option.name == "restore")
    ):
        raise UsageError(f"Try `{program} -h' or '{program} --help' for more information.", 255)
    if first.option.name in ("help", "version"):
        return Request(first.option.name)
    reader = _Reader(first)
    for option in given:
        reader.take(option)
    return reader.finish(leftover)


class _Reader:
    """What is known so far of a command line."""

    def __init__(self, command: Given) -> None:
        self._command = command.option.name
        self._given: set[str] = set()
        self._service = ServiceOptions()
        self._server = ServerOptions()
        self._sync = SyncOptions()
        self._takes = {**self._service.takes, **self._server.takes, **self._sync.takes}
        if command.value is not None:
            self._sync.role(self._command, command.value)

    def take(self, given: Given) -> None:
        """Read one option. Raises `UsageError`."""
        option, value = given.option, given.value or ""
        if option in COMMANDS:
            raise UsageError(f"invalid option `{given.word}'")
        if option.name in self._given:
            raise UsageError(f"multiple '{option.name}' options specified")
        if option.name not in REPEATABLE:
            self._given.add(option.name)
        match option.name:
            case "service-address":
                self._service.address(option.long, value)
            case "ipv6":
                self._service.version_6()
            case "persistent":
                self._service.persistent(given.value)
            case "ops":
                self._service.one_packet()
            case "real-server":
                self._server.address(value, self._service.key)
            case "forwarding-method":
                self._server.method(option)
            case "tun-nocsum" | "tun-csum" | "tun-remcsum":
                self._server.checksum(option)
            case name if name in self._takes:
                self._takes[name](value)

    def finish(self, leftover: list[str]) -> Request:
        """Judge the whole, in ipvsadm's order. Raises `UsageError`."""
        timeouts = self._timeouts(leftover) if self._command == "set" else _TIMEOUTS
        if leftover:
            raise UsageError(f"unexpected argument {leftover[0]}")
        settings = self._service.settings()
        check_command(self._command, self._given)
        key, destination = self._service.key, _NOWHERE
        match self._command:
            case "add-service" | "edit-service":
                self._service.check()
            case "add-server" | "edit-server" if key is not None:
                destination = self._server.destination(key, self._given)
            case "delete-server":
                destination = Destination(self._server.named())
            case "list":
                check_list(self._given)
        return Request(
            self._command,
            frozenset(self._given),
            key,
            settings,
            destination,
            timeouts,
            self._sync.daemon,
        )

    def _timeouts(self, leftover: list[str]) -> Timeouts:
        if len(leftover) < 3:
            raise UsageError("--set option requires 3 timeout values")
        values = [words.seconds(word, 0) for word in leftover[:3]]
        del leftover[:3]
        return Timeouts(*values)
