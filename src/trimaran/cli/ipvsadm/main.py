"""The command line of `trimaran-ipvsadm`, and of `trimaran ipvsadm`.

Two options are ours, and may stand anywhere: `--dataplane xdp|ipvs|auto` and `--run-dir DIR` (of
the daemon). All other words are ipvsadm's.
"""

import io
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Final

from trimaran.cli.ipvsadm import refusals
from trimaran.cli.ipvsadm.dataplane import NotAttached, opened
from trimaran.cli.ipvsadm.help import usage
from trimaran.cli.ipvsadm.run import Runner
from trimaran.dataplane.base import DataplaneError
from trimaran.dataplane.steps import Operator

DATAPLANES: Final = ("auto", "xdp", "ipvs")

Open = Callable[[str, Path | None], AbstractContextManager[Operator]]
"""Opens one of `DATAPLANES`; the path is a run directory."""

_CANNOT_OPEN: Final = 2
_DOUBT: Final = "Are you sure that IP Virtual Server is built in the kernel or as module?"


def main(
    arguments: Sequence[str],
    program: str = "ipvsadm",
    open_dataplane: Open = opened,
    lines: IO[str] | None = None,
) -> int:
    """Run as ipvsadm with these arguments; return the exit status (ipvs-semantics 7.1).

    `program`: the name in messages. `lines`: what -R reads instead of standard input.
    """
    words = list(arguments)
    dataplane = _taken(words, "--dataplane") or DATAPLANES[0]
    run_directory = _taken(words, "--run-dir")
    if dataplane not in DATAPLANES:
        print(f"--dataplane {dataplane}: must be one of {', '.join(DATAPLANES)}", file=sys.stderr)
        return 2
    if words[:1] in (["-h"], ["--help"]):
        sys.stdout.write(usage(program))
        return 0
    directory = Path(run_directory) if run_directory else None
    if lines is None:
        lines = sys.stdin
        if isinstance(lines, io.TextIOWrapper):
            lines.reconfigure(errors="surrogateescape")  # a line of nonsense is refused as such
    try:
        with open_dataplane(dataplane, directory) as operator:
            return Runner(operator, program, sys.stdout, sys.stderr).run(words, lines)
    except DataplaneError as error:
        print(f"Can't initialize ipvs: {refusals.text(error)}", file=sys.stderr)
        if not isinstance(error, NotAttached):
            print(_DOUBT, file=sys.stderr)
        return _CANNOT_OPEN


def script() -> None:
    """Entry point of `trimaran-ipvsadm`, which names itself as it was called."""
    try:
        sys.exit(main(sys.argv[1:], Path(sys.argv[0]).name))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except KeyboardInterrupt:
        sys.exit(130)


def _taken(words: list[str], option: str) -> str | None:
    """Take `option VALUE` or `option=VALUE` out of the words; the last one counts."""
    found = None
    for place in range(len(words) - 1, -1, -1):
        name, joined, value = words[place].partition("=")
        if name != option:
            continue
        if not joined:
            value = words.pop(place + 1) if place + 1 < len(words) else ""
        del words[place]
        found = found if found is not None else value
    return found
