"""How packets get to a real server, in its record: direct routing, masquerading, tunnels."""

from collections.abc import Mapping
from typing import Any, Final

from trimaran.dataplane.base import Destination, Tunnel, TunnelChecksum, TunnelType
from trimaran.dataplane.xdp.layout import DESTINATION
from trimaran.dataplane.xdp.tables import Tables
from trimaran.model.service import Forwarding

# In the order of the numbers in bpf/layout.h.
FORWARDINGS: Final = (
    Forwarding.MASQUERADING,
    Forwarding.LOCAL,
    Forwarding.TUNNEL,
    Forwarding.DIRECT_ROUTING,
)
_TUNNELS: Final = (TunnelType.IPIP, TunnelType.GUE, TunnelType.GRE)
_CHECKSUMS: Final = (TunnelChecksum.NONE, TunnelChecksum.FULL, TunnelChecksum.REMOTE)
_IP_HEADERS: Final = {4: 20, 6: 40}
_FIELDS: Mapping[str, Any] = DESTINATION.fields or {}
_TUNNEL_WORD: Final = _FIELDS["tunnel_port"][1] // 4


def write(tables: Tables, number: int, destination: Destination) -> None:
    """Puts the method into a record, the tunnel in one store. The MTU is to be set after it."""
    tunnel = destination.tunnel
    word = tunnel.port.to_bytes(2, "big") + bytes(
        [_TUNNELS.index(tunnel.type), _CHECKSUMS.index(tunnel.checksum)]
    )
    record = tables.destinations[number : number + 1]
    record.view("<u4")[_TUNNEL_WORD] = int.from_bytes(word, "little")
    record["forwarding"] = FORWARDINGS.index(destination.forwarding)


def read(tables: Tables, number: int) -> tuple[Forwarding, Tunnel]:
    """The method in a record."""
    record = tables.destinations[number]
    tunnel = Tunnel(
        _TUNNELS[record["tunnel"]],
        int(record["tunnel_port"]),
        _CHECKSUMS[record["tunnel_checksum"]],
    )
    return FORWARDINGS[record["forwarding"]], tunnel


def overhead(version: int, forwarding: Forwarding, tunnel: Tunnel) -> int:
    """Bytes that the tunnel, over this version of IP, takes from the MTU; 0 without one."""
    if forwarding is not Forwarding.TUNNEL:
        return 0
    return (
        _IP_HEADERS[version]
        + {
            TunnelType.IPIP: 0,
            TunnelType.GUE: 12,
            TunnelType.GRE: 8 if tunnel.checksum is TunnelChecksum.FULL else 4,
        }[tunnel.type]
    )
