"""Numbers as people write them: 1.5G, 10Gbit, 1.9M, 80%, 1/3. Exact: read as fractions.

Prefixes are decimal (k, M, G, T), as link speeds are. Raises UnitError, whose message says what
would be right; the caller says where the text stood.
"""

import re
from fractions import Fraction

_PREFIXES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,18})?"
_BITS = ("", "bit", "bit/s", "bps")
_PACKETS = ("", "pps")


class UnitError(ValueError):
    """A text is not the number that is asked for."""


def rate(text: str) -> Fraction:
    """Bits per second: `1G`, `1.5Gbit`, `100Mbit/s`, `10Gbps`."""
    return _quantity(text, _BITS, "1.5G, 750M or 10Gbit")


def packet_rate(text: str) -> Fraction:
    """Packets per second: `1.9M`, `800kpps`."""
    return _quantity(text, _PACKETS, "1.9M or 800k")


def amount(text: str) -> Fraction:
    """A number of things, such as connections: `3M`, `250k`."""
    return _quantity(text, ("",), "3M or 250k")


def share(text: str) -> Fraction:
    """A part of a whole, above 0 and at most 1: `80%` or `0.8`."""
    form = re.fullmatch(rf"({_NUMBER})\s*(%?)", text.strip())
    if form is None:
        raise UnitError(_not_a_number(text, "80% or 0.8"))
    value = Fraction(form[1]) / (100 if form[2] else 1)
    if value <= 0:
        raise UnitError(f"'{text}' must be above zero: write 80% or 0.8")
    if value > 1:
        likely = f"{form[1]}% or " if not form[2] and value <= 100 else ""
        raise UnitError(f"'{text}' is more than all: write {likely}a number up to 1")
    return value


def weight(text: str) -> Fraction:
    """A VIP's share of the traffic, in any unit: `0.3`, `7`, `1/3`."""
    form = re.fullmatch(rf"({_NUMBER})(?:/([0-9]{{1,18}}))?", text.strip())
    if form is None:
        raise UnitError(_not_a_number(text, "0.3, 7 or 1/3"))
    divisor = int(form[2] or 1)
    if not divisor or not (value := Fraction(form[1]) / divisor):
        raise UnitError(f"'{text}' must be above zero: write 0.3, 7 or 1/3")
    return value


def quantity_text(value: Fraction, unit: str = "", like: Fraction | None = None) -> str:
    """A quantity for people, rounded to four digits: `750 Mbit/s`, `0.3333`.

    `like`: take the prefix that this one would have: `0.75 Gbit/s`, beside links of 1 Gbit/s.
    """
    prefix = max(
        (p for p, factor in _PREFIXES.items() if factor <= (like or value)),
        key=_PREFIXES.__getitem__,
        default="",
    )
    number = f"{float(value / _PREFIXES[prefix]):.4g}"
    return f"{number} {prefix}{unit}" if unit else f"{number}{prefix}"


def _quantity(text: str, units: tuple[str, ...], examples: str) -> Fraction:
    form = re.fullmatch(rf"({_NUMBER})\s*([kMGT]?)([A-Za-z/]*)", text.strip())
    if form is None:
        raise UnitError(_not_a_number(text, examples))
    number, prefix, unit = form.groups()
    if unit not in units:
        raise UnitError(_unknown_unit(text, number, prefix, unit, units, examples))
    value = Fraction(number) * _PREFIXES[prefix]
    if value <= 0:
        raise UnitError(f"'{text}' must be above zero: write {examples}")
    return value


def _unknown_unit(
    text: str, number: str, prefix: str, unit: str, units: tuple[str, ...], examples: str
) -> str:
    if units is _BITS and unit in ("b", "b/s"):
        return f"'{text}' may mean bits or bytes: write {number}{prefix} for bits per second"
    if units is _BITS and unit in ("B", "B/s", "Byte", "byte"):
        bits = f"{float(Fraction(number) * 8):.15g}{prefix}"
        return f"'{text}' is in bytes, links are in bits per second: write {bits}"
    if unit[:1] in ("K", "m", "g", "t") and unit[1:] in units:
        other = unit[0].lower() if unit[0] == "K" else unit[0].upper()
        return f"'{text}': there is no prefix '{unit[0]}': write {number}{other}"
    if unit[:1] == "i":
        return f"'{text}': link speeds have decimal prefixes: write {examples}"
    return f"'{text}' has an unknown unit '{prefix}{unit}': write {examples}"


def _not_a_number(text: str, examples: str) -> str:
    if re.fullmatch(r"[0-9]+,[0-9]+.*", text.strip()):
        return f"'{text}' has a decimal comma: write {text.strip().replace(',', '.', 1)}"
    if re.fullmatch(rf"-{_NUMBER}.*", text.strip()):
        return f"'{text}' must be above zero: write {examples}"
    return f"'{text}' is not a number: write {examples}"
