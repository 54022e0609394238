"""Virtual services and their real servers, as `virtual_server` blocks describe them."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from trimaran.model.check import TcpCheck


class Protocol(StrEnum):
    """Transport protocol of a virtual service."""

    TCP = "TCP"
    UDP = "UDP"

    @property
    def number(self) -> int:
        """The IP protocol number."""
        return {"TCP": 6, "UDP": 17}[self.value]


class Forwarding(StrEnum):
    """How packets reach a real server; the values are ipvsadm's names in listings."""

    DIRECT_ROUTING = "Route"
    TUNNEL = "Tunnel"
    MASQUERADING = "Masq"


@dataclass(frozen=True, slots=True, order=True)
class ServiceKey:
    """What identifies a virtual service: protocol, VIP and port."""

    protocol: Protocol
    address: IPv4Address
    port: int

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}:{self.port}"


@dataclass(frozen=True, slots=True, order=True)
class ServerKey:
    """What identifies a real server within its virtual service."""

    address: IPv4Address
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class RealServer:
    """One `real_server` block. With no checks it is taken to be fit."""

    key: ServerKey
    weight: int = 1
    checks: tuple[TcpCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class VirtualService:
    """One `virtual_server` block: real servers in the order of the file."""

    key: ServiceKey
    scheduler: str
    forwarding: Forwarding
    real_servers: tuple[RealServer, ...] = ()
