"""SipHash-1-3: the keyed hash of short messages that mh uses.

Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), with one compression round
and three at the end. Own code, because the standard library has it only inside `hash`.
"""

from typing import Final

_MASK: Final = (1 << 64) - 1


def siphash13(k0: int, k1: int, message: bytes) -> int:
    """The 64-bit hash of a message under the key (k0, k1)."""
    v = [
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    ]
    tail = len(message) % 8
    padded = message + bytes(7 - tail) + (len(message) & 0xFF).to_bytes(1)
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        _round(v)
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(3):
        _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _round(v: list[int]) -> None:
    v[0] = v[0] + v[1] & _MASK
    v[1] = _rotate(v[1], 13) ^ v[0]
    v[0] = _rotate(v[0], 32)
    v[2] = v[2] + v[3] & _MASK
    v[3] = _rotate(v[3], 16) ^ v[2]
    v[0] = v[0] + v[3] & _MASK
    v[3] = _rotate(v[3], 21) ^ v[0]
    v[2] = v[2] + v[1] & _MASK
    v[1] = _rotate(v[1], 17) ^ v[2]
    v[2] = _rotate(v[2], 32)


def _rotate(x: int, by: int) -> int:
    return (x << by | x >> 64 - by) & _MASK
