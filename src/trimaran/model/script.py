"""Programs that are told of events."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Script:
    """A command, as words, and whom it runs as; None: as `ScriptPolicy` says."""

    command: tuple[str, ...]
    user: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class ScriptPolicy:
    """`script_user` and `enable_script_security`: `secure` refuses to run, as root, what others
    than root could have written. `first_results`: a server's first result is told too."""

    user: str | None = None
    group: str | None = None
    secure: bool = False
    first_results: bool = False


@dataclass(frozen=True, slots=True)
class TimedScript:
    """A script that is waited for, at most so long (nanoseconds); then it is ended."""

    script: Script
    timeout: int
