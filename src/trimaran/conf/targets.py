"""Kinds of arguments of virtual services: what they answer for, real servers, ways to these."""

import re
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_network

from trimaran.conf.schema import Arguments, Rejected
from trimaran.conf.tokens import Word
from trimaran.conf.values import UINT32, address, integer, ip_address
from trimaran.model.ip import IPAddress
from trimaran.model.service import Forwarding, Tunnel, TunnelChecksum, TunnelType
from trimaran.model.timeouts import Timeouts

_MOST_OF_A_RANGE = 65536
_LONGEST_TIMEOUT = 31 * 24 * 3600
_TUNNEL = "TUN [type ipip|gue port PORT|gre] [nocsum|csum|remcsum]"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`ADDRESS [PORT]`; port 0: all, or the service's."""

    address: IPAddress
    port: int


@dataclass(frozen=True, slots=True)
class Mark:
    """`fwmark NUMBER [inet|inet6]`; `ipv6` None: it is not said which."""

    number: int
    ipv6: bool | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """`group NAME`: the entries of a virtual_server_group."""

    name: str


Target = Endpoint | Mark | Group
Members = tuple[Endpoint, ...] | Mark
"""What one entry of a group stands for."""


@dataclass(frozen=True, slots=True)
class Method:
    """How packets reach a real server. `tunnel` matters for `Forwarding.TUNNEL` only."""

    forwarding: Forwarding
    tunnel: Tunnel = field(default=Tunnel())


@dataclass(frozen=True)
class AddressAndPort:
    """`ADDRESS [PORT]`."""

    usage: str = "ADDRESS [PORT]"

    def read(self, arguments: Arguments) -> Endpoint:
        return Endpoint(address(arguments.take(self.usage)), _port(arguments))


@dataclass(frozen=True)
class ServiceTarget:
    """What a virtual_server answers for."""

    usage: str = "ADDRESS [PORT] | fwmark NUMBER | group NAME"

    def read(self, arguments: Arguments) -> Target:
        first = arguments.take(self.usage)
        if first.text == "fwmark":
            return Mark(_mark(arguments))
        if first.text == "group":
            return Group(arguments.take("NAME").text)
        return Endpoint(address(first), _port(arguments))


@dataclass(frozen=True)
class GroupEntry:
    """A line of a virtual_server_group. Ranges of ports are trimaran's own."""

    usage: str = "ADDRESS|FIRST-LAST|NETWORK/LENGTH [PORT|FIRST-LAST] | fwmark NUMBER [inet|inet6]"

    def read(self, arguments: Arguments) -> Members:
        first = arguments.take(self.usage)
        if first.text == "fwmark":
            number = _mark(arguments)
            family = arguments.peek()
            if family and family.text in ("inet", "inet6"):
                arguments.take("FAMILY")
                return Mark(number, family.text == "inet6")
            return Mark(number)
        addresses = _addresses(first)
        ports = _ports(arguments)
        _bounded(first, len(addresses) * len(ports), "services" if len(ports) > 1 else "addresses")
        return tuple(Endpoint(one, port) for one in addresses for port in ports)


@dataclass(frozen=True)
class MethodName:
    """`NAT`, `DR` or `TUN` with what a tunnel needs."""

    usage: str = f"NAT|DR|{_TUNNEL}"

    def read(self, arguments: Arguments) -> Method:
        word = arguments.take(self.usage)
        if word.text == "NAT":
            return Method(Forwarding.MASQUERADING)
        if word.text == "DR":
            return Method(Forwarding.DIRECT_ROUTING)
        if word.text == "TUN":
            return Method(Forwarding.TUNNEL, _tunnel(arguments, word))
        name = arguments.keyword.text
        advice = f"write '{name} NAT', '{name} DR' or '{name} TUN'"
        if word.text.upper() in ("NAT", "DR", "TUN"):
            advice = f"did you mean '{word.text.upper()}'?"
        raise Rejected(word, f"'{word.text}' is not a value of {name}", advice)


@dataclass(frozen=True)
class Granularity:
    """An IPv4 netmask, as its number, or the length of an IPv6 prefix."""

    usage: str = "NETMASK|LENGTH"

    def read(self, arguments: Arguments) -> tuple[int, bool]:
        """The number, and whether it is for IPv6."""
        word = arguments.take(self.usage)
        if word.text.isdecimal():
            return integer(arguments.keyword.text, word, 1, 128), True
        try:
            mask = int(IPv4Address(word.text))
        except ValueError:
            raise Rejected(
                word,
                f"'{word.text}' is not a netmask",
                "write one such as 255.255.255.0, or for IPv6 a length from 1 to 128",
            ) from None
        if mask == 0:
            raise Rejected(word, "with netmask 0.0.0.0 all clients would be one", "write another")
        return mask, False


@dataclass(frozen=True)
class ConnectionTimeouts:
    """`tcp SECONDS`, `tcpfin SECONDS` and `udp SECONDS`, any of them; 0 for those not named."""

    usage: str = "[tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]"

    def read(self, arguments: Arguments) -> Timeouts:
        seconds = dict.fromkeys(("tcp", "tcpfin", "udp"), 0)
        word = arguments.take(self.usage)
        while True:
            if word.text not in seconds:
                advice = f"write '{arguments.keyword.text} {self.usage}'"
                raise Rejected(word, f"'{word.text}' is no timeout", advice)
            value = arguments.take("SECONDS")
            seconds[word.text] = integer(word.text, value, 0, _LONGEST_TIMEOUT)
            if arguments.peek() is None:
                return Timeouts(*seconds.values())
            word = arguments.take(self.usage)


def _port(arguments: Arguments) -> int:
    return integer("port", arguments.take("PORT"), 0, 65535) if arguments.peek() else 0


def _ports(arguments: Arguments) -> range:
    word = arguments.peek()
    if word is None or "-" not in word.text:
        port = _port(arguments)
        return range(port, port + 1)
    arguments.take("PORT")
    start, _, end = word.text.partition("-")
    first = integer("port", word._replace(text=start), 1, 65535)
    last = integer("port", word._replace(text=end), 1, 65535)
    if last < first:
        raise Rejected(word, f"'{word.text}' is not a range of ports", "write '8000-8009'")
    return range(first, last + 1)


def _mark(arguments: Arguments) -> int:
    return integer("fwmark", arguments.take("NUMBER"), 1, UINT32)


def _tunnel(arguments: Arguments, last: Word) -> Tunnel:
    tunnel = Tunnel()
    while arguments.peek():
        last = arguments.take(_TUNNEL)
        if last.text == "type":
            kind = arguments.take("ipip|gue|gre")
            if kind.text not in tuple(TunnelType):
                raise Rejected(kind, f"'{kind.text}' is no type of tunnel", f"write '{_TUNNEL}'")
            tunnel = replace(tunnel, type=TunnelType(kind.text))
        elif last.text == "port":
            tunnel = replace(tunnel, port=integer("port", arguments.take("PORT"), 1, 65535))
        elif last.text in tuple(TunnelChecksum):
            tunnel = replace(tunnel, checksum=TunnelChecksum(last.text))
        else:
            raise Rejected(last, f"'{last.text}' is no option of a tunnel", f"write '{_TUNNEL}'")
    if (tunnel.type is TunnelType.GUE) != bool(tunnel.port):
        what = "needs a port" if tunnel.type is TunnelType.GUE else "has no port"
        raise Rejected(last, f"a tunnel of type {tunnel.type} {what}", f"write '{_TUNNEL}'")
    if tunnel.type is TunnelType.IPIP and tunnel.checksum is not TunnelChecksum.NONE:
        raise Rejected(last, "a tunnel of type ipip has no checksum", f"write '{_TUNNEL}'")
    return tunnel


def _addresses(word: Word) -> list[IPAddress]:
    text = word.text
    if "/" in text:
        return _network(word)
    if "-" not in text:
        return [address(word)]
    start, _, end = text.partition("-")
    first = address(word._replace(text=start))
    if re.fullmatch(r"[0-9]{1,3}", end) and first.version == 4:
        end = f"{start.rpartition('.')[0]}.{end}"
    elif re.fullmatch(r"[0-9A-Fa-f]{1,4}", end) and first.version == 6:
        end = str(IPv6Address(int(first) & ~0xFFFF | int(end, 16)))
    try:
        last = ip_address(end)
    except ValueError:
        last = None
    if last is None or last.version != first.version or int(last) < int(first):
        raise Rejected(
            word,
            f"'{text}' is not a range of addresses",
            "write '10.0.0.1-9' or '10.0.0.1-10.0.1.9'",
        )
    _bounded(word, int(last) - int(first) + 1, "addresses")
    return [type(first)(number) for number in range(int(first), int(last) + 1)]


def _network(word: Word) -> list[IPAddress]:
    try:
        network = ip_network(word.text)
    except ValueError:
        raise Rejected(
            word,
            f"'{word.text}' is not a network",
            "write ADDRESS/LENGTH; the bits behind LENGTH must be 0",
        ) from None
    _bounded(word, network.num_addresses, "addresses")
    return list(network)


def _bounded(word: Word, number: int, what: str) -> None:
    if number > _MOST_OF_A_RANGE:
        raise Rejected(
            word,
            f"'{word.text}' has {number} {what}",
            f"a range has at most {_MOST_OF_A_RANGE}; a fwmark can stand for any number",
        )
