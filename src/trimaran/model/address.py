"""Addresses that a virtual router holds."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from trimaran.model.ip import IPAddress


@dataclass(frozen=True, slots=True)
class Attributes:
    """What of an address `ip address` can set besides (ip-address(8)).

    `scope`: a number of rt_scopes; `broadcast`, `scope`: IPv4 only. `peer`: the address at the
    other end, whose prefix length the virtual address has then. `preferred`: for how many
    seconds the kernel takes it as a source of its own accord; None: for ever.
    """

    scope: int = 0
    broadcast: IPv4Address | None = None
    peer: IPAddress | None = None
    preferred: int | None = None
    home: bool = False
    manage_temporary: bool = False
    prefix_route: bool = True
    join_group: bool = False


PLAIN: Final = Attributes()


@dataclass(frozen=True, slots=True)
class VirtualAddress:
    """One entry of `virtual_ipaddress`: a VIP with its prefix, device and label.

    `device` is always set: an entry without `dev` is on its virtual router's interface.
    `tracked`: without its device the virtual router is in FAULT. `on_virtual_mac`: its device is
    its virtual router's own (`VirtualMac`), which is up only while it has addresses.
    """

    address: IPAddress
    prefix_length: int
    device: str
    label: str | None = None
    attributes: Attributes = PLAIN
    tracked: bool = True
    on_virtual_mac: bool = False

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix_length}"
