"""Virtual addresses on interfaces. Doing again what is done already is no error."""

import errno
import socket
from ipaddress import IPv4Address
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from trimaran.model.address import VirtualAddress
from trimaran.net.errors import NetError, explain


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
    """The IPv4 addresses of a device; none if there is no such device."""
    try:
        index = socket.if_nametoindex(device)
    except OSError:
        return frozenset()
    found = set()
    async for message in await ipr.addr("dump", family=socket.AF_INET, index=index):
        label = message.get_attr("IFA_LABEL")
        found.add(
            VirtualAddress(
                address=IPv4Address(message.get_attr("IFA_LOCAL")),
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
    if command == "add" and address.label is not None:
        request["label"] = address.label
    await ipr.addr(command, **request)
    return True
