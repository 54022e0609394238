"""The form of a table of keywords, and of what is read by it.

A keyword is one row: its names, its arguments, its default, what its block holds. Rows know
nothing of the model; `routers` and `services` build that from what was read. Reading by a row
is typed: `setting[PRIORITY]` is an int because the row says that it takes a number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from trimaran.conf.tokens import Word

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
V = TypeVar("V")


class Rejected(Exception):
    """An argument is not what its keyword takes."""

    def __init__(self, word: Word, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        self.word, self.message, self.advice = word, message, advice


class Arguments:
    """The words behind `keyword`, taken one after another.

    Messages name `keyword`: an option within the line takes its place while it is read.
    """

    def __init__(self, keyword: Word, words: Sequence[Word]) -> None:
        self.keyword = keyword
        self._words = words
        self._next = 0

    def peek(self) -> Word | None:
        return self._words[self._next] if self._next < len(self._words) else None

    def take(self, usage: str) -> Word:
        """The next word; its absence is reported at the word before it."""
        word = self.peek()
        if word is None:
            last = self._words[self._next - 1] if self._next else self.keyword
            raise Rejected(last, f"{last.text} needs a value", f"write '{last.text} {usage}'")
        self._next += 1
        return word


class Argument(Protocol[T_co]):
    """What follows a keyword on its line."""

    @property
    def usage(self) -> str:
        """For messages and documentation: `NUMBER (1-255)`."""
        ...

    def read(self, arguments: Arguments) -> T_co:
        """Take what belongs to it; raises Rejected."""
        ...


@dataclass(frozen=True, eq=False)
class Keyword(Generic[T]):
    """One row of the table.

    `default`: None if there is none. `required`, `expected`: its absence is an error, a
    warning, for which this is the advice. `ignored`: why nothing is done about it.
    """

    name: str
    argument: Argument[T]
    about: str
    default: T | None = None
    synonyms: tuple[str, ...] = ()
    block: "Block | Entries[Any] | None" = None
    block_optional: bool = False
    repeats: bool = False
    required: str | None = None
    expected: str | None = None
    ignored: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.synonyms)

    def form(self, name: str) -> str:
        """How it is written: `priority NUMBER (1-255)`, `authentication { ... }`."""
        return " ".join(filter(None, (name, self.argument.usage, "{ ... }" if self.block else "")))


@dataclass(frozen=True, eq=False)
class Block:
    """What may stand in a block. `path` is its name in keywords.tsv."""

    path: str
    keywords: tuple[Keyword[Any], ...]

    @cached_property
    def by_name(self) -> Mapping[str, Keyword[Any]]:
        return {name: keyword for keyword in self.keywords for name in keyword.names}

    @cached_property
    def wanted(self) -> tuple[Keyword[Any], ...]:
        """The keywords whose absence is reported."""
        return tuple(keyword for keyword in self.keywords if keyword.required or keyword.expected)


@dataclass(frozen=True, eq=False)
class Entries(Generic[T]):
    """A block whose lines start with a value of their own: `192.168.1.10/24 dev eth1`.

    Entries are read as repeated settings of `entry`, their options as settings in those.
    """

    path: str
    entry: Keyword[T]
    options: tuple[Keyword[Any], ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Keyword[Any]]:
        return {name: keyword for keyword in self.options for name in keyword.names}


@dataclass(slots=True, eq=False)
class Setting(Generic[T]):
    """One statement as read: what its arguments say, and the settings in its block.

    `word` is its keyword, `at` its first argument (the keyword, if it has none). `words` are all
    before its block. `value` is
    None where the argument was rejected; that has been reported.
    """

    word: Word
    at: Word
    words: Sequence[Word]
    value: T | None = None
    _inside: dict[str, list["Setting[Any]"]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """How messages name it: `real_server 192.168.1.201 80`."""
        return title(self.words)

    def add(self, keyword: Keyword[Any], setting: "Setting[Any]") -> None:
        self._inside.setdefault(keyword.name, []).append(setting)

    def inside(self) -> "Iterator[Setting[Any]]":
        """Every statement right in its block."""
        for settings in self._inside.values():
            yield from settings

    def blocks(self) -> "Iterator[Setting[Any]]":
        """This, and every statement in its block, at any depth."""
        yield self
        for setting in self.inside():
            yield from setting.blocks()

    def absorb(self, other: "Setting[Any]") -> None:
        """Add all that another block of the same kind has inside."""
        for name, settings in other._inside.items():
            self._inside.setdefault(name, []).extend(settings)

    def all(self, keyword: Keyword[V]) -> "Sequence[Setting[V]]":
        """Every statement with this keyword, in order."""
        return self._inside.get(keyword.name, ())

    def last(self, keyword: Keyword[V]) -> "Setting[V] | None":
        """The statement that counts: the last, as in keepalived."""
        settings = self._inside.get(keyword.name)
        return settings[-1] if settings else None

    def get(self, keyword: Keyword[V]) -> V | None:
        """What the file says, if it does and is right."""
        settings = self._inside.get(keyword.name)
        return settings[-1].value if settings else None

    def __getitem__(self, keyword: Keyword[V]) -> V:
        """What the file says, or the default."""
        return nearest(keyword, self)


def title(words: Sequence[Word]) -> str:
    """How messages name a statement: by its first words."""
    return " ".join(word.text for word in words[:3])


def nearest(keyword: Keyword[T], *settings: Setting[Any]) -> T:
    """What the first of the blocks says that says anything, or the default."""
    name = keyword.name
    for setting in settings:
        # As `get`, but called half a million times for a large file.
        said = setting._inside.get(name)
        if said and (value := said[-1].value) is not None:
            return value  # type: ignore[no-any-return]
    if keyword.default is None:
        raise LookupError(f"{keyword.name} has no default")
    return keyword.default
