"""How a PING_CHECK asks, and knows the answer (RFC 792, RFC 4443)."""

import struct

from trimaran.health.verdict import Verdict
from trimaran.model.check import PingCheck
from trimaran.model.duration import SECOND

_ECHO = {4: (8, 0), 6: (128, 129)}
"""Types of ICMP: request, reply."""
_PAYLOAD = b"trimaran"


def request(check: PingCheck, number: int) -> bytes:
    """An echo request with this number (32 bits). IPv6's checksum is left to the kernel."""
    kind, _ = _ECHO[check.address.version]
    message = struct.pack("!BBHI", kind, 0, 0, number) + _PAYLOAD
    if check.address.version == 6:
        return message
    return message[:2] + _checksum(message).to_bytes(2, "big") + message[4:]


def is_reply(check: PingCheck, number: int, packet: bytes) -> bool:
    """Whether a packet is the answer. Raw sockets deliver IPv4's header too, IPv6's not."""
    if check.address.version == 4:
        if not packet or packet[0] >> 4 != 4:
            return False
        packet = packet[(packet[0] & 0xF) * 4 :]
    _, kind = _ECHO[check.address.version]
    wanted = struct.pack("!I", number) + _PAYLOAD
    return packet[:2] == bytes((kind, 0)) and packet[4:] == wanted


ANSWERED = Verdict(True, "echo reply")


def unanswered(check: PingCheck) -> Verdict:
    """Judge that no reply has come in time."""
    return Verdict(False, f"no echo reply within {check.connect_timeout / SECOND:g} s")


def _checksum(message: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(message) // 2}H", message))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
