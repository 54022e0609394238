"""Kinds of arguments of `SMTP_CHECK`, `DNS_CHECK` and `UDP_CHECK`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from trimaran.conf.schema import Arguments, Rejected
from trimaran.conf.values import integer

_HOST = re.compile(r"[!-~]{1,255}", re.ASCII)
_LABEL = re.compile(r"[!-\[\]-~]{1,63}", re.ASCII)
_LONGEST_DOMAIN = 253


@dataclass(frozen=True)
class Host:
    """A name that a protocol's line can carry."""

    usage: str = "NAME"

    def read(self, arguments: Arguments) -> str:
        word = arguments.take(self.usage)
        if not _HOST.fullmatch(word.text):
            raise Rejected(word, f"'{word.text}' is not a name of a host")
        return word.text


@dataclass(frozen=True)
class DomainName:
    """A domain name (RFC 1035, 2.3.4), without escapes."""

    usage: str = "DOMAIN"

    def read(self, arguments: Arguments) -> str:
        word = arguments.take(self.usage)
        text = word.text.removesuffix(".")
        labels = text.split(".") if text else []
        if len(text) > _LONGEST_DOMAIN or not all(map(_LABEL.fullmatch, labels)):
            raise Rejected(
                word,
                f"'{word.text}' is not a domain name",
                "write one such as www.example.org, of labels with at most 63 characters",
            )
        return f"{text}."


@dataclass(frozen=True)
class HexBytes:
    """Bytes as hexadecimal digits, in one or more words."""

    usage: str = "HEX ..."

    def read(self, arguments: Arguments) -> bytes:
        return bytes(value for value, _ in _bytes(arguments, self.usage, "[0-9A-Fa-f]"))


@dataclass(frozen=True)
class HexPattern:
    """As `HexBytes`, with `x` for any digit: for each byte its value and a mask."""

    usage: str = "HEX ..."

    def read(self, arguments: Arguments) -> tuple[tuple[int, int], ...]:
        return tuple(_bytes(arguments, self.usage, "[0-9A-Fa-fxX]"))


def _bytes(arguments: Arguments, usage: str, digit: str) -> Iterator[tuple[int, int]]:
    first = True
    while first or arguments.peek():
        first = False
        word = arguments.take(usage)
        if not re.fullmatch(f"(?:{digit}{digit})+", word.text):
            raise Rejected(
                word,
                f"'{word.text}' is not bytes in hexadecimal",
                "write two digits for each, such as 00ff",
            )
        for position in range(0, len(word.text), 2):
            pair = word.text[position : position + 2].lower()
            mask = int("".join("0" if one == "x" else "f" for one in pair), 16)
            yield int(pair.replace("x", "0"), 16), mask


@dataclass(frozen=True)
class SignedWeight:
    """A number from -`most` to `most`; with `reverse` behind it, its negative."""

    most: int

    @property
    def usage(self) -> str:
        return f"NUMBER (-{self.most}-{self.most}) [reverse|noreverse]"

    def read(self, arguments: Arguments) -> int:
        word = arguments.take(self.usage)
        weight = integer(arguments.keyword.text, word, -self.most, self.most)
        direction = arguments.peek()
        if direction is None or direction.text not in ("reverse", "noreverse"):
            return weight
        arguments.take("reverse|noreverse")
        return -weight if direction.text == "reverse" else weight
