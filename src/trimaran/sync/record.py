"""One connection, or template, as directors tell it to each other."""

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from trimaran.model.ip import IPAddress


class Flag(IntFlag):
    """Bits of a connection's flags as they are on the wire (linux/ip_vs.h)."""

    MASQUERADING = 0
    LOCAL = 1
    TUNNEL = 2
    DIRECT_ROUTING = 3
    METHOD = 7
    SYNC = 0x20
    HASHED = 0x40
    NO_OUTPUT = 0x80
    INACTIVE = 0x100
    SEQUENCE_OUT = 0x200
    SEQUENCE_IN = 0x400
    NO_CLIENT_PORT = 0x800
    TEMPLATE = 0x1000
    ONE_PACKET = 0x2000


SEQUENCE: Final = Flag.SEQUENCE_OUT | Flag.SEQUENCE_IN

STATES: Final = {6: 11, 17: 1, 132: 14, 50: 1, 51: 1}
"""Number of states of each protocol that IPVS knows: TCP, UDP, SCTP, ESP, AH."""

TEMPLATE_STATES: Final = 2
"""NONE and ASSURED."""

IP: Final = 0
"""The protocol of the templates of firewall-mark services."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is told of one connection.

    `timeout`: seconds that it lives after a packet in this state; None when the sender's
    version does not say. `sequence`: initial, delta and previous delta of both directions.
    `engine` and `engine_data`: persistence engine and its key (a Call-ID).
    """

    protocol: int
    flags: Flag
    state: int
    client: IPAddress
    client_port: int
    virtual: IPAddress
    virtual_port: int
    server: IPAddress
    server_port: int
    mark: int = 0
    timeout: int | None = None
    sequence: tuple[int, int, int, int, int, int] | None = None
    engine: str = ""
    engine_data: bytes = b""

    @property
    def is_template(self) -> bool:
        return bool(self.flags & Flag.TEMPLATE)


def acceptable(record: Record) -> str | None:
    """Why a backup leaves a record out, if it does; the others of the datagram still count."""
    if record.protocol not in STATES and not (record.is_template and record.protocol == IP):
        return "unknown protocol"
    states = TEMPLATE_STATES if record.is_template else STATES[record.protocol]
    if record.state >= states:
        return "unknown state"
    if record.flags & Flag.ONE_PACKET:
        return "one-packet connection"
    if record.flags & Flag.NO_CLIENT_PORT and record.is_template:
        return "template without a client port"
    if bool(record.engine) != bool(record.engine_data):
        return "persistence engine without data, or data without an engine"
    return None
