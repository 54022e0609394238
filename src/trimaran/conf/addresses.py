"""From the lines of `virtual_ipaddress` to virtual addresses."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from trimaran.conf.report import Report
from trimaran.conf.schema import Keyword, Setting
from trimaran.conf.table import addresses as table
from trimaran.conf.values_addresses import Interface
from trimaran.model.address import Attributes, VirtualAddress
from trimaran.model.virtual_mac import VirtualMac

Entry = Setting[Interface]


def virtual_addresses(
    entries: Sequence[Entry],
    interface: str | None,
    report: Report,
    virtual_mac: VirtualMac | None = None,
) -> tuple[VirtualAddress, ...]:
    """The addresses of these lines; what is wrong with them is reported.

    Those on the virtual router's interface, as by default, are on its own device if it has one.
    """
    found = (_virtual_address(entry, interface, virtual_mac, report) for entry in entries)
    return tuple(address for address in found if address is not None)


def report_mixed_families(
    entries: Sequence[Entry], *, ipv6: bool, instance: str, report: Report
) -> None:
    """Report those of another IP version than the advertisements that they travel in."""
    for entry in entries:
        if entry.value is not None and (entry.value.version == 6) != ipv6:
            report.error(
                entry.at,
                f"{entry.value.ip} is IPv{entry.value.version}, and {instance} speaks "
                f"IPv{6 if ipv6 else 4}: an advertisement has addresses of one version",
                "put it in virtual_ipaddress_excluded, or in a vrrp_instance of its own",
            )


def _virtual_address(
    entry: Entry, interface: str | None, virtual_mac: VirtualMac | None, report: Report
) -> VirtualAddress | None:
    device = entry.get(table.DEV) or interface
    if device is None or entry.value is None:
        return None
    label = entry.get(table.LABEL)
    if label is not None and label != device and not label.startswith(f"{device}:"):
        setting = entry.last(table.LABEL)
        assert setting is not None
        report.error(
            setting.at,
            f"label '{label}' does not start with its device's name",
            f"write 'label {device}:NAME'",
        )
    _report_ipv4_only(entry, report)
    peer = entry.get(table.PEER)
    if peer is None and entry.value.version == 4 and "/" not in entry.at.text:
        # keepalived takes it for /32, which is seldom meant: such an address has no network.
        report.error(
            entry.at,
            f"'{entry.value.ip}' has no prefix length",
            f"write {entry.value.ip}/24 (the length of its network) or {entry.value.ip}/32",
        )
    # The length belongs to the address at the other end, if there is one.
    length = (entry.value if peer is None else peer).network.prefixlen
    own = virtual_mac if device == interface else None
    return VirtualAddress(
        entry.value.ip,
        length,
        own.device if own else device,
        label,
        _attributes(entry, entry.value),
        tracked=not entry[table.NO_TRACK] and own is None,
        on_virtual_mac=own is not None,
    )


def _report_ipv4_only(entry: Entry, report: Report) -> None:
    if entry.value is None or entry.value.version == 4:
        return
    keywords: tuple[Keyword[Any], ...] = (table.LABEL, table.SCOPE, table.BROADCAST)
    for keyword in keywords:
        if said := entry.last(keyword):
            what = f"{keyword.name} is ignored: an IPv6 address has none"
            report.warning(said.word, what, "remove it")


def _attributes(entry: Entry, address: Interface) -> Attributes:
    peer, preferred = entry.get(table.PEER), entry.get(table.PREFERRED_LFT)
    if preferred is None and address.version == 6 and address.network.prefixlen == 128:
        preferred = 0  # the kernel shall not take a VIP for what this host sends of its own accord
    ipv4 = address.version == 4
    return Attributes(
        scope=entry[table.SCOPE] if ipv4 else 0,
        broadcast=_broadcast(entry, address) if isinstance(address, IPv4Interface) else None,
        peer=peer.ip if peer else None,
        preferred=None if preferred == -1 else preferred,
        home=entry[table.HOME],
        manage_temporary=entry[table.MNGTMPADDR],
        prefix_route=not entry[table.NOPREFIXROUTE],
        join_group=entry[table.AUTOJOIN],
    )


def _broadcast(entry: Entry, address: IPv4Interface) -> IPv4Address | None:
    said = entry.get(table.BROADCAST)
    if said == "+":
        return address.network.broadcast_address
    if said == "-":
        return address.network.network_address
    return said if isinstance(said, IPv4Address) else None
