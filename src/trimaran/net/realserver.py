"""A real server's own side: its virtual addresses, and that it does not answer for them.

Behind direct routing the VIP is on `lo`, and no interface may answer ARP for it, nor be asked by
its owner's address (Documentation/networking/ip-sysctl: arp_ignore, arp_announce; the greater of
`all`'s and the interface's value counts). An IPv6 address of `lo` is never answered for on
another interface, and `lo` has no DAD. Behind tunnels the VIP is on the device that decapsulates,
whose packets come in where no route leads back: rp_filter must be off (all's and the device's).
"""

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from trimaran.model.address import VirtualAddress
from trimaran.model.ip import IPAddress
from trimaran.net import addresses
from trimaran.net.errors import NetError, explain
from trimaran.net.sysctl import SYSCTLS, Sysctl

_CONF = "net/ipv4/conf"
_TUNNEL = "tunl0"
_TUNNEL_OVERHEAD = 20
_LISTEN_SECONDS = 1.0


NO_ARP = (Sysctl(f"{_CONF}/all/arp_ignore", 1), Sysctl(f"{_CONF}/all/arp_announce", 2))
NO_FILTER = (Sysctl(f"{_CONF}/all/rp_filter", 0), Sysctl(f"{_CONF}/{_TUNNEL}/rp_filter", 0))


def device(*, tunnel: bool) -> str:
    """What the VIPs are on."""
    return _TUNNEL if tunnel else "lo"


def sysctls(vips: Sequence[IPAddress], *, tunnel: bool) -> tuple[Sysctl, ...]:
    """The settings that these addresses need."""
    arp = NO_ARP if any(vip.version == 4 for vip in vips) else ()
    return (*arp, *(NO_FILTER if tunnel else ()))


async def set_up(
    ipr: AsyncIPRoute, vips: Sequence[IPAddress], *, tunnel: bool
) -> tuple[list[str], list[Sysctl]]:
    """Make it so; a line for each change, and the settings as they were. Raises NetError.

    The settings come first: the address is answered for not even for a moment.
    """
    changes, before = [], []
    if tunnel and await _bring_up_tunnel(ipr):
        changes.append(f"{_TUNNEL} is up, to decapsulate IPIP")
    for wanted in sysctls(vips, tunnel=tunnel):
        found = wanted.read()
        if not _is_enough(wanted, found):
            wanted.write()
            before.append(Sysctl(wanted.name, found))
            changes.append(f"{wanted} (was {found})")
    for vip in vips:
        address = VirtualAddress(vip, vip.max_prefixlen, device(tunnel=tunnel))
        if await addresses.add(ipr, address):
            changes.append(f"{address} added to {address.device}")
    return changes, before


async def undo(
    ipr: AsyncIPRoute, vips: Sequence[IPAddress], before: Sequence[Sysctl], *, tunnel: bool
) -> list[str]:
    """Take the addresses away and set what was noted `before`; a line for each change."""
    changes = []
    for vip in vips:
        address = VirtualAddress(vip, vip.max_prefixlen, device(tunnel=tunnel))
        if await addresses.remove(ipr, address):
            changes.append(f"{address} removed from {address.device}")
    for setting in before:
        if setting.read() != setting.value:
            setting.write()
            changes.append(str(setting))
    return changes


async def faults(
    ipr: AsyncIPRoute, vips: Sequence[IPAddress], ports: Sequence[int], *, tunnel: bool
) -> list[str]:
    """What is wrong, a line each. `ports`: TCP ports where clients of the VIPs are served."""
    found = [*_arp_faults(vips)]
    home = device(tunnel=tunnel)
    held: dict[IPAddress, set[str]] = {}
    for _, name in socket.if_nameindex():
        for address in await addresses.present(ipr, name):
            held.setdefault(address.address, set()).add(name)
    for vip in vips:
        names = held.get(vip, set())
        if home not in names:
            found.append(f"{vip} is not on {home}: packets for it are dropped")
        for name in sorted(names - {home}):
            found.append(f"{vip} is on {name}: this server answers for it there")
        found += [line for port in ports if names for line in _not_served(vip, port)]
    if tunnel:
        found += _tunnel_faults()
    return found


def _is_enough(wanted: Sysctl, found: int) -> bool:
    """arp_ignore and arp_announce may be stricter; rp_filter is right as 0 only."""
    return found == wanted.value or (wanted.value > 0 and found > wanted.value)


def _arp_faults(vips: Sequence[IPAddress]) -> Iterator[str]:
    if all(vip.version == 6 for vip in vips):
        return
    for wanted in NO_ARP:
        word = wanted.name.rpartition("/")[2]
        everywhere = wanted.read()
        for _, name in socket.if_nameindex():
            here = Sysctl(f"{_CONF}/{name}/{word}", wanted.value)
            value = max(everywhere, here.read())
            if name != "lo" and value < wanted.value:
                what = "answers ARP for the VIPs" if word == "arp_ignore" else "asks as the VIPs"
                yield f"{name} {what}: {here.name.replace('/', '.')} is {value}, not {wanted.value}"


def _not_served(vip: IPAddress, port: int) -> Iterator[str]:
    """By a connection of this host to itself, which its firewall may see otherwise."""
    try:
        socket.create_connection((str(vip), port), _LISTEN_SECONDS).close()
    except ConnectionRefusedError:
        yield f"nothing listens on {vip} port {port}: clients are refused"
    except OSError as error:
        yield f"{vip} port {port} does not answer: {error.strerror or error}"


def _tunnel_faults() -> Iterator[str]:
    if not (SYSCTLS / _CONF / _TUNNEL).exists():
        yield f"there is no {_TUNNEL}: tunnelled packets are dropped"
        return
    worst = max(wanted.read() for wanted in NO_FILTER)
    if worst:
        yield f"rp_filter {worst} drops what comes out of {_TUNNEL}: it must be 0 there and in all"
    for _, name in socket.if_nameindex():
        mtu = int(Path(f"/sys/class/net/{name}/mtu").read_text())
        if name not in ("lo", _TUNNEL) and mtu < 1500 + _TUNNEL_OVERHEAD:
            yield (
                f"MTU {mtu} of {name} has no room for full packets in a tunnel: set it to "
                f"{1500 + _TUNNEL_OVERHEAD}, or advertise an MSS of {mtu - 60}"
            )


async def _bring_up_tunnel(ipr: AsyncIPRoute) -> bool:
    """Bring the fallback device of ipip up, which has packets from anybody; False if it is up."""
    try:
        index = socket.if_nametoindex(_TUNNEL)
    except OSError:
        raise NetError(
            f"there is no {_TUNNEL}: this kernel has no IPIP devices, or its module is not loaded "
            "(modprobe ipip)"
        ) from None
    try:
        links = await ipr.link("get", index=index)
        if links[0]["flags"] & 1:  # IFF_UP
            return False
        await ipr.link("set", index=index, state="up")
    except NetlinkError as error:
        raise NetError(f"cannot bring {_TUNNEL} up: {explain(error.code)}") from error
    return True
