"""Requests to the family IPVS as bytes (ipvs-semantics 6.1). Pure.

Integers are in host byte order, except ports, the IPv4 netmask and the multicast group.
"""

from dataclasses import dataclass
from typing import Final

from trimaran.dataplane.base import Destination, Settings, SyncDaemon, SyncRole, Timeouts
from trimaran.dataplane.ipvs import attributes, family
from trimaran.dataplane.ipvs.family import (
    Command,
    DaemonAttribute,
    DestinationAttribute,
    ServiceAttribute,
    ServiceFlag,
    Top,
)
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    DeleteService,
    EditDestination,
    EditService,
    Step,
)
from trimaran.model.ip import IPAddress
from trimaran.model.service import ServerKey, ServiceKey

_ALL_FLAGS: Final = b"\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class Request:
    """A command with its attributes."""

    command: Command
    attributes: bytes = b""


def request(step: Step) -> Request:
    """What asks the kernel to take a step."""
    match step:
        case AddService(key, settings):
            return Request(Command.NEW_SERVICE, _service(key, settings))
        case EditService(key, settings):
            return Request(Command.SET_SERVICE, _service(key, settings))
        case DeleteService(key):
            return Request(Command.DEL_SERVICE, service_key(key))
        case AddDestination(key, destination):
            return Request(Command.NEW_DEST, service_key(key) + _destination(destination))
        case EditDestination(key, destination):
            return Request(Command.SET_DEST, service_key(key) + _destination(destination))
        case DeleteDestination(key, server):
            named = attributes.nest(Top.DESTINATION, _server(server))
            return Request(Command.DEL_DEST, service_key(key) + named)


def service_key(key: ServiceKey) -> bytes:
    """The attribute that names a service."""
    return attributes.nest(Top.SERVICE, _key(key))


def set_timeouts(timeouts: Timeouts) -> Request:
    """0 keeps the present one."""
    return Request(
        Command.SET_CONFIG,
        attributes.u32(Top.TIMEOUT_TCP, timeouts.tcp)
        + attributes.u32(Top.TIMEOUT_TCP_FIN, timeouts.tcp_fin)
        + attributes.u32(Top.TIMEOUT_UDP, timeouts.udp),
    )


def start_sync(daemon: SyncDaemon) -> Request:
    """What is 0 or None is left to the kernel."""
    parts = [
        _role(daemon.role),
        attributes.text(DaemonAttribute.INTERFACE, daemon.interface),
        attributes.u32(DaemonAttribute.SYNCID, daemon.syncid),
    ]
    if daemon.max_length:
        parts.append(attributes.u16(DaemonAttribute.MAX_LENGTH, daemon.max_length))
    if daemon.group is not None:
        kind = DaemonAttribute.GROUP if daemon.group.version == 4 else DaemonAttribute.GROUP6
        parts.append(attributes.binary(kind, daemon.group.packed))
    if daemon.port:
        parts.append(attributes.u16(DaemonAttribute.PORT, daemon.port))
    if daemon.ttl:
        parts.append(attributes.u8(DaemonAttribute.TTL, daemon.ttl))
    return Request(Command.NEW_DAEMON, attributes.nest(Top.DAEMON, parts))


def stop_sync(role: SyncRole) -> Request:
    return Request(Command.DEL_DAEMON, attributes.nest(Top.DAEMON, [_role(role)]))


def _role(role: SyncRole) -> bytes:
    return attributes.u32(DaemonAttribute.ROLE, 1 if role is SyncRole.MASTER else 2)


def _family(address: IPAddress) -> int:
    return family.AF_INET if address.version == 4 else family.AF_INET6


def _key(key: ServiceKey) -> list[bytes]:
    version = attributes.u16(ServiceAttribute.AF, _family(key.address))
    if key.mark:
        return [version, attributes.u32(ServiceAttribute.MARK, key.mark)]
    return [
        version,
        attributes.u16(ServiceAttribute.PROTOCOL, key.protocol.number),
        attributes.binary(ServiceAttribute.ADDRESS, key.address.packed.ljust(16, b"\0")),
        attributes.be16(ServiceAttribute.PORT, key.port),
    ]


def _service(key: ServiceKey, settings: Settings) -> bytes:
    flags = int(settings.flags) | (ServiceFlag.ONE_PACKET if settings.one_packet else 0)
    ipv4 = key.address.version == 4
    timeout, netmask = 0, 0xFFFFFFFF if ipv4 else 128
    if settings.persistence is not None:
        flags |= ServiceFlag.PERSISTENT
        timeout, netmask = settings.persistence.timeout, settings.persistence.netmask
    parts = [
        *_key(key),
        attributes.text(ServiceAttribute.SCHEDULER, settings.scheduler),
        attributes.binary(ServiceAttribute.FLAGS, attributes.u32(0, flags)[4:] + _ALL_FLAGS),
        attributes.u32(ServiceAttribute.TIMEOUT, timeout),
        attributes.binary(ServiceAttribute.NETMASK, netmask.to_bytes(4, "big"))
        if ipv4
        else attributes.u32(ServiceAttribute.NETMASK, netmask),
    ]
    if settings.persistence_engine:
        parts.append(attributes.text(ServiceAttribute.ENGINE, settings.persistence_engine))
    return attributes.nest(Top.SERVICE, parts)


def _server(key: ServerKey) -> list[bytes]:
    return [
        attributes.u16(DestinationAttribute.AF, _family(key.address)),
        attributes.binary(DestinationAttribute.ADDRESS, key.address.packed.ljust(16, b"\0")),
        attributes.be16(DestinationAttribute.PORT, key.port),
    ]


def _destination(destination: Destination) -> bytes:
    tunnel = destination.tunnel
    return attributes.nest(
        Top.DESTINATION,
        [
            *_server(destination.key),
            attributes.u32(
                DestinationAttribute.METHOD, family.METHODS.index(destination.forwarding)
            ),
            attributes.u32(DestinationAttribute.WEIGHT, destination.weight),
            attributes.u8(DestinationAttribute.TUNNEL_TYPE, family.TUNNELS.index(tunnel.type)),
            attributes.be16(DestinationAttribute.TUNNEL_PORT, tunnel.port),
            attributes.u16(
                DestinationAttribute.TUNNEL_FLAGS, family.CHECKSUMS.index(tunnel.checksum)
            ),
            attributes.u32(DestinationAttribute.UPPER, destination.upper_threshold),
            attributes.u32(DestinationAttribute.LOWER, destination.lower_threshold),
        ],
    )
