"""Lines of text to words, with their positions.

Blanks separate words; `"..."` is one word; `#` and `!` outside double quotes start a comment
unless a backslash is before them; braces stand for themselves wherever they are. The keywords
of `SCRIPT_LIKE` have a syntax of their own behind them: both kinds of quotes, C's escapes, and
pieces without a blank between them are one word.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

from trimaran.conf.diagnostics import Span

SCRIPT_LIKE = frozenset(
    {"script", "startup_script", "shutdown_script", "misc_path", "regex", "notify"}
    | {f"{what}notify_fifo_script" for what in ("", "vrrp_", "lvs_")}
    | {f"notify_{what}" for what in ("master", "backup", "fault", "stop", "deleted")}
    | {"notify_master_rx_lower_pri", "notify_up", "notify_down", "quorum_up", "quorum_down"}
)
"""Keywords behind which keepalived reads the line as a shell does, more or less."""

_SPECIAL = re.compile(r"[\"#!\\]")
_PLAIN = re.compile(r"[{}]|[^\s{}]+", re.ASCII)
"""The words of a line without anything special: of nearly all lines of large files."""
_LITERAL = re.compile(
    r"""
      (?P<word> (?: [^\s{}"#!\\]+ | \\[#!] | \\ )+ )  # \# and \! are no comments
    | (?P<brace> [{}] )
    | "(?P<quoted> [^"]* )(?P<close> "? )
    | (?P<comment> [#!].* )
    """,
    re.VERBOSE | re.ASCII,
)
_EXPANDED = re.compile(
    r"""
      (?P<word> (?: \$\{[^{}"]{0,100}\} | [^\s{}"] )+ )  # a name that is not defined stays as it is
    | (?P<brace> [{}] )
    | "(?P<quoted> [^"]* )(?P<close> "? )
    """,
    re.VERBOSE | re.ASCII,
)
_PIECE = re.compile(
    r"""
      (?P<blank> \s+ )
    | (?P<brace> [{}] )
    | "(?P<double> (?: [^"\\] | \\. )* ) (?P<close2> "? )
    | '(?P<single> [^']* ) (?P<close1> '? )
    | (?P<bare> (?: [^\s{}"'\\] | \\. | \\$ | \$\{[^{}"]{0,100}\} )+ )
    """,
    re.VERBOSE | re.ASCII,
)
_FIRST = re.compile(r"\s*([a-z_]+)(?=[\s\"']|$)", re.ASCII)
_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"?|\\[#!]|(?P<comment>[#!])', re.ASCII)
_PLAIN_ESCAPE = re.compile(r"\\([#!])")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|c(.)|(.))", re.ASCII)
_BLANKS = " \t\n\r\f\v"
_CONTROL = dict(zip("abEfnrtv", "\a\b\x1b\f\n\r\t\v", strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One file's text, line by line. `order`: which of the files that were read it is."""

    file: str
    lines: list[str]
    order: int = 0


class Place(NamedTuple):
    """Where a character stands: line and column count from 1."""

    source: Source
    line: int
    column: int

    @property
    def span(self) -> Span:
        return Span(self.source.file, self.line, self.column)


class Word(NamedTuple):
    """A word of the file. A tuple, not a dataclass: a large file has a million of them.

    `text` is what the word means (without quotes and escapes, definitions put in); the
    position and length are those of what the file has.
    """

    text: str
    source: Source
    line: int
    column: int
    length: int
    quoted: bool = False
    closed: bool = True
    """False: a quoted word whose closing quote is missing."""
    used: Place | None = None
    """For a word of a definition: where the definition is used."""

    @property
    def span(self) -> Span:
        return Span(self.source.file, self.line, self.column, self.length)

    @property
    def source_line(self) -> str:
        return self.source.lines[self.line - 1]


class Run(Sequence[Place]):
    """The places of characters that follow each other on one line of a file."""

    __slots__ = ("_column", "_length", "_line", "_source")

    def __init__(self, source: Source, line: int, column: int, length: int) -> None:
        self._source, self._line, self._column, self._length = source, line, column, length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Place: ...
    @overload
    def __getitem__(self, index: slice) -> "Run": ...
    def __getitem__(self, index: int | slice) -> "Place | Run":
        if isinstance(index, slice):
            start, end, _ = index.indices(self._length)
            return Run(self._source, self._line, self._column + start, max(0, end - start))
        if index < 0:
            index += self._length
        if not 0 <= index < self._length:
            raise IndexError(index)
        return Place(self._source, self._line, self._column + index)


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A line that may have come together from several places: one place for each character."""

    text: str
    places: Sequence[Place]

    def __getitem__(self, part: slice) -> "Text":
        return Text(self.text[part], self.places[part])

    def stripped(self) -> "Text":
        """Without blanks at both ends."""
        end = len(self.text.rstrip(_BLANKS))
        return self[end - len(self.text[:end].lstrip(_BLANKS)) : end]

    def word(self) -> Word:
        """The whole of it as one word, for messages; it must not be empty."""
        return _located(self.text, self, 0, len(self.text), self.places[0])


def joined(parts: Sequence[Text]) -> Text:
    """One line of several parts."""
    return Text("".join(part.text for part in parts), [p for part in parts for p in part.places])


def source(file: str, text: str, order: int = 0) -> Source:
    """Split a text into lines. Only line feeds end lines, with a carriage return or without."""
    lines = text.removeprefix("\ufeff").split("\n")
    return Source(file, [line.removesuffix("\r") for line in lines], order)


def literal_words(source: Source, number: int, line: str) -> list[Word]:
    """The words of a line as it stands in the file, without its comment."""
    if not _SPECIAL.search(line):
        words = [
            Word(match[0], source, number, match.start() + 1, len(match[0]))
            for match in _PLAIN.finditer(line)
        ]
    else:
        words = _special_words(source, number, line)
    if words and words[0].text in SCRIPT_LIKE:
        return expanded_words(literal(source, number, line))
    return words


def _special_words(source: Source, number: int, line: str) -> list[Word]:
    words = []
    for match in _LITERAL.finditer(line):
        kind = match.lastgroup
        start, end = match.span()
        text = match[0]
        if kind == "word":
            if "\\" in text:
                text = _PLAIN_ESCAPE.sub(r"\1", text)
            words.append(Word(text, source, number, start + 1, end - start))
        elif kind == "brace":
            words.append(Word(text, source, number, start + 1, 1))
        elif kind == "close":
            closed = bool(match["close"])
            length = end - start
            words.append(Word(match["quoted"], source, number, start + 1, length, True, closed))
    return words


def literal(source: Source, number: int, line: str) -> Text:
    """A line of the file without its comment, and with the escapes of comment signs undone."""
    parts = []
    start, end = 0, len(line)
    for match in _COMMENT.finditer(line):
        if match.lastgroup == "comment":
            end = match.start()
            break
        if match[0].startswith("\\"):
            parts.append((start, match.start()))
            start = match.start() + 1
    parts.append((start, end))
    runs = [Text(line[a:b], Run(source, number, a + 1, b - a)) for a, b in parts]
    return joined(runs) if len(runs) > 1 else runs[0]


def expanded_words(line: Text, home: Place | None = None) -> list[Word]:
    """The words of a line in which all definitions are put in. `home`: where that happened."""
    text = line.text
    first = _FIRST.match(text)
    if first and first[1] in SCRIPT_LIKE:
        keyword = _located(first[1], line, first.start(1), first.end(1), home)
        return [keyword, *_script_words(line, first.end(1), home)]
    words = []
    for match in _EXPANDED.finditer(text):
        start, end = match.span()
        if match.lastgroup == "close":
            closed = bool(match["close"])
            words.append(_located(match["quoted"], line, start, end, home, True, closed))
        else:
            words.append(_located(match[0], line, start, end, home))
    return words


def _script_words(line: Text, start: int, home: Place | None) -> Iterator[Word]:
    begun: int | None = None
    said, quoted, closed, end = "", False, True, start
    for match in _PIECE.finditer(line.text, start):
        kind = match.lastgroup
        if kind in ("blank", "brace"):
            if begun is not None:
                yield _located(said, line, begun, end, home, quoted, closed)
            begun, said, quoted, closed = None, "", False, True
            if kind == "brace":
                yield _located(match[0], line, match.start(), match.end(), home)
            continue
        begun = match.start() if begun is None else begun
        end = match.end()
        if kind == "bare":
            said += unescape(match["bare"])
        elif kind == "close2":
            said += unescape(match["double"])
        else:
            said += match["single"]
        quoted = quoted or kind != "bare"
        closed = closed and bool(kind == "bare" or match[str(kind)])
    if begun is not None:
        yield _located(said, line, begun, end, home, quoted, closed)


def unescape(text: str) -> str:
    r"""Undo the escapes of script-like keywords: `\n`, `\x41`, `\101`, `\cA`, `\anything`."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(escape: re.Match[str]) -> str:
    hexadecimal, octal, control, other = escape.groups()
    if hexadecimal:
        return chr(int(hexadecimal, 16))
    if octal:
        return chr(int(octal, 8) & 0xFF)
    if control:
        return chr(ord(control) & 0x1F)
    return _CONTROL.get(other, other)


def _located(
    text: str,
    line: Text,
    start: int,
    end: int,
    home: Place | None,
    quoted: bool = False,
    closed: bool = True,
) -> Word:
    """A word at the characters from `start` to `end` of a line.

    One that is put together from several lines is where it is put together.
    """
    first, last = line.places[start], line.places[end - 1]
    if first[:2] != last[:2] and home is not None:
        here = [place for place in line.places[start:end] if place[:2] == home[:2]]
        first, last = (here[0], here[-1]) if here else (home, home)
    elif first[:2] != last[:2]:
        last = first
    used = home if home is not None and first[:2] != home[:2] else None
    length = max(1, last.column - first.column + 1)
    return Word(text, first.source, first.line, first.column, length, quoted, closed, used)
