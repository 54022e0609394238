"""The authentication header of VRRP version 2 (type 2), as keepalived has it: `auth_type AH`.

RFC 2338, 5.3.6.3, took the IP Authentication Header (RFC 2402) with HMAC-MD5-96 (RFC 2403); RFC
3768 dropped it. It proves that a sender knows the password and that nothing has been altered, and
its sequence number keeps old advertisements from being sent again. The security parameters index
is the sender's address, and the key the password.
"""

import struct
from dataclasses import dataclass
from hashlib import md5
from hmac import compare_digest, digest

from trimaran.model.ip import IPAddress
from trimaran.model.transport import LARGEST_TTL
from trimaran.model.transport import PROTOCOL as VRRP

PROTOCOL = 51
LENGTH = 24
_DIGEST_LENGTH = 12
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_FIXED = struct.Struct("!BBHII")
"""Next header, length in words less 2, reserved, security parameters index, sequence number."""
_DSCP_CS6 = 48 << 2


@dataclass(frozen=True, slots=True)
class Seal:
    """The authentication header that a datagram came with.

    `digest`: what it says; `covered`: what that is made of.
    """

    sequence: int
    digest: bytes
    covered: bytes

    def proves(self, password: bytes) -> bool:
        """Whether the sender knows the password."""
        return compare_digest(self.digest, _digest(password, self.covered))


def seal(
    payload: bytes,
    source: IPAddress,
    destination: IPAddress,
    password: bytes,
    sequence: int,
    ttl: int = LARGEST_TTL,
) -> bytes:
    """A whole datagram (IPv4 only) with this payload of VRRP. The kernel writes its checksum."""
    length = _IPV4.size + LENGTH + len(payload)
    # The identification is authenticated too, and the kernel leaves alone what is not 0.
    identification = (sequence & 0xFFFF) or 1
    header = _IPV4.pack(
        *(0x45, _DSCP_CS6, length, identification, 0, ttl, PROTOCOL, 0),
        *(source.packed, destination.packed),
    )
    fixed = _FIXED.pack(VRRP, LENGTH // 4 - 2, 0, int(source), sequence)
    bare = header + fixed + bytes(_DIGEST_LENGTH) + payload
    return header + fixed + _digest(password, _covered(bare, _IPV4.size)) + payload


def unseal(datagram: bytes, start: int) -> Seal | None:
    """The header that begins at `start` of an IPv4 datagram; None if it is none for VRRP."""
    end = start + LENGTH
    if len(datagram) < end:
        return None
    following, length, _, index, sequence = _FIXED.unpack_from(datagram, start)
    source = int.from_bytes(datagram[12:16], "big")
    if (following, length, index) != (VRRP, LENGTH // 4 - 2, source):
        return None
    return Seal(sequence, datagram[end - _DIGEST_LENGTH : end], _covered(datagram, start))


def _covered(datagram: bytes, start: int) -> bytes:
    """The datagram without what routers change, and without the digest (RFC 2402, 3.3.3.1).

    The TTL counts, as keepalived (2.2.7) has it: it must not change on the way to a group.
    """
    bare = bytearray(datagram)
    bare[1] = 0  # TOS
    bare[6:8] = bare[10:12] = b"\0\0"  # fragmentation, checksum
    end = start + LENGTH
    bare[end - _DIGEST_LENGTH : end] = bytes(_DIGEST_LENGTH)
    return bytes(bare)


def _digest(password: bytes, data: bytes) -> bytes:
    return digest(password, data, md5)[:_DIGEST_LENGTH]
