"""The kinds of arguments that keywords take: text to typed values, or a reason why not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Interface
from typing import Generic, TypeVar

from trimaran.conf.schema import Argument, Arguments, Rejected, T
from trimaran.conf.suggest import nearest_name
from trimaran.conf.tokens import Word
from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress

Host = TypeVar("Host", IPv4Address, IPv6Address, IPAddress)
UINT32 = 2**32 - 1
_BROADCAST = IPv4Address(UINT32)
_BOOLEANS = dict.fromkeys(("on", "true", "yes"), True) | dict.fromkeys(
    ("off", "false", "no"), False
)
_WHOLE = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"([0-9]*)(?:\.([0-9]*))?")
_LONGEST_INTERFACE_NAME = 15
"""IFNAMSIZ - 1; address labels have the same limit."""


@dataclass(frozen=True)
class Flag:
    """No argument: the keyword alone says it."""

    usage: str = ""

    def read(self, arguments: Arguments) -> bool:
        return True


@dataclass(frozen=True)
class Text:
    """One word, taken as it is."""

    usage: str = "TEXT"

    def read(self, arguments: Arguments) -> str:
        word = arguments.take(self.usage)
        if not word.text:
            raise Rejected(word, f"'{arguments.keyword.text}' needs a value that is not empty")
        return word.text


@dataclass(frozen=True)
class Integer:
    """A whole number within bounds."""

    minimum: int
    maximum: int

    @cached_property
    def usage(self) -> str:
        return f"NUMBER ({self.minimum}-{self.maximum})"

    def read(self, arguments: Arguments) -> int:
        word = arguments.take(self.usage)
        return integer(arguments.keyword.text, word, self.minimum, self.maximum)


def integer(name: str, word: Word, minimum: int, maximum: int) -> int:
    """The number that a word is, within bounds; `name` says what of."""
    text = word.text
    whole = _WHOLE.fullmatch(text)
    # Python refuses to convert thousands of digits; no bound has more than ten.
    if whole and len(text) < 20 and minimum <= (value := int(text)) <= maximum:
        return value
    what = f"{name} {text} is out of range" if whole else f"{name} '{text}' is not a whole number"
    raise Rejected(word, what, f"write a number from {minimum} to {maximum}")


@dataclass(frozen=True)
class Seconds:
    """A decimal number of seconds, read as nanoseconds; the bounds are in nanoseconds."""

    minimum: int
    maximum: int
    decimals: int = 6

    @cached_property
    def usage(self) -> str:
        return f"SECONDS ({seconds(self.minimum)}-{seconds(self.maximum)})"

    def read(self, arguments: Arguments) -> int:
        word = arguments.take(self.usage)
        name, text = arguments.keyword.text, word.text
        form = _DECIMAL.fullmatch(text)
        whole, fraction = (form[1], form[2] or "") if form else ("", "")
        if not whole and not fraction:
            raise self._rejected(word, f"{name} '{text}' is not a number of seconds")
        if len(fraction) > self.decimals:
            allowed = f"at most {self.decimals} decimals" if self.decimals else "no decimals"
            raise self._rejected(word, f"{name} {text} has too many decimals: {allowed}")
        value = int(whole or "0") * SECOND + int(fraction.ljust(9, "0")) if len(whole) < 20 else -1
        if not self.minimum <= value <= self.maximum:
            raise self._rejected(word, f"{name} {text} is out of range")
        return value

    def _rejected(self, word: Word, what: str) -> Rejected:
        kind = "seconds" if self.decimals else "whole seconds"
        bounds = f"from {seconds(self.minimum)} to {seconds(self.maximum)}"
        return Rejected(word, what, f"write {kind} {bounds}")


def seconds(nanoseconds: int) -> str:
    """Nanoseconds as decimal seconds: `1`, `0.01`."""
    whole, fraction = divmod(nanoseconds, SECOND)
    return f"{whole}.{fraction:09}".rstrip("0") if fraction else str(whole)


@dataclass(frozen=True)
class Choice(Generic[T]):
    """One of a set of words. `later`: words of keepalived that are not supported."""

    values: Mapping[str, T]
    later: tuple[str, ...] = ()
    any_case: bool = False

    @cached_property
    def usage(self) -> str:
        return "|".join(self.values)

    def read(self, arguments: Arguments) -> T:
        word = arguments.take(self.usage)
        name, text = arguments.keyword.text, word.text
        said = text.upper() if self.any_case else text
        if said in self.values:
            return self.values[said]
        write = " or ".join(f"'{name} {value}'" for value in self.values)
        if said in self.later:
            raise Rejected(word, f"not supported: {name} {said}", f"write {write}")
        near = nearest_name(text, (*self.values, *self.later))
        advice = f"did you mean '{near}'?" if near else f"write {write}"
        raise Rejected(word, f"'{text}' is not a value of {name}", advice)


@dataclass(frozen=True)
class InterfaceName:
    """A name that the kernel takes for an interface; whether it exists is not asked here."""

    usage: str = "INTERFACE"

    def read(self, arguments: Arguments) -> str:
        word = arguments.take(self.usage)
        text = word.text
        if len(text.encode()) > _LONGEST_INTERFACE_NAME:
            raise Rejected(
                word,
                f"interface name '{text}' is too long",
                f"names have at most {_LONGEST_INTERFACE_NAME} characters",
            )
        if text in ("", ".", "..") or re.search(r"[/:\s]", text):
            raise Rejected(word, f"'{text}' is not a name of an interface")
        return text


@dataclass(frozen=True)
class Label:
    """An address label. That it starts with its device's name is checked with the device."""

    usage: str = "LABEL"

    def read(self, arguments: Arguments) -> str:
        word = arguments.take(self.usage)
        if len(word.text.encode()) > _LONGEST_INTERFACE_NAME:
            raise Rejected(
                word,
                f"label '{word.text}' is too long",
                f"labels have at most {_LONGEST_INTERFACE_NAME} characters",
            )
        return word.text


@dataclass(frozen=True)
class Optional(Generic[T]):
    """An argument that may be missing; `bare` is what the keyword alone means."""

    argument: Argument[T]
    bare: T

    @property
    def usage(self) -> str:
        return f"[{self.argument.usage}]"

    def read(self, arguments: Arguments) -> T:
        return self.bare if arguments.peek() is None else self.argument.read(arguments)


@dataclass(frozen=True)
class Boolean:
    """`on`, `true`, `yes`, `off`, `false`, `no`; the keyword alone means `on`."""

    usage: str = "[on|off]"

    def read(self, arguments: Arguments) -> bool:
        if arguments.peek() is None:
            return True
        word = arguments.take(self.usage)
        if word.text not in _BOOLEANS:
            name = arguments.keyword.text
            raise Rejected(
                word,
                f"'{word.text}' is not a value of {name}",
                f"write '{name} on' or '{name} off'",
            )
        return _BOOLEANS[word.text]


@dataclass(frozen=True)
class Address:
    """An IP address of one host, of either version."""

    usage: str = "ADDRESS"

    def read(self, arguments: Arguments) -> IPAddress:
        return address(arguments.take(self.usage))


def address(word: Word) -> IPAddress:
    """The address of one host that a word is; raises Rejected."""
    try:
        return host_address(word, ip_address(word.text))
    except ValueError:
        raise Rejected(
            word,
            f"'{word.text}' is not an IP address",
            "write an address such as 192.168.1.201 or 2001:db8::1",
        ) from None


def ip_address(text: str) -> IPAddress:
    """As `ipaddress.ip_address`, without zones. Raises ValueError."""
    return _ipv6_address(text) if ":" in text else IPv4Address(text)


def _ipv6_address(text: str) -> IPv6Address:
    if "%" in text:
        raise AddressValueError(text)
    return IPv6Address(text)


def host_address(word: Word, address: Host) -> Host:
    """The address, if one host can have it."""
    if address.is_multicast or address.is_unspecified or address == _BROADCAST:
        raise Rejected(word, f"'{address}' is not an address of a host", "write a unicast address")
    return address


def is_ipv6(text: str) -> bool:
    """Whether a text is an IPv6 address, with or without a prefix length."""
    try:
        IPv6Interface(text) if "/" in text else IPv6Address(text)
    except ValueError:
        return False
    return True
