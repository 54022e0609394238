"""Words to a tree of statements: a statement is the words of a line, and perhaps a block."""

from collections.abc import Iterable
from dataclasses import dataclass

from trimaran.conf.report import Report
from trimaran.conf.schema import title
from trimaran.conf.tokens import Word

_OUTERMOST = frozenset(
    {"global_defs", "vrrp_instance", "vrrp_script", "vrrp_sync_group"}
    | {"virtual_server", "virtual_server_group", "static_ipaddress", "static_routes"}
)
"""Keywords that start a statement at the top level only: where one of them stands in a block,
the block's closing brace was forgotten before it."""


@dataclass(slots=True, eq=False)
class Statement:
    """A line's words; `body` is None if no block follows."""

    words: list[Word]
    body: list["Statement"] | None = None

    @property
    def title(self) -> str:
        """How messages name it: `real_server 192.168.1.201 80`."""
        return title(self.words)


@dataclass(slots=True, eq=False)
class Tree:
    """All statements of a file. `balanced`: every brace has its partner."""

    statements: list[Statement]
    balanced: bool


@dataclass(slots=True, eq=False)
class _Open:
    brace: Word
    statement: Statement
    outside: list[Statement]


def parse(lines: Iterable[list[Word]], report: Report) -> Tree:
    """Build the tree; braces without a partner and unclosed quotes are reported."""
    builder = _Builder(report)
    for line in lines:
        builder.line(line)
    return builder.end()


class _Builder:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._tree = Tree([], balanced=True)
        self._body = self._tree.statements
        self._open: list[_Open] = []

    def line(self, line: list[Word]) -> None:
        start = 0
        for position, word in enumerate(line):
            if word.text not in ("{", "}") or word.quoted:
                if not word.closed:
                    self._unclosed_quote(word)
                continue
            if word.text == "{":
                self._opening_brace(word, line[start:position])
            else:
                self._statement(line[start:position])
                self._closing_brace(word)
            start = position + 1
        self._statement(line[start:])

    def end(self) -> Tree:
        self._unclosed(None)
        return self._tree

    def _statement(self, words: list[Word]) -> Statement | None:
        if not words:
            return None
        if self._open and words[0].text in _OUTERMOST:
            self._unclosed(words[0])
        statement = Statement(words)
        self._body.append(statement)
        return statement

    def _opening_brace(self, brace: Word, words: list[Word]) -> None:
        statement = self._statement(words)
        if statement is None and self._body and self._body[-1].body is None:
            statement = self._body[-1]  # the keyword is on an earlier line
        if statement is None:
            self._report.error(brace, "a block without a keyword", "write a keyword before its '{'")
            statement = Statement([])
        statement.body = []
        self._open.append(_Open(brace, statement, self._body))
        self._body = statement.body

    def _closing_brace(self, brace: Word) -> None:
        if self._open:
            self._body = self._open.pop().outside
        else:
            self._tree.balanced = False
            self._report.error(brace, "'}' without a '{'", "remove it, or look for a '}' too many")

    def _unclosed_quote(self, word: Word) -> None:
        self._report.error(word, "this quote is not closed", 'end it with " on its line')
        if "{" in word.text or "}" in word.text:
            self._tree.balanced = False

    def _unclosed(self, before: Word | None) -> None:
        for block in self._open:
            where = "in the file"
            if before:
                where = f"before '{before.text}' in {self._report.line_of(before, block.brace)}"
            name = block.statement.title
            block_of = f"the block of '{name}'" if name else "the block"
            self._report.error(
                block.brace, f"{block_of} is not closed {where}", "write the missing '}'"
            )
            self._tree.balanced = False
        self._open.clear()
        self._body = self._tree.statements
