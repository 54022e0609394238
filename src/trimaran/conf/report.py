"""Where the stages of reading a file put what they find."""

from collections.abc import Hashable

from trimaran.conf.diagnostics import Diagnostic, Severity
from trimaran.conf.tokens import Word

MOST_ERRORS = 1000


class TooManyErrorsError(Exception):
    """So much is wrong that this is no configuration file, or not worth judging further."""


class Report:
    """Collects diagnostics at words of the file."""

    def __init__(self) -> None:
        self._diagnostics: list[Diagnostic] = []
        self.errors = 0

    def error(self, word: Word, message: str, advice: str | None = None) -> None:
        """Report what refuses the file. Raises TooManyErrorsError after `MOST_ERRORS`."""
        self._add(Severity.ERROR, word, message, advice)
        self.errors += 1
        if self.errors == MOST_ERRORS:
            self._add(Severity.ERROR, word, "too many errors", "the rest of the file is not judged")
            raise TooManyErrorsError

    def warning(self, word: Word, message: str, advice: str | None = None) -> None:
        """Report what the file says but will not get, or likely does not mean."""
        self._add(Severity.WARNING, word, message, advice)

    def once(self, seen: dict[Hashable, Word], key: Hashable, word: Word, what: str) -> None:
        """Report the second of two things that must differ, naming the first's line."""
        first = seen.setdefault(key, word)
        if first is not word:
            self.error(word, f"{what} is already used in line {first.line}", "change or remove one")

    def in_file_order(self) -> tuple[Diagnostic, ...]:
        return tuple(sorted(self._diagnostics, key=lambda d: (d.span.line, d.span.column)))

    def _add(self, severity: Severity, word: Word, message: str, advice: str | None) -> None:
        self._diagnostics.append(Diagnostic(severity, word.span, message, advice, word.source_line))
