"""macvlan devices: a MAC address of its own on an interface (ip-link(8)).

They are of private mode: nothing passes between two of the same interface.
"""

import errno
import socket
from contextlib import suppress

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from trimaran.net.errors import NetError, explain
from trimaran.net.sysctl import SYSCTLS, Sysctl

_KIND, _MODE = "macvlan", "private"
_NO_ADDRESS_GENERATED = 1
"""IN6_ADDR_GEN_MODE_NONE: peers' devices have the same MAC address, and would make the same."""


async def add(ipr: AsyncIPRoute, device: str, interface: str, mac: bytes) -> None:
    """Make the device, down, unless there is just this one already. Raises NetError."""
    try:
        await ipr.link(
            "add",
            ifname=device,
            kind=_KIND,
            link=socket.if_nametoindex(interface),
            macvlan_mode=_MODE,
            address=mac.hex(":"),
        )
    except OSError as error:
        raise NetError(f"cannot make {device}: there is no interface {interface}") from error
    except NetlinkError as error:
        if error.code == errno.EEXIST and await is_there(ipr, device, interface, mac):
            return
        why = {
            errno.EEXIST: "there is another device of this name",
            errno.EOPNOTSUPP: "this kernel has no macvlan devices (CONFIG_MACVLAN)",
            errno.EBUSY: "something else takes all that the interface receives (a bridge, a bond)",
        }.get(error.code)
        what = f"cannot make the macvlan device {device} on {interface}"
        raise NetError(f"{what}: {why or explain(error.code)}") from error


async def remove(ipr: AsyncIPRoute, device: str) -> bool:
    """Remove a macvlan device, with its addresses; False if there is none of this name.

    Raises NetError.
    """
    try:
        if await _described(ipr, device) is None:
            return False
        await ipr.link("del", index=socket.if_nametoindex(device))
    except OSError:
        return False
    except NetlinkError as error:
        if error.code == errno.ENODEV:
            return False
        raise NetError(f"cannot remove {device}: {explain(error.code)}") from error
    return True


async def set_up(ipr: AsyncIPRoute, device: str, *, up: bool) -> None:
    """Take it up, or down if it is there. Raises NetError."""
    try:
        index = socket.if_nametoindex(device)
        await ipr.link("set", index=index, state="up" if up else "down")
    except OSError as error:
        if up:
            raise NetError(f"cannot take {device} up: {explain(errno.ENODEV)}") from error
    except NetlinkError as error:
        if up or error.code != errno.ENODEV:
            state = "up" if up else "down"
            raise NetError(f"cannot take {device} {state}: {explain(error.code)}") from error


async def is_there(ipr: AsyncIPRoute, device: str, interface: str, mac: bytes) -> bool:
    """Whether there is a macvlan device like this."""
    with suppress(OSError):
        return await _described(ipr, device) == (socket.if_nametoindex(interface), mac)
    return False


async def _described(ipr: AsyncIPRoute, device: str) -> tuple[int, bytes] | None:
    """Below which interface a macvlan device is, and its MAC address; None if it is none."""
    try:
        index = socket.if_nametoindex(device)
    except OSError:
        return None
    for link in await ipr.link("get", index=index):
        information = link.get_attr("IFLA_LINKINFO")
        if information is not None and information.get_attr("IFLA_INFO_KIND") == _KIND:
            mac = bytes.fromhex(link.get_attr("IFLA_ADDRESS").replace(":", ""))
            return link.get_attr("IFLA_LINK"), mac
    return None


def settings(device: str, *, ipv6: bool) -> tuple[Sysctl, ...]:
    """What the device needs, as keepalived sets it: it answers ARP for its own addresses only,
    and takes what no route leads back to; IPv6 only if it has such addresses."""
    ipv4, of_ipv6 = f"net/ipv4/conf/{device}", f"net/ipv6/conf/{device}"
    sixth = (
        Sysctl(f"{of_ipv6}/disable_ipv6", int(not ipv6)),
        Sysctl(f"{of_ipv6}/addr_gen_mode", _NO_ADDRESS_GENERATED),
        Sysctl(f"{of_ipv6}/accept_ra", 0),
    )
    return (
        Sysctl(f"{ipv4}/arp_ignore", 1),
        Sysctl(f"{ipv4}/accept_local", 1),
        Sysctl(f"{ipv4}/rp_filter", 0),
        Sysctl(f"{ipv4}/promote_secondaries", 1),
        *(sixth if (SYSCTLS / of_ipv6).exists() else ()),
    )


def settings_below(interface: str) -> tuple[Sysctl, ...]:
    """What the interface needs below it: not to answer ARP for what the device has."""
    ipv4 = f"net/ipv4/conf/{interface}"
    return (Sysctl(f"{ipv4}/arp_ignore", 1), Sysctl(f"{ipv4}/arp_filter", 1))


def strict_filter() -> str | None:
    """What keeps packets from such devices whatever they are set to, if anything does."""
    everywhere = Sysctl("net/ipv4/conf/all/rp_filter", 1)
    return str(everywhere) if everywhere.read() == everywhere.value else None
