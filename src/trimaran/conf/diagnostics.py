"""What is wrong with a configuration file, and where."""

from dataclasses import dataclass
from enum import StrEnum

_LONGEST = 500
"""Characters of a message: it quotes the file, where a word may have megabytes."""


class Severity(StrEnum):
    """An error refuses the file; a warning says what will happen instead."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a file. Lines and columns count from 1, columns and length in characters."""

    file: str
    line: int = 1
    column: int = 1
    length: int = 1


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: what is wrong, and (`advice`) what would be right.

    `source_line` is the line itself, None where the file as a whole is meant. `used`: where the
    definition is used that the line belongs to.
    """

    severity: Severity
    span: Span
    message: str
    advice: str | None = None
    source_line: str | None = None
    used: Span | None = None

    def __str__(self) -> str:
        """`file:line:col: error: what is wrong; what would be right`, on one line."""
        what = f"{self.message}; {self.advice}" if self.advice else self.message
        if len(what) > _LONGEST:
            what = what[:_LONGEST] + "..."
        if self.used:
            what += f" (used in {self.used.file}:{self.used.line})"
        span = self.span
        return printable(f"{span.file}:{span.line}:{span.column}: {self.severity}: {what}")


def printable(text: str) -> str:
    """A file's text may hold anything; a terminal or a log must not get all of it."""
    return "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text)
