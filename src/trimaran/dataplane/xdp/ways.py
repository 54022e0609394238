"""The ways to real servers, in their records: MAC addresses, interfaces, MTUs."""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from trimaran.dataplane.base import Tunnel
from trimaran.dataplane.xdp import methods
from trimaran.dataplane.xdp.addresses import address_in, stored
from trimaran.dataplane.xdp.layout import DestinationFlag
from trimaran.dataplane.xdp.records import server_key, set_flags
from trimaran.dataplane.xdp.tables import Tables
from trimaran.model.ip import IPAddress
from trimaran.model.service import Forwarding

_ON_THE_WAY: Final = DestinationFlag.RESOLVED | DestinationFlag.REACHABLE
_LOCAL_OR_RESOLVED: Final = DestinationFlag.LOCAL | DestinationFlag.RESOLVED
UNSPECIFIED: Final = IPv4Address(0)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """How frames reach a next hop: its MAC, ours, the interface and its MTU in bytes.

    `source`: our address for packets of our own on this way (tunnels, errors).
    """

    mac: bytes
    source_mac: bytes
    ifindex: int
    mtu: int
    source: IPAddress = UNSPECIFIED


class Ways:
    """Writes what is known of the way to an address into all records of it."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._neighbours: dict[IPAddress, Neighbour] = {}
        self._local: frozenset[IPAddress] = frozenset()
        self._of_address: dict[IPAddress, set[int]] = {}

    def enter(self, destination: int, address: IPAddress) -> None:
        """From now on the record, of this address, is kept right."""
        self._of_address.setdefault(address, set()).add(destination)

    def leave(self, destination: int) -> None:
        """Before the record is freed."""
        address = server_key(self._tables, destination).address
        sharing = self._of_address[address]
        sharing.discard(destination)
        if not sharing:
            del self._of_address[address]

    def addresses(self) -> set[IPAddress]:
        """Addresses of all destinations that packets may still go to."""
        return {*self._of_address}

    def recall(self, destination: int) -> None:
        """What an earlier owner of the tables knew of the way there holds until contradicted."""
        record = self._tables.destinations[destination]
        address = server_key(self._tables, destination).address
        overhead = methods.overhead(address.version, *methods.read(self._tables, destination))
        if int(record["flags"]) & DestinationFlag.LOCAL:
            self._local |= {address}
        elif int(record["flags"]) & DestinationFlag.RESOLVED:
            self._neighbours[address] = Neighbour(
                record["mac"].tobytes(),
                record["source_mac"].tobytes(),
                int(record["interface"]),
                int(record["mtu"]) + overhead,
                address_in(record["source"], address.version),
            )

    def set_local(self, addresses: Collection[IPAddress]) -> None:
        """Which addresses are the director's own: packets for these go up its own stack."""
        before, self._local = self._local, frozenset(addresses)
        for address in before ^ self._local:
            self._resolve_all(address)

    def set_neighbour(self, address: IPAddress, neighbour: Neighbour | None) -> None:
        """How to reach a destination; None: no longer known (connections use the last way)."""
        if neighbour is None:
            self._neighbours.pop(address, None)
        else:
            self._neighbours[address] = neighbour
        self._resolve_all(address)

    def _resolve_all(self, address: IPAddress) -> None:
        for destination in self._of_address.get(address, ()):
            self.resolve(destination, address, *methods.read(self._tables, destination))

    def resolve(
        self, destination: int, address: IPAddress, forwarding: Forwarding, tunnel: Tunnel
    ) -> None:
        """Writes the way to a server into its record, if there is one."""
        tables = self._tables
        if address in self._local or forwarding is Forwarding.LOCAL:
            set_flags(tables, destination, put=DestinationFlag.LOCAL, clear=_ON_THE_WAY)
            return
        neighbour = self._neighbours.get(address)
        if neighbour is None:
            set_flags(tables, destination, clear=_LOCAL_OR_RESOLVED)
            return
        # Two stores of eight bytes: the first changes when only the server's MAC does.
        record = tables.destinations[destination : destination + 1].view("<u8")
        way = neighbour.mac + neighbour.source_mac + neighbour.ifindex.to_bytes(4, "little")
        record[0] = int.from_bytes(way[:8], "little")
        record[1] = int.from_bytes(way[8:], "little")
        tables.destinations["source"][destination] = stored(neighbour.source)
        overhead = methods.overhead(address.version, forwarding, tunnel)
        tables.destinations["mtu"][destination] = min(neighbour.mtu, 0xFFFF) - overhead
        set_flags(tables, destination, put=_ON_THE_WAY, clear=DestinationFlag.LOCAL)
