"""How the advertisements of a virtual router travel."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from trimaran.model.ip import IPAddress

PROTOCOL: Final = 112
"""IP protocol."""
GROUP: Final = IPv4Address("224.0.0.18")
GROUP6: Final = IPv6Address("ff02::12")
"""The multicast groups of VRRP (RFC 9568, 5.1.1.2 and 5.1.2.2)."""
LARGEST_TTL: Final = 255


@dataclass(frozen=True, slots=True)
class Peer:
    """An entry of `unicast_peer`, and the TTL or hop limit that its packets must have left."""

    address: IPAddress
    min_ttl: int = 0
    max_ttl: int = LARGEST_TTL


@dataclass(frozen=True, slots=True)
class Transport:
    """To a multicast `group`, or to each of `peers` if they are given, even if there are none.

    The family of `group` is that of the virtual router. `source`: the address to send from, None:
    the interface's primary one. `only_peers`: discard what others send (`check_unicast_src`).
    `ttl`: of what is sent to peers; to a group it is always 255. `plain_checksum`: in version 3
    over IPv4 without the pseudo header, as old implementations want it.
    """

    group: IPAddress = GROUP
    peers: tuple[Peer, ...] | None = None
    source: IPAddress | None = None
    only_peers: bool = False
    ttl: int = LARGEST_TTL
    plain_checksum: bool = False

    @property
    def ipv6(self) -> bool:
        return self.group.version == 6

    @property
    def destinations(self) -> tuple[IPAddress, ...]:
        """Where an advertisement is sent."""
        return (self.group,) if self.peers is None else tuple(peer.address for peer in self.peers)


MULTICAST: Final = Transport()
"""Over IPv4, with nothing else said."""
