"""The index by which replies of masqueraded servers are led to their connections (bpf/reply.h).

Server, port and protocol name the first of the destinations that are this server; each names the
next. A filter of one bit an address keeps all other packets from being looked up.
"""

import numpy as np

from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.addresses import KEY_SIZES, address_in, index_key, native
from trimaran.dataplane.xdp.layout import FILTER_WORDS, DestinationFlag
from trimaran.dataplane.xdp.records import server_key
from trimaran.dataplane.xdp.tables import Tables


class MasqueradeIndex:
    """Keeps map and filter so; a destination stays in for as long as its record does."""

    def __init__(self, tables: Tables) -> None:
        """Makes the index anew from the records, whatever a crash left."""
        self._tables = tables
        self._siblings: dict[bytes, list[int]] = {}
        flags = tables.destinations["flags"]
        for destination in np.flatnonzero(flags & DestinationFlag.MASQUERADED).tolist():
            self._siblings.setdefault(self._key(destination), []).append(destination)
        for version, index in tables.masqueraded.items():
            for present in list(libbpf.keys(index, KEY_SIZES[version])):
                if present not in self._siblings:
                    libbpf.delete(index, present)
        self._servers = [0] * FILTER_WORDS * 32
        tables.live["server_filter"][:] = 0
        tables.live["masqueraded"] = 0
        for key in self._siblings:
            self._link(key)
            self._count(key, 1)

    def _key(self, destination: int) -> bytes:
        record = self._tables.destinations[destination]
        # A server of all ports answers from any.
        port = int(record["translated_port"] or record["virtual_port"])
        address = server_key(self._tables, destination).address
        return index_key(address, port, int(record["protocol"]))

    def add(self, destination: int) -> None:
        """Replies of this destination's server will be found."""
        flags = self._tables.destinations["flags"]
        if int(flags[destination]) & DestinationFlag.MASQUERADED:
            return
        flags[destination] |= DestinationFlag.MASQUERADED
        key = self._key(destination)
        siblings = self._siblings.setdefault(key, [])
        siblings.append(destination)
        if len(siblings) > 1:
            self._tables.destinations["sibling"][destination] = 0
            self._tables.destinations["sibling"][siblings[-2]] = destination + 1
        else:
            self._link(key)
            self._count(key, 1)

    def remove(self, destination: int) -> None:
        """Before the record is freed."""
        key = self._key(destination)
        if destination not in self._siblings.get(key, ()):
            return
        self._siblings[key].remove(destination)
        self._link(key)
        if key not in self._siblings:
            self._count(key, -1)

    def _link(self, key: bytes) -> None:
        """Backwards, so that a packet on its way along finds all that stays."""
        following = 0
        for destination in reversed(self._siblings[key]):
            self._tables.destinations["sibling"][destination] = following
            following = destination + 1
        if following:
            value = (following - 1).to_bytes(4, "little")
            libbpf.update(self._index(key), key, value)
        else:
            libbpf.delete(self._index(key), key)
            del self._siblings[key]

    def _index(self, key: bytes) -> int:
        return self._tables.masqueraded[_version(key)]

    def _count(self, key: bytes, change: int) -> None:
        """Puts the address's bit into the filter, or takes it out with its last server."""
        address = address_in(key[:16], _version(key))
        bit = (native(address) * 0x9E3779B1 & 0xFFFFFFFF) >> 16
        self._servers[bit] += change
        live, word = self._tables.live, bit >> 5
        others = int(live["server_filter"][word]) & ~(1 << (bit & 31))
        live["server_filter"][word] = others | (self._servers[bit] > 0) << (bit & 31)
        live["masqueraded"] = len(self._siblings)


def _version(key: bytes) -> int:
    return next(version for version, size in KEY_SIZES.items() if size == len(key))
