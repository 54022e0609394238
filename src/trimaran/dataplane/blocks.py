"""Connections by the thousand, as columns: a million of them is too many to make a value of each.

What few have in common is a value; what is each one's own is a number in an array. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from trimaran.dataplane.base import Connection


@dataclass(frozen=True, slots=True)
class ConnectionBlock:
    """Some connections. `kinds`: what they may be like, client and expiry apart; then, in arrays
    of equal length, which of these each one is, its client, the client's port, and seconds left."""

    kinds: Sequence[Connection]
    kind: NDArray[Any]
    clients: NDArray[Any]
    client_ports: NDArray[Any]
    expires: NDArray[Any]

    def connections(self) -> Iterator[Connection]:
        """Each as a value."""
        columns = (self.kind, self.clients, self.client_ports, self.expires)
        for kind, client, port, left in zip(*(c.tolist() for c in columns), strict=True):
            yield replace(
                self.kinds[kind], client=IPv4Address(client), client_port=port, expires=left
            )


@runtime_checkable
class InBlocks(Protocol):
    """A view that can show its connections so."""

    def connection_blocks(self) -> Iterator[ConnectionBlock]: ...
