"""`~SEQ(...)`, `~SEQx(...)` and `~LST(...)`: prefixes that repeat their line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from trimaran.conf.definitions import MOST_SUBSTITUTIONS
from trimaran.conf.schema import Rejected
from trimaran.conf.tokens import Text

_HEAD = re.compile(r"~(SEQx?|LST)\s*\(", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:0x[0-9A-Fa-f]{1,8}|[0-9]{1,10})", re.ASCII)
_SEQ_USAGE = "write ~SEQ(NAME, START, STEP, END), ~SEQ(NAME, START, END) or ~SEQ(NAME, END)"
_LST_USAGE = "write ~LST(NAME, VALUE, ...) or ~LST({NAME, NAME}, {VALUE, VALUE}, ...)"


@dataclass(frozen=True, slots=True, eq=False)
class Repetition:
    """The names that get a value in each turn."""

    names: tuple[str, ...]
    turns: Iterable[tuple[Text, ...]]


def split(line: Text) -> tuple[Text, Text] | None:
    """The prefix and what it repeats, if a line starts with a repetition. Raises Rejected."""
    match = _HEAD.match(line.text)
    if match is None:
        return None
    end = line.text.find(")", match.end())
    if end < 0:
        raise Rejected(line.word(), f"the '(' of ~{match[1]} is not closed", "write the ')'")
    return line[: end + 1], line[end + 1 :]


def repetition(prefix: Text) -> Repetition:
    """What a prefix asks for, its definitions put in. Raises Rejected."""
    match = _HEAD.match(prefix.text)
    assert match is not None
    inside = prefix[match.end() : len(prefix.text) - 1]
    if match[1] == "LST":
        return _list(prefix, _items(inside, prefix, _LST_USAGE))
    return _sequence(prefix, _items(inside, prefix, _SEQ_USAGE), hexadecimal=match[1] == "SEQx")


def _sequence(prefix: Text, items: list[Text], *, hexadecimal: bool) -> Repetition:
    name, *numbers = items
    if not 1 <= len(numbers) <= 3:
        raise Rejected(prefix.word(), f"{len(numbers)} numbers in '{prefix.text}'", _SEQ_USAGE)
    values = [_number(number) for number in numbers]
    start = values[0] if len(values) > 1 else 1
    end = values[-1]
    step = values[1] if len(values) == 3 else (1 if start <= end else -1)
    if step == 0 or (end - start) * step < 0:
        raise Rejected(
            prefix.word(), f"from {start} in steps of {step} one never comes to {end}", _SEQ_USAGE
        )
    if abs(end - start) // abs(step) >= MOST_SUBSTITUTIONS:
        raise Rejected(
            prefix.word(),
            f"'{prefix.text}' repeats its line too often",
            f"at most {MOST_SUBSTITUTIONS} times",
        )
    numerals = range(start, end + (1 if step > 0 else -1), step)
    form = "x" if hexadecimal else "d"
    return Repetition((_name(name),), ((Text(f"{value:{form}}", ()),) for value in numerals))


def _list(prefix: Text, items: list[Text]) -> Repetition:
    head, *rows = items
    if not rows:
        raise Rejected(prefix.word(), f"no values in '{prefix.text}'", _LST_USAGE)
    if not head.text.startswith("{"):
        return Repetition((_name(head),), [(row,) for row in rows])
    names = tuple(_name(name) for name in _tuple(head, prefix))
    turns = [tuple(_tuple(row, prefix)) for row in rows]
    for row, turn in zip(rows, turns, strict=True):
        if len(turn) != len(names):
            raise Rejected(row.word(), f"{len(turn)} values for {len(names)} names", _LST_USAGE)
    return Repetition(names, turns)


def _tuple(item: Text, prefix: Text) -> list[Text]:
    if not (item.text.startswith("{") and item.text.endswith("}")):
        raise Rejected(item.word(), f"'{item.text}' is not in braces", _LST_USAGE)
    return _items(item[1 : len(item.text) - 1], prefix, _LST_USAGE)


def _items(text: Text, prefix: Text, usage: str) -> list[Text]:
    """What commas outside braces separate, without the blanks around."""
    items = []
    start = depth = 0
    for index, character in enumerate(f"{text.text},"):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and (depth <= 0 or index == len(text.text)):
            item = text[start:index].stripped()
            if not item.text:
                raise Rejected(prefix.word(), f"a value is missing in '{prefix.text}'", usage)
            items.append(item)
            start = index + 1
    return items


def _name(item: Text) -> str:
    if not _NAME.fullmatch(item.text):
        raise Rejected(
            item.word(), f"'{item.text}' is not a name", "write letters, digits and underscores"
        )
    return item.text


def _number(item: Text) -> int:
    if not _NUMBER.fullmatch(item.text):
        raise Rejected(item.word(), f"'{item.text}' is not a number", _SEQ_USAGE)
    return int(item.text, 16 if "x" in item.text else 10)
