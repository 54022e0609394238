"""Connection entries: `ipvsadm -L -c` (ipvs-semantics 7.5)."""

from collections.abc import Iterable, Iterator
from functools import cache

from trimaran.dataplane.base import Connection
from trimaran.dataplane.blocks import ConnectionBlock
from trimaran.model.service import endpoint
from trimaran.views.ipvsadm.names import Name, numeric

_TITLE = "IPVS connection entries\n"
_COLUMNS = "pro expire state       source             virtual            destination"


def connections(
    entries: Iterable[Connection], name: Name = numeric, *, engines: bool = False
) -> Iterator[str]:
    """Yield lines, in the order given. `engines`: with the data of persistence engines."""
    yield _heading(engines=engines)
    for entry in entries:
        yield _row(entry, name, engines=engines)


def _row(entry: Connection, name: Name = numeric, *, engines: bool = False) -> str:
    protocol = entry.protocol
    row = (
        f"{protocol:3} {_clock(entry.expires)} {entry.state:11} "
        f"{name(protocol, entry.client, entry.client_port):18} "
        f"{name(protocol, entry.virtual, entry.virtual_port):18} "
    )
    destination = name(protocol, entry.destination.address, entry.destination.port)
    if engines and entry.engine:
        return f"{row}{destination:16} {entry.engine:18} {entry.engine_data}\n"
    return f"{row}{destination}\n"


def blocks(parts: Iterable[ConnectionBlock]) -> Iterator[str]:
    """Yield the same in numbers, for a great many connections: many lines at a time."""
    yield _heading(engines=False)
    octets = [f"{number}." for number in range(256)]
    around: list[tuple[str, str, str]] = []
    for block in parts:
        around += map(_around, block.kinds[len(around) :])
        if block.is_ipv6:
            yield "".join(map(_row, block.connections()))
            continue
        a, b, c, d = block.clients.astype(">u4").view("u1").reshape(-1, 4).T.tolist()
        columns = (block.kind, a, b, c, d, block.client_ports.tolist(), block.expires.tolist())
        lines = []
        for kind, a, b, c, d, port, expires in zip(*columns, strict=True):
            protocol, state, rest = around[kind]
            client = f"{octets[a]}{octets[b]}{octets[c]}{d}:{port}"
            lines.append(f"{protocol}{_clock(expires)}{state}{client:18}{rest}")
        yield "".join(lines)


def _around(kind: Connection) -> tuple[str, str, str]:
    """What is before the minutes, between them and the client, and behind it."""
    virtual = endpoint(kind.virtual, kind.virtual_port)
    destination = endpoint(kind.destination.address, kind.destination.port)
    return f"{kind.protocol:3} ", f" {kind.state:11} ", f" {virtual:18} {destination}\n"


def _heading(*, engines: bool = False) -> str:
    """The lines above the entries. The columns for engines do not stand above their rows."""
    more = f"        {'pe name':16} pe_data" if engines else ""
    return f"{_TITLE}{_COLUMNS}{more}\n"


@cache
def _clock(seconds: int) -> str:
    return f"{f'{seconds // 60:02}:{seconds % 60:02}':6}"
