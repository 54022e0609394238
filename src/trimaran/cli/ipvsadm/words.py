"""How ipvsadm reads numbers, addresses and flags (ipvs-semantics 7.3). `None`: it is none."""

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from trimaran.cli.ipvsadm.options import UsageError
from trimaran.model.ip import IPAddress
from trimaran.model.service import FALLBACK, HASH_PORT, NO_FLAGS, Protocol, SchedulerFlag

_MOST_SECONDS = 31 * 24 * 3600

# strtol(3) to the base of ten: blanks and a sign may come before the digits.
_DIGITS = r"[ \t\n\v\f\r]*[+-]?[0-9]+"

_FLAGS = {
    "flag-1": (None, SchedulerFlag.FLAG_1),
    "flag-2": (None, SchedulerFlag.FLAG_2),
    "flag-3": (None, SchedulerFlag.FLAG_3),
    "sh-fallback": ("sh", FALLBACK),
    "sh-port": ("sh", HASH_PORT),
    "mh-fallback": ("mh", FALLBACK),
    "mh-port": ("mh", HASH_PORT),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, and a port if one is named."""

    address: IPAddress
    port: int | None


class BadFlag(ValueError):
    """A scheduler flag that is none, or of another scheduler."""


def number(text: str, least: int, most: int) -> int | None:
    """A decimal number within bounds."""
    if not re.fullmatch(_DIGITS, text) or not least <= int(text) <= most:
        return None
    return int(text)


def within(text: str, least: int, most: int, otherwise: str) -> int:
    """A decimal number within bounds; else a `UsageError` of this text."""
    found = number(text, least, most)
    if found is None:
        raise UsageError(otherwise)
    return found


def seconds(text: str, least: int) -> int:
    """A timeout, of 31 days at most. Raises `UsageError`."""
    return within(text, least, _MOST_SECONDS, f"invalid timeout value `{text}' specified")


def leading_number(text: str) -> int:
    """What atoi(3) makes of a text: the number that it begins with, or 0."""
    match = re.match(_DIGITS, text)
    return int(match[0]) if match else 0


def endpoint(text: str, protocol: Protocol | None) -> Endpoint | None:
    """`host`, `host:port`, `[v6]:port` or a bare v6 address; a number alone is no host.

    `protocol`: whose port names are meant; None: no names.
    """
    if re.fullmatch(r"[0-9]+", text):
        return None
    if text.startswith("["):
        inner, closed, rest = text[1:].partition("]")
        if not closed or not rest.startswith(":"):
            return None
        address = ipv6(inner)
        if address is not None:
            port = _port(rest[1:], protocol)
            return None if port is None else Endpoint(address, port)
        text = inner  # as ipvsadm does it: brackets are for IPv6, what is behind them is lost
    elif (address := ipv6(text)) is not None:
        return Endpoint(address, None)
    host, colon, named = text.rpartition(":")
    found = ipv4(host if colon else text)
    if found is None or not colon:
        return None if found is None else Endpoint(found, None)
    port = _port(named, protocol)
    return None if port is None else Endpoint(found, port)


def ipv4(host: str) -> IPv4Address | None:
    """An address as inet_aton(3) reads it, or of the host of this name."""
    if not host or host.startswith("<") or "\0" in host:  # of which Python thinks otherwise
        return None
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        pass
    try:
        return IPv4Address(socket.gethostbyname(host))
    except (OSError, ValueError):
        return None


def ipv6(text: str) -> IPv6Address | None:
    """An address as inet_pton(3) reads it: no names, no zones."""
    try:
        return IPv6Address(socket.inet_pton(socket.AF_INET6, text))
    except (OSError, ValueError):
        return None


def group(text: str) -> IPAddress | None:
    """A multicast address."""
    try:
        if ":" in text:
            address: IPAddress = IPv6Address(socket.inet_pton(socket.AF_INET6, text))
        else:
            address = IPv4Address(socket.inet_pton(socket.AF_INET, text))
    except (OSError, ValueError):
        return None
    return address if address.is_multicast else None


def flags(text: str, scheduler: str) -> SchedulerFlag:
    """A list of scheduler flags. Raises `BadFlag`."""
    found = NO_FLAGS
    for word in filter(None, text.split(",")):
        if word not in _FLAGS:
            raise BadFlag(f"invalid scheduler flag `{word}'")
        owner, flag = _FLAGS[word]
        if owner not in {None, scheduler}:
            raise BadFlag(f"incompatible scheduler flag `{word}'")
        found |= flag
    return found


def _port(text: str, protocol: Protocol | None) -> int | None:
    if re.fullmatch(_DIGITS, text):
        return number(text, 0, 65535)
    if protocol is None:
        return None
    try:
        return socket.getservbyname(text, protocol.lower())
    except (OSError, ValueError):
        return None
