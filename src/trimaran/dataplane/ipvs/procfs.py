"""The connection table as the kernel lists it: /proc/net/ip_vs_conn (ipvs-semantics 6.3). Pure."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from trimaran.dataplane.base import Connection
from trimaran.model.ip import IPAddress
from trimaran.model.service import ServerKey


def connections(lines: Iterable[str]) -> Iterator[Connection]:
    """The connections in the file's lines, the first of which is the heading.

    What is no connection (the rest of a Call-ID with a line's end in it) is passed over.
    """
    for line in lines:
        try:
            yield _connection(line)
        except ValueError:
            continue


def _connection(line: str) -> Connection:
    fields = line.split(maxsplit=9)
    protocol, client, client_port, virtual, virtual_port = fields[:5]
    address, port, state, expires, *rest = fields[5:]
    engine, _, data = rest[0].rstrip("\n").partition(" ") if rest else ("", "", "")
    return Connection(
        protocol,
        _address(client),
        _port(client_port),
        _address(virtual),
        _port(virtual_port),
        ServerKey(_address(address), _port(port)),
        state,
        _number(expires, 10, 0xFFFFFFFF),
        engine,
        data,
    )


def _address(text: str) -> IPAddress:
    return IPv4Address(int(text, 16)) if len(text) == 8 else IPv6Address(text)


def _port(text: str) -> int:
    return _number(text, 16, 0xFFFF)


def _number(text: str, base: int, most: int) -> int:
    if not 0 <= (number := int(text, base)) <= most:
        raise ValueError("not a number of this file")
    return number
