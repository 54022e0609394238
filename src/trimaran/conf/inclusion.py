"""The `include` family: which files a line names, and what is wrong if they are not there.

include    what is not there or cannot be read is passed over
includer   a file that cannot be read is an error
includem   so is a pattern that fits no file at all
includew   so is a wildcard that fits no file
includeb   so is an alternative in braces that fits no file
includea   all of these
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from trimaran.conf.report import Report
from trimaran.conf.schema import Rejected
from trimaran.conf.surroundings import Files, Unreadable
from trimaran.conf.tokens import Text

INCLUDE = re.compile(r'(include[rmwba]?)\s+("[^"]*"|\S+)\s*', re.ASCII)
_WILDCARD = re.compile(r"[*?\[]")
_MOST_ALTERNATIVES = 1000


class Inclusion:
    """One `include` line: `variant` is the keyword, `pattern` what it names."""

    def __init__(self, variant: str, pattern: Text, files: Files, report: Report) -> None:
        self._strict = set("rmwb") if variant == "includea" else set(variant[len("include") :])
        self._variant = variant
        self._at = pattern.word()
        self._files = files
        self._report = report

    def contents(self, including: str) -> Iterator[tuple[str, bytes]]:
        """Name and text of each file, in order; what is missing is reported.

        Names are relative to the file that includes them. Raises Rejected.
        """
        pattern = self._at.text.strip('"')
        alternatives = _alternatives(pattern)
        if len(alternatives) > _MOST_ALTERNATIVES:
            raise Rejected(self._at, f"more than {_MOST_ALTERNATIVES} alternatives", "use '*'")
        found = 0
        for alternative in alternatives:
            full = str(PurePosixPath(including).parent / alternative)
            names = self._files.find(full)
            found += len(names)
            if not names:
                self._nothing_fits(alternative, alone=len(alternatives) == 1)
            for name in names:
                try:
                    yield name, self._files.read(name)
                except Unreadable as reason:
                    self._unreadable(name, reason, named=name == full)
        if not found and "m" in self._strict:
            raise Rejected(self._at, f"no file fits '{pattern}'", "name a file that exists")

    def _nothing_fits(self, alternative: str, *, alone: bool) -> None:
        wild = bool(_WILDCARD.search(alternative))
        if (wild and "w" in self._strict) or (not alone and "b" in self._strict):
            raise Rejected(self._at, f"no file fits '{alternative}'", "name a file that exists")
        if not wild and not (alone and "m" in self._strict):
            self._report.warning(
                self._at,
                f"there is no file '{alternative}': ignored, as by keepalived",
                "write 'includea' where a missing file is an error",
            )

    def _unreadable(self, name: str, reason: Unreadable, *, named: bool) -> None:
        if not reason.skipped and "r" in self._strict:
            raise Rejected(self._at, f"cannot include '{name}': {reason}", "make it readable")
        if named or not reason.skipped or "executable" in str(reason):
            self._report.warning(self._at, f"'{name}' is not included, as by keepalived: {reason}")


def _alternatives(pattern: str) -> list[str]:
    """`{a,b}` as in a shell: every combination, in order, at most a few more than allowed."""
    done: list[str] = []
    todo = [pattern]
    while todo and len(done) <= _MOST_ALTERNATIVES:
        text = todo.pop(0)
        braces = re.search(r"\{([^{}]*,[^{}]*)\}", text)
        if braces is None:
            done.append(text)
            continue
        before, after = text[: braces.start()], text[braces.end() :]
        todo[:0] = [f"{before}{choice}{after}" for choice in braces[1].split(",")]
        if len(todo) > _MOST_ALTERNATIVES:
            return todo
    return done
