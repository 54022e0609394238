"""Reads the tree by the table: every statement becomes a typed setting, or an error."""

from collections.abc import Container, Sequence
from typing import Any

from trimaran.conf.known import judge
from trimaran.conf.report import Report
from trimaran.conf.schema import Arguments, Block, Entries, Keyword, Rejected, Setting
from trimaran.conf.tokens import Word
from trimaran.conf.tree import Statement


def read(
    statements: Sequence[Statement],
    block: Block,
    root: Setting[bool],
    report: Report,
    *,
    trusted: bool,
    known: Container[Word] = (),
) -> None:
    """Put into `root` what the whole file says. `known`: the keywords whose blocks are left out.

    `trusted`: braces balance and no line is missing, so that every statement is where its
    writer meant it to be.
    """
    _Reader(trusted, report, known).block(block, statements, root)


class _Reader:
    """If not `trusted`, what looks misplaced or missing is most likely right once the rest is:
    only the arguments of keywords that are in their place are judged.
    """

    def __init__(self, trusted: bool, report: Report, known: Container[Word]) -> None:
        self._trusted = trusted
        self._known = known
        self._report = report

    def block(self, block: Block, statements: Sequence[Statement], inside: Setting[Any]) -> None:
        """Read the statements of one block into its setting."""
        for statement in statements:
            word = statement.words[0]
            if (keyword := block.by_name.get(word.text)) is None:
                self._unknown(word, block, inside)
            elif keyword.ignored:
                self._report.warning(word, f"'{word.text}' is {keyword.ignored}")
            else:
                self._statement(keyword, statement, inside)
        if self._trusted:
            self._missing(block, inside)

    def _statement(self, keyword: Keyword[Any], statement: Statement, inside: Setting[Any]) -> None:
        word = statement.words[0]
        before = None if keyword.repeats else inside.last(keyword)
        if before is not None:
            self._report.warning(
                word,
                f"'{word.text}' is already set in {self._report.line_of(before.word, word)}",
                "the last one counts: remove the other",
            )
        arguments = Arguments(word, statement.words[1:])
        setting: Setting[Any] = Setting(word, arguments.peek() or word, statement.words)
        inside.add(keyword, setting)
        try:
            setting.value = keyword.argument.read(arguments)
            if surplus := arguments.peek():
                raise Rejected(
                    surplus,
                    f"'{surplus.text}' is more than {word.text} takes",
                    f"write '{keyword.form(word.text)}'",
                )
        except Rejected as reason:
            self._reject(reason)
        if word not in self._known:
            self._body(keyword, statement, setting)

    def _body(self, keyword: Keyword[Any], statement: Statement, setting: Setting[Any]) -> None:
        word, body = setting.word, statement.body
        if body is None:
            if keyword.block and not keyword.block_optional:
                self._report.error(
                    word, f"{word.text} needs a block", f"write '{keyword.form(word.text)}'"
                )
        elif isinstance(keyword.block, Block):
            self.block(keyword.block, body, setting)
        elif keyword.block is None:
            self._report.error(word, f"{word.text} has no block", "remove the braces")
        elif self._trusted:
            # With a brace missing, what stands here may be the rest of the block outside.
            self._entries(keyword.block, body, setting)

    def _entries(
        self, entries: Entries[Any], statements: Sequence[Statement], inside: Setting[Any]
    ) -> None:
        for statement in statements:
            first = statement.words[0]
            entry: Setting[Any] = Setting(first, first, statement.words)
            inside.add(entries.entry, entry)
            arguments = Arguments(inside.word, statement.words)
            try:
                if statement.body is not None:
                    raise Rejected(first, f"'{first.text}' has no block", "remove the braces")
                entry.value = entries.entry.argument.read(arguments)
                while arguments.peek():
                    self._option(entries, arguments, entry)
            except Rejected as reason:
                self._reject(reason)

    def _option(self, entries: Entries[Any], arguments: Arguments, entry: Setting[Any]) -> None:
        name = arguments.take("OPTION")
        keyword = entries.by_name.get(name.text)
        if keyword is None:
            verdict = judge(name, entries)
            raise Rejected(name, verdict.message, verdict.advice)
        option: Setting[Any] = Setting(name, arguments.peek() or name, (name,))
        entry.add(keyword, option)
        arguments.keyword = name
        option.value = keyword.argument.read(arguments)

    def _unknown(self, word: Word, block: Block, inside: Setting[Any]) -> None:
        if not self._trusted or not word.closed:
            return
        verdict = judge(word, block)
        say = self._report.warning if verdict.harmless else self._report.error
        say(word, verdict.message, verdict.advice)
        if verdict.meant:
            # It is there, if misspelt: nobody wants to hear that it is missing as well.
            inside.add(block.by_name[verdict.meant], Setting(word, word, (word,)))

    def _missing(self, block: Block, inside: Setting[Any]) -> None:
        for keyword in block.wanted:
            if inside.last(keyword) is None:
                message = f"{inside.title} has no {' or '.join(keyword.names)}"
                if keyword.required:
                    self._report.error(inside.word, message, keyword.required)
                else:
                    self._report.warning(inside.word, message, keyword.expected)

    def _reject(self, reason: Rejected) -> None:
        self._report.error(reason.word, reason.message, reason.advice)
