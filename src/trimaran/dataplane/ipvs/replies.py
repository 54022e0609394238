"""Replies of the family IPVS as values (ipvs-semantics 6.1). Pure.

A reply is the attributes behind the generic netlink header. All functions raise `Malformed`.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from trimaran.dataplane.base import (
    Counters,
    Destination,
    DestinationView,
    Persistence,
    SchedulerFlag,
    ServiceView,
    Settings,
    SyncDaemon,
    Timeouts,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from trimaran.dataplane.ipvs import attributes, family
from trimaran.dataplane.ipvs.attributes import Malformed
from trimaran.dataplane.ipvs.family import (
    DaemonAttribute,
    DestinationAttribute,
    ServiceAttribute,
    ServiceFlag,
    Top,
)
from trimaran.model.ip import IPAddress
from trimaran.model.service import Forwarding, ServerKey, ServiceKey


@dataclass(frozen=True, slots=True)
class Info:
    """What the kernel says of its IPVS. `version` as in linux/ip_vs.h: 1.2.1 is 0x010201."""

    version: int
    connection_table_size: int


def read_service(reply: bytes) -> ServiceView | None:
    """A service without its destinations. None: of a protocol that IPVS takes but never serves."""
    fields = attributes.parse(_one(attributes.parse(reply), Top.SERVICE))
    ipv4 = _is_ipv4(fields, ServiceAttribute.AF)
    if ServiceAttribute.MARK in fields:
        key = ServiceKey.marked(attributes.number(fields[ServiceAttribute.MARK]), ipv6=not ipv4)
    else:
        protocol = family.PROTOCOLS.get(attributes.number(_one(fields, ServiceAttribute.PROTOCOL)))
        if protocol is None:
            return None
        address = _address(_one(fields, ServiceAttribute.ADDRESS), ipv4=ipv4)
        key = ServiceKey(protocol, address, _port(_one(fields, ServiceAttribute.PORT)))
    flags = attributes.number(_one(fields, ServiceAttribute.FLAGS)[:4])
    persistence = None
    if flags & ServiceFlag.PERSISTENT:
        netmask = _one(fields, ServiceAttribute.NETMASK)
        persistence = Persistence(
            attributes.number(_one(fields, ServiceAttribute.TIMEOUT)),
            int.from_bytes(netmask[:4], "big") if ipv4 else attributes.number(netmask),
        )
    settings = Settings(
        attributes.string(_one(fields, ServiceAttribute.SCHEDULER)),
        SchedulerFlag(flags & family.SCHEDULER_FLAGS),
        persistence,
        bool(flags & ServiceFlag.ONE_PACKET),
        attributes.string(fields.get(ServiceAttribute.ENGINE, b"")),
    )
    counters, rates = _statistics(fields, ServiceAttribute.STATS64, ServiceAttribute.STATS)
    return ServiceView(key, settings, (), counters, rates)


def read_destination_view(reply: bytes) -> DestinationView:
    """A destination with its counts."""
    fields = attributes.parse(_one(attributes.parse(reply), Top.DESTINATION))
    counters, rates = _statistics(fields, DestinationAttribute.STATS64, DestinationAttribute.STATS)
    return DestinationView(
        _destination(fields),
        attributes.number(_one(fields, DestinationAttribute.ACTIVE)),
        attributes.number(_one(fields, DestinationAttribute.INACTIVE)),
        attributes.number(_one(fields, DestinationAttribute.PERSISTENT)),
        counters,
        rates,
    )


def read_destination(reply: bytes) -> Destination:
    """A destination as it was asked for."""
    return _destination(attributes.parse(_one(attributes.parse(reply), Top.DESTINATION)))


def read_timeouts(reply: bytes) -> Timeouts:
    """The reply to GET_CONFIG."""
    fields = attributes.parse(reply)
    return Timeouts(
        attributes.number(_one(fields, Top.TIMEOUT_TCP)),
        attributes.number(_one(fields, Top.TIMEOUT_TCP_FIN)),
        attributes.number(_one(fields, Top.TIMEOUT_UDP)),
    )


def read_sync_daemon(reply: bytes) -> SyncDaemon:
    """One of the replies to GET_DAEMON."""
    fields = attributes.parse(_one(attributes.parse(reply), Top.DAEMON))
    role = family.ROLES.get(attributes.number(_one(fields, DaemonAttribute.ROLE)))
    if role is None:
        raise Malformed("a sync daemon that is neither master nor backup")
    group: IPAddress | None = None
    if DaemonAttribute.GROUP in fields:
        group = _address(fields[DaemonAttribute.GROUP], ipv4=True)
    elif DaemonAttribute.GROUP6 in fields:
        group = _address(fields[DaemonAttribute.GROUP6], ipv4=False)
    return SyncDaemon(
        role,
        attributes.string(_one(fields, DaemonAttribute.INTERFACE)),
        attributes.number(_one(fields, DaemonAttribute.SYNCID)),
        attributes.number(fields.get(DaemonAttribute.MAX_LENGTH, b"")),
        group,
        attributes.number(fields.get(DaemonAttribute.PORT, b"")),
        attributes.number(fields.get(DaemonAttribute.TTL, b"")),
    )


def read_info(reply: bytes) -> Info:
    """The reply to GET_INFO."""
    fields = attributes.parse(reply)
    return Info(
        attributes.number(_one(fields, family.InfoAttribute.VERSION)),
        attributes.number(_one(fields, family.InfoAttribute.TABLE_SIZE)),
    )


def _destination(fields: dict[int, bytes]) -> Destination:
    address = _one(fields, DestinationAttribute.ADDRESS)
    key = ServerKey(
        _address(address, ipv4=_is_ipv4(fields, DestinationAttribute.AF)),
        _port(_one(fields, DestinationAttribute.PORT)),
    )
    # 4 (bypass) and what has no meaning leave a packet to the director itself, as LOCAL does.
    method = attributes.number(_one(fields, DestinationAttribute.METHOD))
    forwarding = family.METHODS[method] if method < len(family.METHODS) else Forwarding.LOCAL
    return Destination(
        key,
        attributes.number(_one(fields, DestinationAttribute.WEIGHT)),
        forwarding,
        attributes.number(_one(fields, DestinationAttribute.UPPER)),
        attributes.number(_one(fields, DestinationAttribute.LOWER)),
        _tunnel(fields),
    )


def _tunnel(fields: dict[int, bytes]) -> Tunnel:
    """A type without meaning is sent as ipip by the kernel."""
    kind = attributes.number(fields.get(DestinationAttribute.TUNNEL_TYPE, b""))
    flags = attributes.number(fields.get(DestinationAttribute.TUNNEL_FLAGS, b""))
    return Tunnel(
        family.TUNNELS[kind] if kind < len(family.TUNNELS) else TunnelType.IPIP,
        _port(fields.get(DestinationAttribute.TUNNEL_PORT, b"\0\0")),
        family.CHECKSUMS[flags] if flags < len(family.CHECKSUMS) else TunnelChecksum.REMOTE,
    )


def _statistics(fields: dict[int, bytes], wide: int, narrow: int) -> tuple[Counters, Counters]:
    """Counters and rates: of 64 bits, or from kernels before 4.1 of 32."""
    nested = attributes.parse(fields[wide] if wide in fields else _one(fields, narrow))
    values = [attributes.number(nested.get(kind, b"")) for kind in range(1, 11)]
    return Counters(*values[:5]), Counters(*values[5:])


def _one(fields: dict[int, bytes], kind: int) -> bytes:
    try:
        return fields[kind]
    except KeyError:
        raise Malformed(f"attribute {kind} is missing") from None


def _is_ipv4(fields: dict[int, bytes], kind: int) -> bool:
    found = attributes.number(_one(fields, kind))
    if found not in (family.AF_INET, family.AF_INET6):
        raise Malformed(f"address family {found}")
    return found == family.AF_INET


def _address(value: bytes, *, ipv4: bool) -> IPAddress:
    if len(value) < (4 if ipv4 else 16):
        raise Malformed(f"an address of {len(value)} bytes")
    return IPv4Address(value[:4]) if ipv4 else IPv6Address(value[:16])


def _port(value: bytes) -> int:
    if len(value) != 2:
        raise Malformed(f"a port of {len(value)} bytes")
    return int.from_bytes(value, "big")
