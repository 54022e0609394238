"""Text to words, with their positions.

The language is line based. Blanks separate words; `"..."` is one word; `#` and `!` outside
double quotes start a comment unless a backslash is before them; braces stand for themselves
wherever they are. Definitions (`$NAME=...`) and the prefixes `~SEQ(...)`, `~LST(...)` are kept
as one word each, so that the braces inside them open no block.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from trimaran.conf.diagnostics import Span

_TOKEN = re.compile(
    r"""
      (?P<word> (?: ~(?:SEQx?|LST)\([^)]*\)   # a repetition
                  | [^\s{}"#!\\$]+
                  | \\[#!] | \\               # an escaped comment sign; any other backslash
                  | \$\{[^}]*\} | \$          # ${NAME}; any other dollar
                )+ )
    | (?P<brace> [{}] )
    | "(?P<quoted> [^"]* )(?P<close> "? )
    | (?P<comment> [#!].* )
    """,
    re.VERBOSE | re.ASCII,
)
_DEFINITION = re.compile(r"\s*(\$[A-Za-z_]\w*=.*)", re.ASCII)
_ESCAPE = re.compile(r"\\([#!])")


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One file's text, line by line."""

    file: str
    lines: list[str]


class Word(NamedTuple):
    """A word of the file. A tuple, not a dataclass: a large file has a million of them.

    `text` is what the word means (without quotes and escapes); the position and length are
    those of what the file has.
    """

    text: str
    source: Source
    line: int
    column: int
    length: int
    quoted: bool = False
    closed: bool = True
    """False: a quoted word whose closing quote is missing."""

    @property
    def span(self) -> Span:
        return Span(self.source.file, self.line, self.column, self.length)

    @property
    def source_line(self) -> str:
        return self.source.lines[self.line - 1]

    def is_brace(self, brace: str) -> bool:
        return self.text == brace and not self.quoted


def source(file: str, text: str) -> Source:
    """Split a text into lines. Only line feeds end lines, with a carriage return or without."""
    lines = text.removeprefix("\ufeff").split("\n")
    return Source(file, [line.removesuffix("\r") for line in lines])


def words_by_line(source: Source) -> Iterator[list[Word]]:
    """The words of each line that has any."""
    continued = False
    for number, line in enumerate(source.lines, start=1):
        if continued:
            # The body of a definition: part of the value, whatever it looks like.
            continued = line.endswith("\\")
            continue
        if definition := _DEFINITION.match(line):
            start, text = definition.start(1), definition[1].rstrip()
            continued = line.endswith("\\")
            yield [Word(text, source, number, start + 1, len(text))]
        elif words := list(_words(source, number, line)):
            yield words


def _words(source: Source, number: int, line: str) -> Iterator[Word]:
    for match in _TOKEN.finditer(line):
        kind = match.lastgroup
        start, end = match.span()
        text = match[0]
        if kind == "word":
            if "\\" in text:
                text = _ESCAPE.sub(r"\1", text)
            yield Word(text, source, number, start + 1, end - start)
        elif kind == "brace":
            yield Word(text, source, number, start + 1, 1)
        elif kind == "close":
            closed = bool(match["close"])
            yield Word(match["quoted"], source, number, start + 1, end - start, True, closed)
