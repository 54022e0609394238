"""Carries a request out, and restores what was saved (ipvs-semantics 7.1, 7.7)."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Final

from trimaran.cli.ipvsadm import refusals
from trimaran.cli.ipvsadm.help import VERSION, usage
from trimaran.cli.ipvsadm.listing import NoSuchService, listed, saved
from trimaran.cli.ipvsadm.options import BadWord, UsageError
from trimaran.cli.ipvsadm.request import Request, read
from trimaran.dataplane.base import DataplaneError
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    DeleteService,
    EditDestination,
    EditService,
    Operator,
    Step,
)
from trimaran.model.service import ServiceKey

FAILED: Final = 255
LISTING_FAILED: Final = 1

_LINES_AT_A_GLANCE: Final = 24
"""Of an input as short as a screen a wrong line needs no number."""

_STEPS: Final[Mapping[str, Callable[[ServiceKey, Request], Step]]] = {
    "add-service": lambda key, request: AddService(key, request.settings),
    "edit-service": lambda key, request: EditService(key, request.settings),
    "delete-service": lambda key, request: DeleteService(key),
    "add-server": lambda key, request: AddDestination(key, request.destination),
    "edit-server": lambda key, request: EditDestination(key, request.destination),
    "delete-server": lambda key, request: DeleteDestination(key, request.destination.key),
}


class Ended(Exception):
    """There is nothing more to do, whatever follows."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


class Runner:
    """ipvsadm on one dataplane. `program`: the name that it goes by."""

    def __init__(self, operator: Operator, program: str, output: IO[str], errors: IO[str]) -> None:
        self._operator = operator
        self._program = program
        self._output = output
        self._errors = errors

    def run(self, arguments: Sequence[str], lines: Iterable[str]) -> int:
        """Run a command line; the exit status. `lines`: what -R restores."""
        try:
            request = read(arguments, self._program)
            return self._restore(lines) if request.command == "restore" else self._obey(request)
        except UsageError as error:
            self._say(str(error))
            return error.status
        except Ended as ended:
            return ended.status

    def _restore(self, lines: Iterable[str]) -> int:
        """Run commands, one a line; the exit status of the last.

        As with ipvsadm, the next one is run after a line that the dataplane refuses, or that has
        an unknown option. Any other mistake ends it; what was before that line stays done.
        """
        status = 0
        for number, line in enumerate(lines, start=1):
            arguments = re.findall(r"[^ \t\r\n]+", line)
            if arguments and arguments[0] == "ipvsadm":
                del arguments[0]
            if not arguments:
                continue
            try:
                status = self._obey(read(arguments, self._program, restoring=True))
            except UsageError as error:
                self._say(str(error))
                status = error.status
                if not isinstance(error, BadWord):
                    self._locate(number, line)
                    return status
            if status:
                self._locate(number, line)
        return status

    def _obey(self, request: Request) -> int:
        """Carry one command out; its exit status. Raises `Ended`."""
        match request.command:
            case "help":
                self._output.write(usage(self._program))
                raise Ended(0)
            case "version":
                self._output.write(VERSION)
                raise Ended(0)
            case "list":
                self._print(listed(self._operator, request))
            case "save":
                self._print(saved(self._operator, request))
            case _:
                return self._change(request)
        return 0

    def _change(self, request: Request) -> int:
        operator, command = self._operator, request.command
        try:
            match command:
                case "flush":
                    operator.flush()
                case "zero":
                    operator.zero(request.service)
                case "set":
                    operator.set_timeouts(request.timeouts)
                case "start-daemon":
                    operator.start_sync(request.daemon)
                case "stop-daemon":
                    operator.stop_sync(request.daemon.role)
                case _:
                    assert request.service is not None
                    operator.execute(_STEPS[command](request.service, request))
        except DataplaneError as error:
            self._say(refusals.text(error, command))
            return FAILED
        return 0

    def _print(self, pieces: Iterable[str]) -> None:
        try:
            self._output.writelines(pieces)
        except NoSuchService:
            self._say("No such service")
        except DataplaneError as error:
            self._say(refusals.text(error))
        else:
            return
        raise Ended(LISTING_FAILED)

    def _say(self, text: str) -> None:
        self._errors.write(f"{text}\n")

    def _locate(self, number: int, line: str) -> None:
        """Say which line was wrong, where ipvsadm leaves its user to count."""
        if number > _LINES_AT_A_GLANCE or self._errors.isatty():
            self._say(f"line {number}: {line.strip()}")
