"""Kinds of arguments of trackers."""

from dataclasses import dataclass

from trimaran.conf.schema import Arguments, Rejected
from trimaran.conf.values import integer

_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class WeightAs:
    """A weight, and whether what it adds is taken away instead."""

    number: int
    reverse: bool = False

    @property
    def signed(self) -> int:
        """As a factor of a number."""
        return -self.number if self.reverse else self.number

    def __str__(self) -> str:
        return f"{self.number} reverse" if self.reverse else str(self.number)


@dataclass(frozen=True)
class Weight:
    """A number from -`most` to `most`, perhaps with `reverse` behind it."""

    most: int

    @property
    def usage(self) -> str:
        return f"NUMBER (-{self.most}-{self.most}) [reverse|noreverse]"

    def read(self, arguments: Arguments) -> WeightAs:
        word = arguments.take(self.usage)
        number = integer(arguments.keyword.text, word, -self.most, self.most)
        direction = arguments.peek()
        if direction is None or direction.text not in ("reverse", "noreverse"):
            return WeightAs(number)
        arguments.take("reverse|noreverse")
        return WeightAs(number, direction.text == "reverse")


@dataclass(frozen=True)
class InitialNumber:
    """`[NUMBER] [overwrite]`: the number, and whether it replaces what is there."""

    usage: str = "[NUMBER] [overwrite]"

    def read(self, arguments: Arguments) -> tuple[int, bool]:
        number = 0
        word = arguments.peek()
        if word is not None and word.text != "overwrite":
            number = integer(
                arguments.keyword.text, arguments.take(self.usage), -_LARGEST, _LARGEST
            )
            word = arguments.peek()
        if word is not None and word.text != "overwrite":
            raise Rejected(word, f"'{word.text}' is not 'overwrite'", f"write '{self.usage}'")
        return number, word is not None and bool(arguments.take("overwrite"))


@dataclass(frozen=True)
class Words:
    """One or more words, taken as they are."""

    usage: str

    def read(self, arguments: Arguments) -> tuple[str, ...]:
        words = [arguments.take(self.usage).text]
        while arguments.peek() is not None:
            words.append(arguments.take(self.usage).text)
        return tuple(words)
