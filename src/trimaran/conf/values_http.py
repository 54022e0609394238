"""Kinds of arguments of `HTTP_GET` and `SSL_GET`."""

import re
from dataclasses import dataclass

from trimaran.conf.schema import Arguments, Rejected
from trimaran.conf.values import integer

_PRINTABLE = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True)
class PagePath:
    """The path of a page, with its query: what a request line can carry."""

    usage: str = "PATH"

    def read(self, arguments: Arguments) -> str:
        word = arguments.take(self.usage)
        # RFC 9112, 3: a request line is split at blanks. keepalived sends them all the same.
        if not _PRINTABLE.fullmatch(word.text):
            raise Rejected(
                word, f"'{word.text}' is not a path of a URL", "write %20 for a blank, no controls"
            )
        return word.text


@dataclass(frozen=True)
class HostName:
    """What a `Host` header or SNI can carry."""

    usage: str = "NAME"

    def read(self, arguments: Arguments) -> str:
        word = arguments.take(self.usage)
        if not _PRINTABLE.fullmatch(word.text):
            raise Rejected(word, f"'{word.text}' is not a name of a host")
        return word.text


@dataclass(frozen=True)
class Digest:
    """An MD5 in hexadecimal, also as `genhash` prints it: `MD5SUM = ...`."""

    usage: str = "MD5"

    def read(self, arguments: Arguments) -> str:
        word = arguments.take(self.usage)
        if word.text == "MD5SUM" and (sign := arguments.peek()) and sign.text == "=":
            arguments.take("=")
            word = arguments.take(self.usage)
        if not re.fullmatch(r"[0-9A-Fa-f]{32}", word.text):
            raise Rejected(
                word, f"'{word.text}' is not an MD5 digest", "write its 32 hexadecimal digits"
            )
        return word.text.lower()


@dataclass(frozen=True)
class StatusCodes:
    """`CODE` and `FIRST-LAST`, one or more."""

    usage: str = "CODE|FIRST-LAST ... (100-599)"

    def read(self, arguments: Arguments) -> tuple[tuple[int, int], ...]:
        ranges: list[tuple[int, int]] = []
        while arguments.peek() or not ranges:
            word = arguments.take(self.usage)
            first, dash, last = word.text.partition("-")
            low = integer("status_code", word._replace(text=first), 100, 599)
            high = integer("status_code", word._replace(text=last), 100, 599) if dash else low
            if high < low:
                raise Rejected(word, f"'{word.text}' ends before it starts", f"write {high}-{low}")
            ranges.append((low, high))
        return tuple(ranges)


@dataclass(frozen=True)
class Names:
    """One or more of a set of words."""

    names: tuple[str, ...]

    @property
    def usage(self) -> str:
        return "NAME ..."

    def read(self, arguments: Arguments) -> tuple[str, ...]:
        said: list[str] = []
        while arguments.peek() or not said:
            word = arguments.take(self.usage)
            if word.text not in self.names:
                raise Rejected(
                    word,
                    f"not supported: {arguments.keyword.text} {word.text}",
                    f"there are {', '.join(self.names)}",
                )
            said.append(word.text)
        return tuple(said)
