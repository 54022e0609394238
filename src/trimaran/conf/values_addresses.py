"""Kinds of arguments of virtual addresses, and of where advertisements go."""

import re
from dataclasses import dataclass
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Interface,
    IPv6Interface,
    NetmaskValueError,
)
from typing import Final

from trimaran.conf.schema import Arguments, Rejected
from trimaran.conf.tokens import Word
from trimaran.conf.values import host_address, integer, ip_address
from trimaran.model.ip import IPAddress

Interface = IPv4Interface | IPv6Interface

_SCOPES: Final = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
_FOR_EVER: Final = "forever"


@dataclass(frozen=True)
class AddressAndPrefix:
    """`ADDRESS[/LENGTH]`, of either version; without a length that of the address alone."""

    usage: str = "ADDRESS/LENGTH"

    def read(self, arguments: Arguments) -> Interface:
        word = arguments.take(self.usage)
        return interface(word, "write it as 192.168.1.10/24 or 2001:db8::10/64")


def interface(word: Word, advice: str) -> Interface:
    """An address with the length of its prefix; raises Rejected."""
    text, slash, length = word.text.partition("/")
    try:
        host = host_address(word, ip_address(text))
    except AddressValueError:
        raise Rejected(word, f"'{word.text}' is not an IP address", advice) from None
    longest = host.max_prefixlen
    if slash and not (re.fullmatch(r"[0-9]{1,3}", length) and 1 <= int(length) <= longest):
        raise Rejected(
            word,
            f"prefix length '{length}' is out of range",
            f"write a number from 1 to {longest}",
        )
    prefix = int(length) if slash else longest
    if isinstance(host, IPv4Address):
        return IPv4Interface((host, prefix))
    return IPv6Interface((host, prefix))


@dataclass(frozen=True)
class MulticastAddress:
    """A multicast group of one IP version."""

    version: int
    usage: str = "GROUP"

    def read(self, arguments: Arguments) -> IPAddress:
        word = arguments.take(self.usage)
        example = "224.0.0.18" if self.version == 4 else "ff02::12"
        try:
            group = ip_address(word.text)
        except (AddressValueError, NetmaskValueError):
            group = None
        if group is None or group.version != self.version or not group.is_multicast:
            raise Rejected(
                word,
                f"'{word.text}' is not an IPv{self.version} multicast group",
                f"write a group such as {example}",
            )
        return group


@dataclass(frozen=True)
class Group:
    """A multicast group of either IP version."""

    usage: str = "GROUP"

    def read(self, arguments: Arguments) -> IPAddress:
        word = arguments.peek()
        version = 6 if word is not None and ":" in word.text else 4
        return MulticastAddress(version).read(arguments)


@dataclass(frozen=True)
class Scope:
    """A scope by its name or number (rt_scopes)."""

    usage: str = "|".join(_SCOPES)

    def read(self, arguments: Arguments) -> int:
        word = arguments.take(self.usage)
        if word.text in _SCOPES:
            return _SCOPES[word.text]
        if not word.text.isdecimal():
            names = ", ".join(_SCOPES)
            raise Rejected(word, f"'{word.text}' is not a scope", f"write one of {names}")
        return integer(arguments.keyword.text, word, 0, 255)


@dataclass(frozen=True)
class Broadcast:
    """A broadcast address; `+` or `-`: the network's with all its host bits 1 or 0."""

    usage: str = "ADDRESS|+|-"

    def read(self, arguments: Arguments) -> IPv4Address | str:
        word = arguments.take(self.usage)
        if word.text in ("+", "-"):
            return word.text
        try:
            return IPv4Address(word.text)
        except AddressValueError:
            advice = "write an IPv4 address, + or -"
            raise Rejected(word, f"'{word.text}' is not a broadcast address", advice) from None


@dataclass(frozen=True)
class Lifetime:
    """Seconds, or `forever` (None)."""

    usage: str = "SECONDS|forever"

    def read(self, arguments: Arguments) -> int:
        word = arguments.take(self.usage)
        if word.text == _FOR_EVER:
            return -1
        return integer(arguments.keyword.text, word, 0, 2**32 - 2)
