"""Kinds of arguments of `bfd_instance`."""

import re
from dataclasses import dataclass

from trimaran.conf.schema import Arguments, Rejected
from trimaran.model.duration import MICROSECOND, MILLISECOND

_NUMBER = re.compile(r"([0-9]{1,10})(?:\.([0-9]{0,3}))?", re.ASCII)
LONGEST = (2**32 - 1) * MICROSECOND
"""An interval is 32 bits of microseconds in a packet (RFC 5880, 4.1)."""


@dataclass(frozen=True)
class Milliseconds:
    """A decimal number of milliseconds, read as nanoseconds; the bounds are in nanoseconds."""

    minimum: int = MILLISECOND
    maximum: int = LONGEST

    @property
    def usage(self) -> str:
        return f"MILLISECONDS ({milliseconds(self.minimum)}-{milliseconds(self.maximum)})"

    def read(self, arguments: Arguments) -> int:
        word = arguments.take(self.usage)
        name, text = arguments.keyword.text, word.text
        bounds = f"from {milliseconds(self.minimum)} to {milliseconds(self.maximum)}"
        advice = f"write milliseconds {bounds}, with up to 3 decimals"
        form = _NUMBER.fullmatch(text)
        if form is None:
            raise Rejected(word, f"{name} '{text}' is not a number of milliseconds", advice)
        value = int(form[1]) * MILLISECOND + int((form[2] or "").ljust(3, "0")) * MICROSECOND
        if not self.minimum <= value <= self.maximum:
            raise Rejected(word, f"{name} {text} is out of range", advice)
        return value


def milliseconds(nanoseconds: int) -> str:
    """Nanoseconds as decimal milliseconds: `10`, `3.312`."""
    whole, rest = divmod(nanoseconds, MILLISECOND)
    return f"{whole}.{rest // MICROSECOND:03}".rstrip("0") if rest else str(whole)
