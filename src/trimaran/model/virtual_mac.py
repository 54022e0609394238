"""A virtual router's own MAC address (RFC 9568, 7.3), and the device that has it."""

from dataclasses import dataclass
from typing import Final

_PREFIX: Final = {False: bytes.fromhex("00005e0001"), True: bytes.fromhex("00005e0002")}
"""00-00-5E-00-01-{VRID} for IPv4, 00-00-5E-00-02-{VRID} for IPv6."""


def standard_mac(vrid: int, *, ipv6: bool) -> bytes:
    """The MAC address that the RFC gives a virtual router."""
    return _PREFIX[ipv6] + bytes([vrid])


@dataclass(frozen=True, slots=True)
class VirtualMac:
    """`use_vmac`: a macvlan device on the virtual router's interface, which holds its addresses.

    `sends`: advertisements come from this MAC address too; else (`vmac_xmit_base`, and always to
    unicast peers) from the interface's.
    """

    device: str
    mac: bytes
    sends: bool = True
