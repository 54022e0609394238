"""What of the world a configuration may refer to. The caller gives it: this room is pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

from trimaran.conf.tokens import Source


class Unreadable(Exception):
    """A file that `include` names cannot be read; the text says why, in a few words.

    `skipped`: keepalived passes over it without a word (a directory, an executable).
    """

    def __init__(self, reason: str, *, skipped: bool = False) -> None:
        super().__init__(reason)
        self.skipped = skipped


class Files(Protocol):
    """The files that `include` may reach."""

    def find(self, pattern: str) -> Sequence[str]:
        """The names that a pattern with `*`, `?` and `[...]` fits, sorted; a plain name fits
        itself if there is such a file. Relative patterns start where the daemon does."""
        ...

    def read(self, name: str) -> bytes:
        """What is in a file. Raises Unreadable."""
        ...


class NoFiles:
    """A world without files."""

    def find(self, pattern: str) -> Sequence[str]:
        return ()

    def read(self, name: str) -> bytes:
        raise Unreadable("there is no such file")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`config_id`: whom `@ID` lines are for. `directory`: where relative names start.

    `seed`: what `${_RANDOM}` follows from, so that reading again gives the same numbers.
    """

    files: Files = field(default_factory=NoFiles)
    config_id: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"
    seed: int = 0

    def directory_of(self, source: Source) -> str:
        """`${_PWD}`: the absolute directory of a file."""
        return str(PurePosixPath(self.directory, source.file).parent)


NOTHING_AROUND = Surroundings()
