"""Netlink attributes (rtnetlink(7), linux/netlink.h): type, length, value, padded to four bytes."""

import struct
from collections.abc import Iterable
from sys import byteorder
from typing import Final

NESTED: Final = 0x8000
_TYPE_MASK: Final = 0x3FFF
_HEADER: Final = struct.Struct("=HH")
_U8: Final = struct.Struct("=HHBxxx")
_U16: Final = struct.Struct("=HHHxx")
_BE16: Final = struct.Struct("=HH2sxx")
_U32: Final = struct.Struct("=HHI")


class Malformed(ValueError):
    """Bytes that are no attributes, or not of the length that their meaning asks for."""


def u8(kind: int, value: int) -> bytes:
    return _U8.pack(5, kind, value)


def u16(kind: int, value: int) -> bytes:
    return _U16.pack(6, kind, value)


def be16(kind: int, value: int) -> bytes:
    """A port: in network byte order."""
    return _BE16.pack(6, kind, value.to_bytes(2, "big"))


def u32(kind: int, value: int) -> bytes:
    return _U32.pack(8, kind, value)


def binary(kind: int, value: bytes) -> bytes:
    return _HEADER.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)


def text(kind: int, value: str) -> bytes:
    """A string with its final NUL."""
    return binary(kind, value.encode() + b"\0")


def nest(kind: int, attributes: Iterable[bytes]) -> bytes:
    return binary(kind | NESTED, b"".join(attributes))


def parse(data: bytes) -> dict[int, bytes]:
    """The values by type (of a repeated one the last, as in the kernel). Raises `Malformed`."""
    found: dict[int, bytes] = {}
    offset = 0
    while offset + 4 <= len(data):
        length, kind = _HEADER.unpack_from(data, offset)
        if length < 4 or offset + length > len(data):
            raise Malformed(f"attribute of {length} bytes where {len(data) - offset} are left")
        found[kind & _TYPE_MASK] = data[offset + 4 : offset + length]
        offset += length + 3 & ~3
    return found


def number(value: bytes) -> int:
    """An integer of any width in host byte order."""
    return int.from_bytes(value, byteorder)


def string(value: bytes) -> str:
    """A string up to its NUL."""
    return value.split(b"\0", 1)[0].decode(errors="replace")
