"""Where the stages of reading a file put what they find."""

from collections.abc import Hashable
from typing import NoReturn

from trimaran.conf.diagnostics import Diagnostic, Severity
from trimaran.conf.tokens import Word

MOST_ERRORS = 1000


class Abandoned(Exception):
    """So much is wrong that this is no configuration file, or not worth judging further."""


class Report:
    """Collects diagnostics at words of the file."""

    def __init__(self) -> None:
        self._found: list[tuple[tuple[int, int, int], Diagnostic]] = []
        self._said: set[tuple[tuple[int, int, int], str]] = set()
        self.errors = 0

    def error(self, word: Word, message: str, advice: str | None = None) -> None:
        """Report what refuses the file. Raises Abandoned after `MOST_ERRORS`."""
        self.errors += self._add(Severity.ERROR, word, message, advice)
        if self.errors >= MOST_ERRORS:
            self._add(Severity.ERROR, word, "too many errors", "the rest of the file is not judged")
            raise Abandoned

    def abandon(self, word: Word, message: str, advice: str | None = None) -> NoReturn:
        """Report an error that ends the judgement. Raises Abandoned."""
        self.error(word, message, advice)
        raise Abandoned

    def warning(self, word: Word, message: str, advice: str | None = None) -> None:
        """Report what the file says but will not get, or likely does not mean."""
        self._add(Severity.WARNING, word, message, advice)

    def once(self, seen: dict[Hashable, Word], key: Hashable, word: Word, what: str) -> None:
        """Report the second of two things that must differ, naming the first's line."""
        first = seen.setdefault(key, word)
        if first is not word:
            where = self.line_of(first, word)
            self.error(word, f"{what} is already used in {where}", "change or remove one")

    @staticmethod
    def line_of(word: Word, seen_from: Word) -> str:
        """How a message at another word names the line of this one."""
        same = word.source is seen_from.source
        return f"line {word.line}" if same else f"{word.source.file}:{word.line}"

    def in_file_order(self) -> tuple[Diagnostic, ...]:
        """Everything that was reported: by file, as they were opened, then by place."""
        return tuple(diagnostic for _, diagnostic in sorted(self._found, key=lambda f: f[0]))

    def _add(self, severity: Severity, word: Word, message: str, advice: str | None) -> bool:
        """Whether this is new: a repetition makes its line say the same many times."""
        place = (word.source.order, word.line, word.column)
        if (place, message) in self._said:
            return False
        self._said.add((place, message))
        used = word.used.span if word.used else None
        diagnostic = Diagnostic(severity, word.span, message, advice, word.source_line, used)
        self._found.append((place, diagnostic))
        return True
