"""Addresses that a virtual router holds."""

from dataclasses import dataclass
from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True)
class VirtualAddress:
    """One entry of `virtual_ipaddress`: a VIP with its prefix, device and label.

    `device` is always set: an entry without `dev` is on its virtual router's interface.
    """

    address: IPv4Address
    prefix_length: int
    device: str
    label: str | None = None

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix_length}"
