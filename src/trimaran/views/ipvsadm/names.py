"""How services, servers and flags are called."""

from collections.abc import Callable
from ipaddress import IPv4Address

from trimaran.dataplane.base import Settings
from trimaran.model.ip import IPAddress
from trimaran.model.service import (
    FALLBACK,
    HASH_PORT,
    SchedulerFlag,
    ServerKey,
    ServiceKey,
    endpoint,
)

Name = Callable[[str, IPAddress, int], str]
"""How an address and a port of this protocol are written, such as `192.168.1.10:80`.

The protocol is empty where none is known.
"""

_SERVICE_WIDTH = 33
_SERVER_WIDTH = 28

_FLAGS = {
    SchedulerFlag.FLAG_1: "flag-1",
    SchedulerFlag.FLAG_2: "flag-2",
    SchedulerFlag.FLAG_3: "flag-3",
}
_FLAGS_OF = {
    "sh": {FALLBACK: "sh-fallback", HASH_PORT: "sh-port"},
    "mh": {FALLBACK: "mh-fallback", HASH_PORT: "mh-port"},
}


def numeric(protocol: str, address: IPAddress, port: int) -> str:
    """Write numbers, as option -n asks."""
    return endpoint(address, port)


def service_text(key: ServiceKey, name: Name) -> str:
    """A service at the head of its rows: IPv4 is cut at 33 characters, IPv6 never is."""
    if key.mark:
        return f"FWM  {signed(key.mark)}" + (" IPv6" if key.address.version == 6 else "")
    text = f"{key.protocol:4} {name(key.protocol, key.address, key.port)}"
    return text[:_SERVICE_WIDTH] if key.address.version == 4 else text


def server_text(service: ServiceKey, key: ServerKey, name: Name) -> str:
    """A server in a service's rows: IPv4 is cut at 28 characters, IPv6 never is."""
    text = server_name(service, key, name)
    return text[:_SERVER_WIDTH] if key.address.version == 4 else text


def server_name(service: ServiceKey, key: ServerKey, name: Name) -> str:
    """A server in full. Behind a mark its port may be any protocol's, so it has no name."""
    return name("" if service.mark else service.protocol, key.address, key.port)


def flags_text(settings: Settings) -> str:
    """The scheduler's flags, separated by commas. The hashing ones have no third."""
    names = _FLAGS_OF.get(settings.scheduler, _FLAGS)
    return ",".join(name for flag, name in names.items() if settings.flags & flag)


def mask_text(service: ServiceKey, netmask: int) -> str:
    """A persistence mask, empty if each client is a client: a mask for IPv4, a length for IPv6."""
    if service.address.version == 6:
        return "" if netmask == 128 else str(netmask)
    return "" if netmask == 2**32 - 1 else str(IPv4Address(netmask))


def signed(mark: int) -> int:
    """A firewall mark as ipvsadm prints it."""
    return (mark + 2**31) % 2**32 - 2**31
