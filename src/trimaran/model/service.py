"""Virtual services and their real servers, as `virtual_server` blocks describe them."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from trimaran.model.check import TcpCheck
from trimaran.model.ip import IPAddress


class Protocol(StrEnum):
    """Transport protocol of a virtual service."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"

    @property
    def number(self) -> int:
        """The IP protocol number."""
        return {"TCP": 6, "UDP": 17, "SCTP": 132}[self.value]


class Forwarding(StrEnum):
    """How packets reach a real server; the values are ipvsadm's names in listings."""

    DIRECT_ROUTING = "Route"
    TUNNEL = "Tunnel"
    MASQUERADING = "Masq"
    LOCAL = "Local"


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """What identifies a virtual service: protocol, VIP and port, or a firewall mark.

    With a mark (not 0) the rest says only which IP version is meant: see `marked`.
    """

    protocol: Protocol
    address: IPAddress
    port: int
    mark: int = 0

    @classmethod
    def marked(cls, mark: int, *, ipv6: bool = False) -> "ServiceKey":
        """The service of all packets of an IP version that carry this mark (1 to 2^32 - 1)."""
        return cls(Protocol.TCP, IPv6Address(0) if ipv6 else IPv4Address(0), 0, mark)

    def __str__(self) -> str:
        if self.mark:
            return f"FWM {self.mark}" + (" IPv6" if self.address.version == 6 else "")
        return f"{self.protocol} {endpoint(self.address, self.port)}"


@dataclass(frozen=True, slots=True)
class ServerKey:
    """What identifies a real server within its virtual service."""

    address: IPAddress
    port: int

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


def endpoint(address: IPAddress, port: int) -> str:
    """Address and port as ipvsadm writes them: `192.168.1.10:80`, `[2001:db8::1]:80`."""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


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
