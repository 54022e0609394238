"""Connections by the thousand, as columns: a million of them is too many to make a value of each.

What few have in common is a value; what is each one's own is a number in an array. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from trimaran.dataplane.base import Connection
from trimaran.model.ip import IPAddress

if TYPE_CHECKING:  # numpy takes long to import, and a dataplane without blocks needs none
    from numpy.typing import NDArray

    Column: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ConnectionBlock:
    """Some connections. `kinds`: what they may be like, client and expiry apart (a list that grows
    from block to block); then, in columns, which of these each one is, its client, the client's
    port, and seconds left."""

    kinds: Sequence[Connection]
    kind: Sequence[int]
    clients: "Column"
    client_ports: "Column"
    expires: "Column"

    def connections(self) -> Iterator[Connection]:
        """Each as a value."""
        columns = (self.client_ports.tolist(), self.expires.tolist())
        for kind, client, port, left in zip(self.kind, self._clients(), *columns, strict=True):
            yield replace(self.kinds[kind], client=client, client_port=port, expires=left)

    def _clients(self) -> Iterator[IPAddress]:
        if self.is_ipv6:
            return (IPv6Address(bytes(address)) for address in self.clients)
        return map(IPv4Address, self.clients.tolist())

    @property
    def is_ipv6(self) -> bool:
        """Whether the clients are rows of sixteen bytes; else they are numbers."""
        return self.clients.ndim > 1


@runtime_checkable
class InBlocks(Protocol):
    """A view that can show its connections so."""

    def connection_blocks(self) -> Iterator[ConnectionBlock]: ...
