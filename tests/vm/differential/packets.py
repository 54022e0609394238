"""What clients and servers send, above IP, with right checksums."""

import struct
from dataclasses import dataclass
from ipaddress import ip_address

from golden_bench import sctp, with_checksum

from trimaran.model.service import Protocol

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Source and destination, addresses as text, of one packet."""

    source: str
    source_port: int
    target: str
    target_port: int

    def reversed(self) -> "Endpoints":
        return Endpoints(self.target, self.target_port, self.source, self.source_port)

    @property
    def ports(self) -> bytes:
        return struct.pack("!HH", self.source_port, self.target_port)

    @property
    def addresses(self) -> bytes:
        return ip_address(self.source).packed + ip_address(self.target).packed


def tcp(ends: Endpoints, flags: int, data: bytes = b"") -> bytes:
    head = ends.ports + struct.pack("!IIBBHHH", 1000, 2000, 0x50, flags, 8192, 0, 0)
    return with_checksum(head + data, 16, ends.addresses, Protocol.TCP.number)


def udp(ends: Endpoints, data: bytes = b"") -> bytes:
    head = ends.ports + struct.pack("!HH", 8 + len(data), 0)
    return with_checksum(head + data, 6, ends.addresses, Protocol.UDP.number)


def association(ends: Endpoints, chunks: list[int]) -> bytes:
    """An SCTP packet with empty chunks of these types."""
    body = b"".join(struct.pack("!BBH", kind, 0, 4) for kind in chunks)
    return sctp(ends.ports + struct.pack("!I", 1), body)
