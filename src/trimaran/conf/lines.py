"""From files to lines of words: what is there before a word of it means anything.

Files include others; lines are for one director only (`@ID`), are repeated (`~SEQ`, `~LST`),
define names and use them. All of this is text; what comes out is words with their positions.
What follows a brace counts as a line of its own, as in keepalived.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from trimaran.conf.definitions import LONGEST_LINE, Definitions, Exhausted, Spoilt, definition
from trimaran.conf.inclusion import INCLUDE, Inclusion
from trimaran.conf.memory import Recollection
from trimaran.conf.repetitions import repetition, split
from trimaran.conf.report import Report
from trimaran.conf.schema import Rejected
from trimaran.conf.surroundings import Surroundings
from trimaran.conf.tokens import (
    Place,
    Source,
    Text,
    Word,
    expanded_words,
    literal,
    literal_words,
    source,
)

_CAREFUL = re.compile(r"[$@~]|include")
"""Lines without any of these are just words."""
_CONDITION = re.compile(r"@(\^?)(\S*)\s*", re.ASCII)
_DEFINES = re.compile(r"\s*(?:@\S+\s+)*\$[A-Za-z_]\w*=", re.ASCII)
_SPECIAL = re.compile(r"@|~(?:SEQ|LST)|\$[A-Za-z_]\w*=|include[rmwba]?\s", re.ASCII)
_BETWEEN_BRACES = re.compile(
    r"""(?P<brace> [{}] ) | (?P<text> (?: "[^"]*"? | \$\{[^{}"]{0,100}\} | [^"{}] )+ )""",
    re.VERBOSE,
)
_SMALLEST_FILE = 1000
"""Each file included costs at least this many characters of what may be produced."""
_DEEPEST = 50
BINARY = "this is a binary file"


class _Context(NamedTuple):
    """Where a line comes from: `files` being included, names of definitions it is `within`.

    `home`: where in the file the outermost of these definitions is used. `depth`: how much is
    within each other.
    """

    files: tuple[str, ...]
    within: tuple[str, ...] = ()
    home: Place | None = None
    depth: int = 0


class Lines:
    """Reads one configuration. `trusted`: no line was rejected, so none is missing."""

    def __init__(
        self, surroundings: Surroundings, report: Report, recollection: Recollection
    ) -> None:
        self.trusted = True
        self._recollection = recollection
        self._surroundings = surroundings
        self._definitions = Definitions(surroundings)
        self._report = report
        self._sources = 0

    def words(self, file: Source) -> Iterator[list[Word]]:
        """The words of each line, all that is included among them."""
        return self._file(file, _Context((file.file,)))

    def _file(self, file: Source, context: _Context) -> Iterator[list[Word]]:
        lines = iter(enumerate(file.lines, start=1))
        recollection = self._recollection
        for number, raw in lines:
            if (known := recollection.recall(file, number)) is not None:
                yield from known
                last = known[-1][0].line
                next(islice(lines, last - number - 1, None))
                continue
            if not _CAREFUL.search(raw):
                if words := literal_words(file, number, raw):
                    recollection.follow(words)
                    yield words
                continue
            recollection.lose()
            if len(raw) > LONGEST_LINE:
                self.trusted = False
                word = Word("", file, number, 1, 1)
                advice = f"a line has at most {LONGEST_LINE} characters"
                self._report.error(word, "this line is too long", advice)
                continue
            text = [literal(file, number, raw)]
            if _DEFINES.match(text[0].text):
                while text[-1].stripped().text.endswith("\\"):
                    number, raw = next(lines, (0, ""))
                    text.append(literal(file, number, raw))
            try:
                yield from self._line(text[0].stripped(), context, text[1:])
            except Exhausted as reason:
                self._report.abandon(reason.word, reason.message, reason.advice)
            except Spoilt:
                self.trusted = False
            except Rejected as reason:
                self.trusted = False
                self._report.error(reason.word, reason.message, reason.advice)

    def _line(
        self, line: Text, context: _Context, more: list[Text] | None = None
    ) -> Iterator[list[Word]]:
        """One line, without blanks at its ends; `more`: the lines that it continues in."""
        if not line.text:
            return
        if context.depth > _DEEPEST:
            raise Rejected(line.word(), f"more than {_DEEPEST} levels deep", "write it out")
        context = context._replace(depth=context.depth + 1)
        if condition := _CONDITION.match(line.text):
            if (condition[2] == self._surroundings.config_id) != bool(condition[1]):
                yield from self._line(line[condition.end() :], context, more)
        elif defined := definition(line):
            self._define(defined[0], [defined[1], *(more or [])], line)
        elif parts := split(line):
            yield from self._repeat(*parts, context)
        elif include := INCLUDE.match(line.text):
            yield from self._include(include[1], line[slice(*include.span(2))], context)
            yield from self._line(line[include.end() :], context)
        else:
            yield from self._statements(line, context)

    def _define(self, name: str, lines: list[Text], line: Text) -> None:
        """Take a definition; a value goes on in the next line after a backslash at its end."""
        value = []
        for text in lines[:-1]:
            value.append(text[: text.text.rindex("\\")].stripped())
        value.append(lines[-1].stripped())
        value = [text for text in value if text.text] or value[:1]
        self._definitions.define(name, value, line)

    def _repeat(self, prefix: Text, line: Text, context: _Context) -> Iterator[list[Word]]:
        expanded, _ = self._definitions.expand(prefix, context.within)
        if len(expanded) > 1:
            raise Rejected(prefix.word(), "a definition of several lines within ~", "use one line")
        repeated = repetition(expanded[0])
        line = line.stripped()
        for turn, values in enumerate(repeated.turns):
            if turn and _leaves_a_block_open(line.text):
                raise Rejected(
                    line.word(),
                    f"{prefix.text} repeats one line, and this one leaves a block open",
                    "put the whole block into a definition of several lines, and repeat that",
                )
            self._definitions.spend(prefix, len(line.text))
            with self._definitions.bound(repeated.names, values):
                yield from self._line(line, context)

    def _include(self, variant: str, pattern: Text, context: _Context) -> Iterator[list[Word]]:
        expanded, _ = self._definitions.expand(pattern, context.within)
        files = self._surroundings.files
        inclusion = Inclusion(variant, expanded[0], files, self._report)
        for name, content in inclusion.contents(context.files[-1]):
            self._definitions.spend(pattern, max(len(content), _SMALLEST_FILE))
            if name in context.files:
                raise Rejected(
                    pattern.word(), f"'{name}' includes itself", "remove one of the includes"
                )
            if b"\0" in content:
                raise Rejected(pattern.word(), f"'{name}': {BINARY}", "include text files only")
            self._sources += 1
            file = decoded(content, name, self._sources, self._report)
            if file is None:
                self.trusted = False
                continue
            yield from self._file(file, context._replace(files=(*context.files, name)))

    def _statements(self, line: Text, context: _Context) -> Iterator[list[Word]]:
        """What stands between braces, each as a line, and the braces themselves."""
        for match in _BETWEEN_BRACES.finditer(line.text):
            if match.lastgroup == "brace":
                yield expanded_words(line[match.start() : match.end()], context.home)
                continue
            part = line[match.start() : match.end()].stripped()
            if match.start() and _SPECIAL.match(part.text):
                yield from self._line(line[match.start() :].stripped(), context)
                return
            if part.text:
                yield from self._statement(part, context)

    def _statement(self, line: Text, context: _Context) -> Iterator[list[Word]]:
        lines, within = self._definitions.expand(line, context.within)
        if lines[0] is not line:
            home = context.home or line.places[line.text.index("$")]
            context = context._replace(within=within, home=home)
        if len(lines) > 1 or (lines[0] is not line and _SPECIAL.match(lines[0].text)):
            for part in lines:
                yield from self._line(part.stripped(), context)
            return
        if unused := self._definitions.not_replaced(lines[0]):
            name, reference = unused
            self._report.warning(
                reference.word(),
                f"'${name}' is not replaced here, as by keepalived",
                f"write '${{{name}}}'",
            )
        if words := expanded_words(lines[0], context.home):
            yield words


def _leaves_a_block_open(line: str) -> bool:
    braces = [match[0] for match in _BETWEEN_BRACES.finditer(line) if match.lastgroup == "brace"]
    return braces.count("{") > braces.count("}")


def decoded(content: bytes, name: str, order: int, report: Report) -> Source | None:
    """A file's text; None, and an error, if it is not UTF-8."""
    try:
        return source(name, content.decode("utf-8"), order)
    except UnicodeDecodeError as error:
        file = source(name, content.decode("utf-8", "replace"), order)
        before = content[: error.start]
        last = before[before.rfind(b"\n") + 1 :].decode("utf-8").removeprefix("\ufeff")
        word = Word("", file, before.count(b"\n") + 1, len(last) + 1, 1)
        report.error(word, "this is not UTF-8 text", "save the file as UTF-8")
        return None
