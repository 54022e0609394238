"""Keys and values of a plan file or of options, each with the place that messages name.

What stands where is all that is known here; `plan.file` knows what the keys mean.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from trimaran.conf.suggest import nearest_name
from trimaran.plan.units import UnitError

Path = tuple[str | int, ...]
"""Keys, and indices in lists, from the top: ("host", 0, "link")."""


class DemandError(Exception):
    """What is asked for makes no sense. The message starts with the place that says it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value: a text, number, truth value, list of entries or a section; and its place."""

    value: object
    place: str

    def refuse(self, message: str) -> DemandError:
        return DemandError(f"{self.place}: {message}")

    def text(self, example: str) -> str:
        """A text, or a number as it was written."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return str(self.value)
        raise self.refuse(f"{_kind(self.value)} is no answer: write {example}")

    def number(self, read: Callable[[str], Fraction], example: str) -> Fraction:
        """What a reader of `plan.units` makes of the text."""
        try:
            return read(self.text(example))
        except UnitError as error:
            raise self.refuse(str(error)) from None

    def whole(self, least: int, most: int) -> int:
        """A whole number within bounds."""
        text = self.text(f"a whole number from {least} to {most}")
        if not re.fullmatch(r"-?[0-9]{1,9}", text.strip()):
            raise self.refuse(f"'{text}' is not a whole number from {least} to {most}")
        if not least <= int(text) <= most:
            raise self.refuse(f"{text} is out of range: write a number from {least} to {most}")
        return int(text)

    def choice(self, words: Iterable[str]) -> str:
        """One of these words."""
        words = list(words)
        text = self.text(" or ".join(words))
        if text in words:
            return text
        near = nearest_name(text, words)
        raise self.refuse(f"'{text}' is not one of {', '.join(words)}" + _did_you_mean(near))

    def items(self) -> list["Entry"]:
        """The entries of a list, or the one entry."""
        return self.value if isinstance(self.value, list) else [self]

    def section(self, about: str) -> "Section":
        """The keys of a table."""
        if isinstance(self.value, Section):
            return self.value
        raise self.refuse(f"{_kind(self.value)} is no answer: write {about}")


class Section(Mapping[str, Entry]):
    """The entries of a table by key; `title` is what messages call the whole."""

    def __init__(self, entries: Mapping[str, Entry], title: str) -> None:
        self._entries = dict(entries)
        self.title = title

    def __getitem__(self, key: str) -> Entry:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def only(self, keys: Iterable[str]) -> "Section":
        """Itself, if it has no other keys."""
        keys = list(keys)
        for key, entry in self.items():
            if key not in keys:
                near = nearest_name(key, keys)
                raise entry.refuse(
                    "unknown key" + (_did_you_mean(near) or f": known are {', '.join(keys)}")
                )
        return self


def parse(text: str, file: str) -> Section:
    """The entries of a TOML file. Raises DemandError `file:line:column: ...` if it is none."""
    try:
        document = tomllib.loads(text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        form = re.fullmatch(
            r"(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error)
        )
        if form is None:
            raise DemandError(f"{file}: {error}") from None
        line = form[2] or str(max(1, len(text.splitlines())))
        column = form[3] or "1"
        raise DemandError(f"{file}:{line}:{column}: {form[1]}") from None
    lines = _lines(text)
    return section_of(document, file, lambda path: f"{file}:{_line(lines, path)}: {_key(path)}")


def section_of(document: Mapping[str, object], title: str, place: Callable[[Path], str]) -> Section:
    """The entries of a document of tables, lists and values; `place` says where one stands."""

    def entry(value: object, path: Path) -> Entry:
        if isinstance(value, dict):
            return Entry(section(value, path), place(path))
        if isinstance(value, list):
            members = [entry(member, (*path, i)) for i, member in enumerate(value)]
            return Entry(members, place(path))
        return Entry(value, place(path))

    def section(table: Mapping[str, object], path: Path) -> Section:
        return Section({key: entry(value, (*path, key)) for key, value in table.items()}, title)

    return section(document, ())


def _key(path: Path) -> str:
    return next(name for name in reversed(path) if isinstance(name, str))


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[\w.-]+(?:\s*\.\s*[\w-]+)*)\s*=""")


def _lines(text: str) -> dict[Path, int]:
    """The line of each key and table: `("host", 0, "link")` → 5. tomllib does not tell."""
    found: dict[Path, int] = {}
    counts: dict[str, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            name = header[2]
            table = tuple(_names(name))
            if header[1] == "[[":
                index = counts.get(name, 0)
                counts[name] = index + 1
                found.setdefault(table, number)
                table = (*table, index)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_names(key[1])), number)
    return found


def _names(dotted: str) -> list[str]:
    if dotted[0] in "\"'":
        return [dotted[1:-1]]
    return [name.strip().strip("\"'") for name in dotted.split(".")]


def _line(lines: Mapping[Path, int], path: Path) -> int:
    """The line of the path, or of what it stands in."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return f"'{str(value).lower()}'"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, Section):
        return "a table"
    return f"'{value}'"


def _did_you_mean(near: str | None) -> str:
    return f": did you mean '{near}'?" if near else ""
