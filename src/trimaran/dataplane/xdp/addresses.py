"""Addresses as the program keeps, hashes and looks them up (bpf/address.h). Pure."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trimaran.model.ip import IPAddress

KEY_SIZES: Final = {4: 8, 6: 20}
"""Of `index_key`, by version of IP."""
_MASK: Final = (1 << 64) - 1


def stored(address: IPAddress) -> NDArray[np.uint8]:
    """The sixteen bytes of a record's field."""
    return np.frombuffer(address.packed.ljust(16, b"\0"), dtype=np.uint8)


def address_in(field: "NDArray[Any] | bytes", version: int) -> IPAddress:
    """The address in such a field; `version` of IP, 4 or 6."""
    return IPv6Address(bytes(field)) if version == 6 else IPv4Address(bytes(field)[:4])


def index_key(address: IPAddress, port: int, protocol: int) -> bytes:
    """`struct service_key` or `struct service_key6`."""
    return address.packed + port.to_bytes(2, "big") + bytes([protocol, 0])


def fold(address: IPAddress) -> int:
    """What IPVS's schedulers hash: of IPv6 the exclusive or of its four words."""
    if address.version == 4:
        return int(address)
    number = int(address)
    return (number ^ number >> 32 ^ number >> 64 ^ number >> 96) & 0xFFFFFFFF


def native(address: IPAddress) -> int:
    """An address, if need be folded, as the program loads it: its four bytes, little end first."""
    return int.from_bytes(fold(address).to_bytes(4, "big"), "little")


def service_bit(number: int, port: int, protocol: int) -> int:
    """Which bit of the filter a service has (bpf/services.h). `number`: of the virtual address,
    `native` or `number_after` the seed."""
    transport = protocol << 16 | int.from_bytes(port.to_bytes(2, "big"), "little")
    return ((number ^ transport) & 0xFFFFFFFF) * 0x9E3779B1 >> 16 & 0xFFFF


def number_after(number: int, address: IPv6Address) -> int:
    """The program's number for an address, after another number; first of all, the secret seed."""
    first, second = (int.from_bytes(address.packed[i : i + 8], "little") for i in (0, 8))
    number = (number ^ first) * 0x9E3779B97F4A7C15 & _MASK
    number ^= number >> 32
    number = (number ^ second) * 0xD6E8FEB86659FD93 & _MASK
    return number ^ number >> 29
