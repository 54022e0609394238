"""Reads the tree by the table: every statement becomes a typed setting, or an error."""

import re
from collections.abc import Sequence
from typing import Any

from trimaran.conf.known import judge
from trimaran.conf.report import Report
from trimaran.conf.schema import Arguments, Block, Entries, Keyword, OtherKind, Rejected, Setting
from trimaran.conf.tokens import Word
from trimaran.conf.tree import Statement, Tree

_INCLUDE = frozenset(f"include{variant}" for variant in ("", "r", "m", "w", "b", "a"))
_DEFINITION = re.compile(r"\$([A-Za-z_]\w*)=", re.ASCII)
_REFERENCE = re.compile(r"\$\{?([A-Za-z_]\w*)", re.ASCII)
_PREDEFINED = frozenset({"_PWD", "_INSTANCE", "_RANDOM", "_ENV", "_HASH", "_BANG"})


def read(tree: Tree, block: Block, root: Setting[bool], report: Report) -> None:
    """Put into `root` what the whole file says."""
    _Reader(tree.balanced, report).block(block, tree.statements, root)


class _Reader:
    """`trusted`: braces balance, so that every statement is where its writer meant it to be.

    If not, what looks misplaced or missing is most likely right once the braces are: only the
    arguments of keywords that are in their place are judged.
    """

    def __init__(self, trusted: bool, report: Report) -> None:
        self._trusted = trusted
        self._report = report
        self._defined: set[str] = set()

    def block(self, block: Block, statements: Sequence[Statement], inside: Setting[Any]) -> None:
        """Read the statements of one block into its setting."""
        complete = self._trusted
        for statement in statements:
            word = statement.words[0]
            if reason := self._not_supported(statement.words):
                complete = False
                self._reject(reason)
            elif (keyword := block.by_name.get(word.text)) is None:
                self._unknown(word, block, inside)
            elif keyword.ignored:
                self._report.warning(word, f"'{word.text}' is {keyword.ignored}")
            else:
                self._statement(keyword, statement, inside)
        if complete:
            self._missing(block, inside)

    def _statement(self, keyword: Keyword[Any], statement: Statement, inside: Setting[Any]) -> None:
        word = statement.words[0]
        before = None if keyword.repeats else inside.last(keyword)
        if before is not None:
            self._report.warning(
                word,
                f"'{word.text}' is already set in line {before.word.line}",
                "the last one counts: remove the other",
            )
        arguments = Arguments(word, statement.words[1:])
        setting: Setting[Any] = Setting(word, arguments.peek() or word, statement.title)
        inside.add(keyword, setting)
        try:
            setting.value = keyword.argument.read(arguments)
            if surplus := arguments.peek():
                raise Rejected(
                    surplus,
                    f"'{surplus.text}' is more than {word.text} takes",
                    f"write '{keyword.form(word.text)}'",
                )
        except OtherKind as reason:
            self._reject(reason)
            return
        except Rejected as reason:
            self._reject(reason)
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
            entry: Setting[Any] = Setting(first, first, statement.title)
            inside.add(entries.entry, entry)
            arguments = Arguments(inside.word, statement.words)
            try:
                if reason := self._not_supported(statement.words):
                    raise reason
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
        option: Setting[Any] = Setting(name, arguments.peek() or name, name.text)
        entry.add(keyword, option)
        arguments.keyword = name
        option.value = keyword.argument.read(arguments)

    def _unknown(self, word: Word, block: Block, inside: Setting[Any]) -> None:
        if not self._trusted or not word.closed:
            return
        verdict = judge(word, block)
        self._report.error(word, verdict.message, verdict.advice)
        if verdict.meant:
            # It is there, if misspelt: nobody wants to hear that it is missing as well.
            inside.add(block.by_name[verdict.meant], Setting(word, word, word.text))

    def _missing(self, block: Block, inside: Setting[Any]) -> None:
        for keyword in block.keywords:
            if inside.last(keyword) is None:
                message = f"{inside.title} has no {' or '.join(keyword.names)}"
                if keyword.required:
                    self._report.error(inside.word, message, keyword.required)
                elif keyword.expected:
                    self._report.warning(inside.word, message, keyword.expected)

    def _not_supported(self, words: Sequence[Word]) -> Rejected | None:
        """Whether a statement is, or uses, what of the language is not supported yet."""
        first = words[0]
        if first.quoted:
            return None
        if first.text in _INCLUDE:
            return Rejected(
                first, f"not supported yet: '{first.text}'", "put the text in this file"
            )
        if definition := _DEFINITION.match(first.text):
            self._defined.add(definition[1])
            return Rejected(
                first, "not supported yet: definitions", "write the value where it is used"
            )
        if first.text.startswith(("~SEQ", "~LST")):
            return Rejected(first, "not supported yet: repetitions", "write the lines out")
        if first.text.startswith("@"):
            return Rejected(
                first,
                "not supported yet: lines for one host only",
                "give each host a file of its own",
            )
        for word in words:
            if "$" in word.text:
                for name in _REFERENCE.findall(word.text):
                    if name in self._defined or name in _PREDEFINED:
                        return Rejected(word, f"not supported yet: ${{{name}}}", "write its value")
        return None

    def _reject(self, reason: Rejected) -> None:
        self._report.error(reason.word, reason.message, reason.advice)
