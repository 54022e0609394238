"""Virtual addresses on interfaces. Doing again what is done already is no error."""

import errno
import socket
from ipaddress import ip_address
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from trimaran.model.address import VirtualAddress
from trimaran.net.errors import NetError, explain

_IFA_F_NODAD = 0x02
_IFA_F_HOMEADDRESS = 0x10
_IFA_F_MANAGETEMPADDR = 0x100
_IFA_F_NOPREFIXROUTE = 0x200
_IFA_F_MCAUTOJOIN = 0x400
_FOR_EVER = 0xFFFFFFFF


async def add(ipr: AsyncIPRoute, address: VirtualAddress) -> bool:
    """Put an address on its device; False if it was there. Raises NetError."""
    try:
        return await _request(ipr, "add", address)
    except NetlinkError as error:
        if error.code == errno.EEXIST:
            return False
        raise NetError(
            f"cannot add {address} to {address.device}: {explain(error.code)}"
        ) from error


async def remove(ipr: AsyncIPRoute, address: VirtualAddress) -> bool:
    """Take an address off its device; False if it, or the device, was not there.

    Raises NetError.
    """
    try:
        return await _request(ipr, "del", address)
    except NetlinkError as error:
        if error.code in (errno.EADDRNOTAVAIL, errno.ENODEV):
            return False
        raise NetError(
            f"cannot remove {address} from {address.device}: {explain(error.code)}"
        ) from error


async def present(ipr: AsyncIPRoute, device: str) -> frozenset[VirtualAddress]:
    """The addresses of a device; none if there is no such device."""
    try:
        index = socket.if_nametoindex(device)
    except OSError:
        return frozenset()
    found = set()
    for family in (socket.AF_INET, socket.AF_INET6):
        async for message in await ipr.addr("dump", family=family, index=index):
            label = message.get_attr("IFA_LABEL")
            found.add(
                VirtualAddress(
                    address=ip_address(
                        message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
                    ),
                    prefix_length=message["prefixlen"],
                    device=device,
                    label=label if label != device else None,
                )
            )
    return frozenset(found)


async def _request(ipr: AsyncIPRoute, command: str, address: VirtualAddress) -> bool:
    try:
        index = socket.if_nametoindex(address.device)
    except OSError as error:
        raise NetlinkError(errno.ENODEV) from error
    request: dict[str, Any] = {
        "index": index,
        "address": str(address.address),
        "prefixlen": address.prefix_length,
    }
    if address.attributes.peer is not None:
        request |= {"local": str(address.address), "address": str(address.attributes.peer)}
    if command == "add":
        request |= _settings(address)
    await ipr.addr(command, **request)
    return True


def _settings(address: VirtualAddress) -> dict[str, Any]:
    """What an address is added with.

    IPv6 addresses without duplicate address detection: it would leave a new master without its
    address for a second, and for good if the old one still answered.
    """
    attributes = address.attributes
    flags = (
        attributes.home * _IFA_F_HOMEADDRESS
        | attributes.manage_temporary * _IFA_F_MANAGETEMPADDR
        | (not attributes.prefix_route) * _IFA_F_NOPREFIXROUTE
        | attributes.join_group * _IFA_F_MCAUTOJOIN
        | (address.address.version == 6) * _IFA_F_NODAD
    )
    settings: dict[str, Any] = {"scope": attributes.scope}
    if flags:
        settings["flags"] = flags
    if address.label is not None:
        settings["label"] = address.label
    if attributes.broadcast is not None:
        settings["broadcast"] = str(attributes.broadcast)
    if attributes.preferred is not None:
        settings["preferred"] = attributes.preferred
        settings["valid"] = _FOR_EVER
    return settings
