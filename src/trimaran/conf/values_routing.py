"""Kinds of arguments of routes and rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from trimaran.conf.schema import Arguments, Rejected
from trimaran.conf.tokens import Word
from trimaran.conf.values import UINT32, integer, ip_address
from trimaran.model.routing import Network, RouteKind

TABLES = {"main": 254, "local": 255, "default": 253}
SCOPES = {"global": 0, "universe": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
PROTOCOLS = {"kernel": 2, "boot": 3, "static": 4, "keepalived": 18}
_EVERYTHING = {"default": "0.0.0.0/0", "default6": "::/0"}
_KINDS = {kind.name.lower(): kind for kind in RouteKind}


@dataclass(frozen=True)
class Prefix:
    """`ADDRESS[/LENGTH]`, or `default`."""

    usage: str = "ADDRESS[/LENGTH]"

    def read(self, arguments: Arguments) -> Network:
        return network(arguments.take(self.usage))


def network(word: Word) -> Network:
    """The prefix that a word is; raises Rejected."""
    text, _, length = _EVERYTHING.get(word.text, word.text).partition("/")
    try:
        address = ip_address(text)
    except ValueError:
        raise Rejected(
            word, f"'{word.text}' is not a network", "write one such as 192.168.2.0/24"
        ) from None
    most: int = address.max_prefixlen
    bits = most
    if length:
        if not re.fullmatch(r"[0-9]{1,3}", length) or int(length) > most:
            raise Rejected(
                word,
                f"prefix length '{length}' is out of range",
                f"write a number from 0 to {most}",
            )
        bits = int(length)
    if int(address) & ((1 << (most - bits)) - 1):
        raise Rejected(
            word,
            f"'{word.text}' has bits behind its prefix",
            "write the address of the network itself, or a longer prefix",
        )
    return Network(address, bits)


@dataclass(frozen=True)
class Destination:
    """What a route begins with: a kind if it is no usual one, a destination if no option comes
    first (which then are `src`, `to`, ...)."""

    options: tuple[str, ...]
    usage: str = "[blackhole|unreachable|prohibit|throw] [DESTINATION]"

    def read(self, arguments: Arguments) -> tuple[RouteKind, Network | None]:
        kind = RouteKind.UNICAST
        word = arguments.peek()
        if word is not None and word.text in _KINDS:
            kind = _KINDS[arguments.take(self.usage).text]
            word = arguments.peek()
        if word is not None and word.text in self.options:
            return kind, None
        return kind, network(arguments.take(self.usage))


@dataclass(frozen=True)
class Nothing:
    """What a rule begins with: an option."""

    usage: str = ""

    def read(self, arguments: Arguments) -> bool:
        return True


@dataclass(frozen=True)
class Named:
    """A number, or one of the names that stand for numbers."""

    names: Mapping[str, int]
    most: int

    @property
    def usage(self) -> str:
        return "|".join((*self.names, f"NUMBER (0-{self.most})"))

    def read(self, arguments: Arguments) -> int:
        word = arguments.take(self.usage)
        if word.text in self.names:
            return self.names[word.text]
        if not word.text.isdecimal():
            raise Rejected(
                word,
                f"'{word.text}' is not a name that every host knows",
                "write the number instead",
            )
        return integer(arguments.keyword.text, word, 0, self.most)


@dataclass(frozen=True)
class Hexadecimal:
    """A number, in hexadecimal with `0x` before it."""

    most: int
    usage: str = "NUMBER"

    def read(self, arguments: Arguments) -> int:
        return _number(arguments.take(self.usage), arguments.keyword.text, self.most)


@dataclass(frozen=True)
class MarkAndMask:
    """`MARK[/MASK]`."""

    usage: str = "MARK[/MASK]"

    def read(self, arguments: Arguments) -> tuple[int, int]:
        word = arguments.take(self.usage)
        mark, slash, mask = word.text.partition("/")
        values = [_parsed(text) for text in ((mark, mask) if slash else (mark, str(UINT32)))]
        if any(value is None or value > UINT32 for value in values):
            raise Rejected(word, f"'{word.text}' is not a mark", "write one such as 0x1/0xff")
        first, second = values
        assert first is not None
        assert second is not None
        return first, second


def _number(word: Word, name: str, most: int) -> int:
    value = _parsed(word.text)
    if value is None or value > most:
        raise Rejected(word, f"{name} '{word.text}' is out of range", f"write 0 to {most}")
    return value


def _parsed(text: str) -> int | None:
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", text):
        return int(text, 16)
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else None
