"""What the last reading made of each `virtual_server` block: a reload reads only those that differ.

Of thousands of blocks one changes: what takes long is to read the others. A block whose lines are
those of an earlier one means the same, provided that they are nothing but words (no definitions,
conditions, repetitions, includes), that there was nothing to say about it, and that all else that
the file says is as it was.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from trimaran.conf.diagnostics import Diagnostic
from trimaran.conf.table.services import VIRTUAL_SERVER
from trimaran.conf.tokens import Source, Word, literal_words
from trimaran.conf.tree import Statement, Tree
from trimaran.model.service import VirtualService

_Plain = tuple[tuple[tuple[str, bool], ...], "tuple[_Plain, ...] | None"]


@dataclass(frozen=True, slots=True)
class _Block:
    """A block's lines, and what they mean."""

    lines: list[str]
    services: tuple[VirtualService, ...]


class Memory:
    """What is kept from one reading of a file to the next."""

    def __init__(self) -> None:
        self.blocks: dict[str, list[_Block]] = {}
        """By their first lines."""
        self.others: tuple[_Plain, ...] = ()
        """All statements but these blocks, as words."""


@dataclass(slots=True)
class _Open:
    head: Word
    depth: int


class Recollection:
    """One reading, with the memory of the last, or if `blind` only for the next.

    `services`: what this one made, each block's with its first word.
    """

    def __init__(self, memory: Memory, *, blind: bool = False) -> None:
        self.services: Sequence[tuple[Word, tuple[VirtualService, ...]]] = ()
        self.recalled: dict[Word, tuple[VirtualService, ...]] = {}
        """What blocks mean that need not be read."""
        self._memory = memory
        self._before = {} if blind else memory.blocks
        self._known: dict[Word, _Block] = {}
        self._open: _Open | None = None
        self._ranges: dict[Word, tuple[int, int]] = {}

    def recall(self, file: Source, number: int) -> tuple[list[Word], list[Word]] | None:
        """The first and the last line of a block that is known, if one begins here."""
        lines, first = file.lines, number - 1
        for block in self._before.get(lines[first], ()):
            end = first + len(block.lines)
            if lines[first:end] == block.lines:
                words = literal_words(file, number, lines[first])
                self._known[words[0]] = block
                self.recalled[words[0]] = block.services
                return words, literal_words(file, end, lines[end - 1])
        return None

    def follow(self, words: Sequence[Word]) -> None:
        """A line of nothing but words: it may begin a block, or end it."""
        begun = self._open
        if begun is None:
            if words[0].text == VIRTUAL_SERVER.name and words[-1].text == "{":
                self._open = _Open(words[0], 1)
            return
        for word in words:
            if word.text == "{" and not word.quoted:
                begun.depth += 1
            elif word.text == "}" and not word.quoted:
                begun.depth -= 1
        if begun.depth <= 0:
            self._open = None
            if len(words) == 1:
                self._ranges[begun.head] = (begun.head.line, words[0].line)

    def lose(self) -> None:
        """A line that is more than words: the block that it is in is not to be remembered."""
        self._open = None

    def fits(self, tree: Tree) -> bool:
        """Whether what was recalled still means the same."""
        return self._memory.others == tuple(_others(tree))

    def keep(self, tree: Tree, said: Iterable[Diagnostic]) -> None:
        """Remember what this reading made of the blocks; `said`: all that there was to say."""
        places = {(one.span.file, one.span.line) for one in said}
        blocks: dict[str, list[_Block]] = {}
        for head, services in self.services:
            block = self._known.get(head) or self._fresh(head, services, places)
            if block is not None:
                blocks.setdefault(block.lines[0], []).append(block)
        self._memory.blocks, self._memory.others = blocks, tuple(_others(tree))

    def _fresh(
        self, head: Word, services: tuple[VirtualService, ...], said: Container[tuple[str, int]]
    ) -> _Block | None:
        """A block that was read, if it can be remembered."""
        if head not in self._ranges:
            return None
        first, last = self._ranges[head]
        if any((head.source.file, line) in said for line in range(first, last + 1)):
            return None
        return _Block(head.source.lines[first - 1 : last], services)


def _others(tree: Tree) -> Iterator[_Plain]:
    for statement in tree.statements:
        if not statement.words or statement.words[0].text != VIRTUAL_SERVER.name:
            yield _plain(statement)


def _plain(statement: Statement) -> _Plain:
    words = tuple((word.text, word.quoted) for word in statement.words)
    body = statement.body
    return words, None if body is None else tuple(map(_plain, body))
