"""`$NAME=` definitions and what is put in where `$NAME` or `${NAME}` stands.

Values are text, put in late: a name in a value is looked up when the value is used. Names that
are not defined stay as they are, as in keepalived, since scripts have variables too.
"""

import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from trimaran.conf.schema import Rejected
from trimaran.conf.surroundings import Surroundings
from trimaran.conf.tokens import Place, Text, joined

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_DEFINITION = re.compile(rf"\$({_NAME})=", re.ASCII)
_REFERENCE = re.compile(
    rf"\$(?: \{{ \s* ({_NAME}) ([^{{}}\"]{{0,100}}) \}} | ({_NAME}) (?= [\s,)] | $ ) )",
    re.ASCII | re.VERBOSE,
)
_NOT_REPLACED = re.compile(rf"\$({_NAME})", re.ASCII)
_PREDEFINED = frozenset({"_PWD", "_INSTANCE", "_RANDOM", "_ENV", "_HASH", "_BANG"})

_DEEPEST = 50
"""Definitions within definitions."""
LONGEST_LINE = 2**16
"""Characters of a line with definitions or repetitions. keepalived has 1024 for any line."""
MOST_SUBSTITUTIONS = 1_000_000
MOST_CHARACTERS = 64 * 2**20
"""What definitions and repetitions may produce in all: a few lines could ask for any amount."""


class Exhausted(Rejected):
    """The file produces more than any configuration needs: reading ends here."""


class Spoilt(Rejected):
    """A line uses a definition that was rejected: that has been reported."""


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A name, where it is defined, and the lines of its value."""

    name: str
    lines: list[Text]

    @property
    def multiline(self) -> bool:
        return len(self.lines) > 1


class Definitions:
    """The definitions in force at the line that is being read."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._random = random.Random(surroundings.seed)
        self._by_name: dict[str, Definition | None] = {}  # None: one that was rejected
        self._substitutions = 0
        self._characters = 0

    def define(self, name: str, lines: list[Text], whole: Text) -> None:
        """Take a definition that `whole` makes. Raises Rejected if it names itself."""
        if name in _PREDEFINED:
            raise Rejected(whole.word(), f"${name} is predefined", "take another name")
        for line in lines:
            for match in _REFERENCE.finditer(line.text):
                if (match[1] or match[3]) == name:
                    self._by_name[name] = None
                    raise _itself(line[match.start() : match.end()], name)
        self._by_name[name] = Definition(name, lines)

    @contextmanager
    def bound(self, names: Sequence[str], values: Sequence[Text]) -> Iterator[None]:
        """Names that have a value for one turn of a repetition."""
        before = {name: self._by_name[name] for name in names if name in self._by_name}
        for name, value in zip(names, values, strict=True):
            self._by_name[name] = Definition(name, [value])
        try:
            yield
        finally:
            for name in names:
                self._by_name.pop(name, None)
            self._by_name |= before

    def spend(self, at: Text, characters: int) -> None:
        """Account for something produced. Raises Exhausted."""
        self._substitutions += 1
        self._characters += characters
        if self._substitutions > MOST_SUBSTITUTIONS or self._characters > MOST_CHARACTERS:
            raise Exhausted(
                at.word(),
                "definitions and repetitions produce too much text here",
                f"at most {MOST_SUBSTITUTIONS} substitutions and {MOST_CHARACTERS >> 20} MB",
            )

    def expand(self, line: Text, within: tuple[str, ...]) -> tuple[list[Text], tuple[str, ...]]:
        """Put in all definitions; `within`: the names whose values this line is part of.

        A definition of several lines makes several lines. They are not expanded themselves
        (each may define, repeat or depend), and the names that they are within come with them.
        Raises Rejected for a definition that leads to itself.
        """
        if "$" not in line.text:
            return [line], within
        lines: list[list[Text]] = [[]]
        end = length = 0
        for match in _REFERENCE.finditer(line.text):
            name = match[1] or match[3]
            reference = line[match.start() : match.end()]
            value = self._value(name, match[2] or "", reference, within)
            if value is None:
                continue
            length += sum(len(part.text) for part in value)
            if length > LONGEST_LINE:
                raise Rejected(
                    reference.word(),
                    "with its definitions this line is too long",
                    f"a line has at most {LONGEST_LINE} characters",
                )
            lines[-1] += [line[end : match.start()], value[0]]
            lines += [[following] for following in value[1:]]
            end = match.end()
            if len(value) > 1:
                within = (*within, name)
        if not end:
            return [line], within
        lines[-1].append(line[end:])
        return [joined(parts) for parts in lines], within

    def not_replaced(self, line: Text) -> tuple[str, Text] | None:
        """The first name of a definition that looks used but is not: `$NAME/24`."""
        for match in _NOT_REPLACED.finditer(line.text):
            if match[1] in self._by_name:
                return match[1], line[match.start() : match.end()]
        return None

    def _value(
        self, name: str, rest: str, reference: Text, within: tuple[str, ...]
    ) -> list[Text] | None:
        if name in _PREDEFINED:
            if reference.text[1] != "{":
                return None
            text = self._predefined(name, rest.split(), reference)
            self.spend(reference, len(text))
            return [generated(text, reference)]
        if name not in self._by_name or rest.strip():
            return None
        definition = self._by_name[name]
        if definition is None:
            raise Spoilt(reference.word(), "")
        if name in within:
            self._by_name[name] = None
            raise _itself(reference, name)
        if len(within) >= _DEEPEST:
            raise Rejected(
                reference.word(),
                f"more than {_DEEPEST} definitions within each other",
                "write the value here",
            )
        self.spend(reference, sum(len(line.text) for line in definition.lines))
        if definition.multiline:
            return definition.lines
        (value,) = definition.lines
        if not value.places:  # of a repetition's turn: a number that stands nowhere
            return [generated(value.text, reference)]
        lines, _ = self.expand(value, (*within, name))
        return lines

    def _predefined(self, name: str, rest: list[str], reference: Text) -> str:
        match name, rest:
            case "_PWD", []:
                return self._surroundings.directory_of(reference.places[0].source)
            case "_INSTANCE", []:
                return self._surroundings.config_id
            case "_HASH", []:
                return "#"
            case "_BANG", []:
                return "!"
            case "_ENV", [variable]:
                return self._surroundings.environment.get(variable, "")
            case "_RANDOM", ([] | [_] | [_, _]) if all(re.fullmatch("[0-9]{1,9}", n) for n in rest):
                bounds = [int(number) for number in rest]
                low, high = (*bounds, *(0, 32767)[len(bounds) :])
                if low <= high:
                    return str(self._random.randint(low, high))
        raise Rejected(
            reference.word(),
            f"'{reference.text}' is not the way to use ${{{name}}}",
            {
                "_ENV": "write ${_ENV VARIABLE}",
                "_RANDOM": "write ${_RANDOM MINIMUM MAXIMUM}, both from 0 to 999999999",
            }.get(name, f"write ${{{name}}}"),
        )


def definition(line: Text) -> tuple[str, Text] | None:
    """The name and the first line of the value, if a line defines something."""
    match = _DEFINITION.match(line.text)
    return (match[1], line[match.end() :]) if match else None


def generated(text: str, at: Text) -> Text:
    """Text that stands nowhere: it is where it is put in."""
    places: list[Place] = [at.places[0]] * len(text)
    if len(places) > 1:
        places[-1] = at.places[-1]
    return Text(text, places)


def _itself(reference: Text, name: str) -> Rejected:
    return Rejected(
        reference.word(),
        f"the definition of ${name} refers to itself",
        "values are put in where they are used, so use two names",
    )
