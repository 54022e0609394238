"""Virtual services and their real servers, as `virtual_server` blocks describe them."""

from dataclasses import dataclass
from enum import IntFlag, StrEnum
from ipaddress import IPv4Address, IPv6Address

from trimaran.model.check import Check
from trimaran.model.ip import IPAddress
from trimaran.model.script import Script


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


class TunnelType(StrEnum):
    """How a tunnelled packet is wrapped; the values are ipvsadm's."""

    IPIP = "ipip"
    GUE = "gue"
    GRE = "gre"


class TunnelChecksum(StrEnum):
    """What checksum a GUE or GRE header carries; the values are ipvsadm's (--tun-...)."""

    NONE = "nocsum"
    FULL = "csum"
    REMOTE = "remcsum"


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Encapsulation towards a real server. `port` is GUE's UDP port, else 0."""

    type: TunnelType = TunnelType.IPIP
    port: int = 0
    checksum: TunnelChecksum = TunnelChecksum.NONE


class SchedulerFlag(IntFlag):
    """Flags of a service that its scheduler interprets; the bits are those of netlink."""

    FLAG_1 = 8
    FLAG_2 = 16
    FLAG_3 = 32


NO_FLAGS = SchedulerFlag(0)

FALLBACK = SchedulerFlag.FLAG_1
"""sh-fallback, mh-fallback: another server when the hash's choice is not available."""

HASH_PORT = SchedulerFlag.FLAG_2
"""sh-port, mh-port: the client's port is hashed too."""


@dataclass(frozen=True, slots=True)
class Persistence:
    """Clients stay with their server for `timeout` seconds.

    `netmask`: which clients are the same one: for IPv4 a mask as a number, kept as it is given
    (the kernel takes any); for IPv6 a prefix length.
    """

    timeout: int
    netmask: int


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
    """One `real_server` block. With no checks it is taken to be fit.

    Thresholds are numbers of connections: from the upper one on it gets no new ones until it
    has fewer than the lower; 0 is none. `inhibit_on_failure`: unfit, it stays with weight 0.
    `alpha`: it counts as down, not as up, before its first check, for who is told of changes.
    """

    key: ServerKey
    weight: int = 1
    checks: tuple[Check, ...] = ()
    forwarding: Forwarding = Forwarding.DIRECT_ROUTING
    tunnel: Tunnel = Tunnel()
    upper_threshold: int = 0
    lower_threshold: int = 0
    inhibit_on_failure: bool = False
    alpha: bool = False
    notify_up: Script | None = None
    notify_down: Script | None = None
    mail: bool = True
    """Tell of its changes by mail, if any is sent."""


@dataclass(frozen=True, slots=True)
class SorryServer:
    """Who answers clients while there is no quorum. With `inhibit` it stays, with weight 0."""

    key: ServerKey
    forwarding: Forwarding = Forwarding.DIRECT_ROUTING
    tunnel: Tunnel = Tunnel()
    inhibit: bool = False


@dataclass(frozen=True, slots=True)
class Quorum:
    """How much weight must be fit: from `weight` + `hysteresis` on the service is up, below
    `weight` - `hysteresis` it is down, and between these as it was before."""

    weight: int = 1
    hysteresis: int = 0


@dataclass(frozen=True, slots=True)
class VirtualService:
    """One `virtual_server` block, or one entry of its group: real servers in the file's order.

    `forwarding` is that of real servers which do not say otherwise.
    """

    key: ServiceKey
    scheduler: str
    forwarding: Forwarding
    real_servers: tuple[RealServer, ...] = ()
    flags: SchedulerFlag = NO_FLAGS
    persistence: Persistence | None = None
    persistence_engine: str = ""
    one_packet: bool = False
    quorum: Quorum = Quorum()
    sorry_server: SorryServer | None = None
    group: str | None = None
    quorum_up: Script | None = None
    quorum_down: Script | None = None
    omega: bool = False
    """At the end of the daemon, tell that everything is down."""
    ha_suspend: bool = False
    """Its servers are checked only while a virtual router here holds its address."""
    drain_timeout: int = 0
    """Real servers that a reload removes keep their connections so long at most (ns)."""
    mail: bool = False
    """Tell of its quorum by mail, if any is sent."""

    @property
    def name(self) -> str:
        """What an operator calls it."""
        return f"{self.key.protocol} group {self.group}" if self.group else str(self.key)
