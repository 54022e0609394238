"""From what the file says in `vrrp_instance` blocks to virtual routers."""

from collections.abc import Hashable, Sequence
from ipaddress import IPv4Interface

from trimaran.conf.notifications import notify
from trimaran.conf.report import Report
from trimaran.conf.routing import virtual_routing
from trimaran.conf.schema import Setting
from trimaran.conf.table import vrrp as table
from trimaran.conf.table.tracking import TRACK_ENTRY, TRACK_INTERFACE
from trimaran.conf.tokens import Word
from trimaran.conf.trackers import Known, tracks
from trimaran.conf.values import seconds
from trimaran.model.address import VirtualAddress
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import GratuitousArp, InitialState, VirtualRouter

OWNER_PRIORITY = 255
"""The priority of the router that owns the addresses (RFC 9568, 5.2.4)."""
_LONGEST_PASSWORD = 8
_MOST_ADDRESSES = 255
"""The count of addresses is one byte of an advertisement (RFC 9568, 5.2.5)."""
_LONGEST_V3_INTERVAL = 4095 * 10 * MILLISECOND
_MOST_INTERFACES_NAMED = 8


def virtual_routers(
    instances: Sequence[Setting[str]],
    global_defs: Setting[bool],
    trackers: Known,
    report: Report,
) -> tuple[VirtualRouter, ...]:
    """The virtual routers of a file; what is wrong with them is reported."""
    _report_duplicates(instances, report)
    routers = (_virtual_router(instance, global_defs, trackers, report) for instance in instances)
    return tuple(router for router in routers if router is not None)


def report_absent_interfaces(
    instances: Sequence[Setting[str]],
    groups: Sequence[Setting[str]],
    interfaces: frozenset[str],
    report: Report,
) -> None:
    """Report interfaces that are named and that the machine does not have, each once."""
    has = ", ".join(sorted(interfaces)[:_MOST_INTERFACES_NAMED])
    reported: set[str] = set()
    for instance in (*instances, *groups):
        named = [*instance.all(table.INTERFACE)]
        for block in instance.all(TRACK_INTERFACE):
            named += block.all(TRACK_ENTRY)
        for entry in _address_entries(instance):
            named += entry.all(table.DEV)
        for setting in named:
            name = setting.value
            if name is not None and name not in interfaces and name not in reported:
                reported.add(name)
                report.error(setting.at, f"this machine has no interface '{name}'", f"it has {has}")


def _virtual_router(
    instance: Setting[str], global_defs: Setting[bool], trackers: Known, report: Report
) -> VirtualRouter | None:
    said = instance.last(table.VERSION)
    version = said.value if said else global_defs[table.VRRP_VERSION]
    _check_interval(instance, version, report)
    priority = _priority(instance, report)
    preempt = _preempt(instance, priority, report)
    password = _password(instance, version, report)
    tracked = tuple(track for track, _ in tracks(instance, trackers, report))
    interface = instance.get(table.INTERFACE)
    vrid = instance.get(table.VIRTUAL_ROUTER_ID)
    addresses = _addresses(instance, interface, report)
    if instance.value is None or interface is None or vrid is None or version is None:
        return None
    owner = priority == OWNER_PRIORITY and instance.last(table.STATE) is None
    return VirtualRouter(
        name=instance.value,
        interface=interface,
        vrid=vrid,
        priority=priority,
        initial_state=InitialState.MASTER if owner else instance[table.STATE],
        version=version,
        advertisement_interval=instance[table.ADVERT_INT],
        preempt=preempt,
        password=password,
        addresses=addresses,
        tracked=tracked,
        track_primary=not instance[table.DONT_TRACK_PRIMARY],
        notify=notify(instance, global_defs),
        routing=virtual_routing(instance, report),
        gratuitous_arp=_gratuitous_arp(instance, global_defs),
    )


def _check_interval(instance: Setting[str], version: int | None, report: Report) -> None:
    setting = instance.last(table.ADVERT_INT)
    if setting is None or setting.value is None:
        return
    interval = setting.value
    if version == 2 and interval % SECOND:
        report.error(
            setting.at,
            f"advert_int {seconds(interval)}: VRRP version 2 knows whole seconds only",
            "write whole seconds from 1 to 255, or 'version 3'",
        )
    if version == 3 and interval > _LONGEST_V3_INTERVAL:
        report.error(
            setting.at,
            f"advert_int {seconds(interval)} is too long for VRRP version 3",
            f"write seconds from 0.01 to {seconds(_LONGEST_V3_INTERVAL)}",
        )
    if version == 3 and interval % (10 * MILLISECOND):
        report.error(
            setting.at,
            f"advert_int {seconds(interval)}: VRRP version 3 counts in hundredths of a second",
            "write at most two decimals",
        )


def _priority(instance: Setting[str], report: Report) -> int:
    state = instance.last(table.STATE)
    if (
        state is not None
        and state.value is InitialState.MASTER
        and instance.last(table.PRIORITY) is None
    ):
        report.warning(
            state.at,
            "state MASTER without a priority means priority 255, the owner of the addresses",
            "write a priority from 1 to 254 if other directors shall ever win",
        )
        return OWNER_PRIORITY
    return instance[table.PRIORITY]


def _preempt(instance: Setting[str], priority: int, report: Report) -> bool:
    """`nopreempt` is void for one that starts as master or owns the addresses."""
    setting = instance.last(table.NOPREEMPT)
    if setting is None:
        return True
    if instance[table.STATE] is InitialState.MASTER:
        why, advice = "needs 'state BACKUP'", "write 'state BACKUP', or remove nopreempt"
    elif priority == OWNER_PRIORITY:
        why, advice = "does not go with priority 255", "write a lower priority, or remove nopreempt"
    else:
        return False
    report.warning(setting.word, f"nopreempt is ignored: it {why}", advice)
    return True


def _password(instance: Setting[str], version: int | None, report: Report) -> bytes | None:
    authentication = instance.last(table.AUTHENTICATION)
    if authentication is None:
        return None
    if version == 3:
        report.error(
            authentication.word,
            "VRRP version 3 has no authentication",
            "remove the block, or write 'version 2'",
        )
    setting = authentication.last(table.AUTH_PASS)
    if setting is None or setting.value is None:
        return None
    password = setting.value.encode()
    if len(password) > _LONGEST_PASSWORD:
        report.warning(
            setting.at,
            f"auth_pass has {len(password)} bytes: only the first {_LONGEST_PASSWORD} count",
            f"write at most {_LONGEST_PASSWORD}",
        )
    return password[:_LONGEST_PASSWORD]


def _addresses(
    instance: Setting[str], interface: str | None, report: Report
) -> tuple[VirtualAddress, ...]:
    entries = _address_entries(instance)
    if len(entries) > _MOST_ADDRESSES:
        report.error(
            entries[_MOST_ADDRESSES].word,
            f"{instance.title} has more than {_MOST_ADDRESSES} addresses, the most of one "
            "advertisement",
            "put the others in another vrrp_instance",
        )
    addresses = []
    for entry in entries:
        device = entry.get(table.DEV) or interface
        label = entry.get(table.LABEL)
        if device is None or entry.value is None:
            continue
        if label is not None and label != device and not label.startswith(f"{device}:"):
            setting = entry.last(table.LABEL)
            assert setting is not None
            report.error(
                setting.at,
                f"label '{label}' does not start with its device's name",
                f"write 'label {device}:NAME'",
            )
        prefix_length = entry.value.network.prefixlen
        addresses.append(VirtualAddress(entry.value.ip, prefix_length, device, label))
    return tuple(addresses)


def _address_entries(instance: Setting[str]) -> list[Setting[IPv4Interface]]:
    blocks = instance.all(table.VIRTUAL_IPADDRESS)
    return [entry for block in blocks for entry in block.all(table.VIRTUAL_ADDRESS)]


def _gratuitous_arp(instance: Setting[str], global_defs: Setting[bool]) -> GratuitousArp:
    repeat = instance.get(table.GARP_MASTER_REPEAT)
    delay = instance.get(table.GARP_MASTER_DELAY)
    return GratuitousArp(
        repeat=global_defs[table.VRRP_GARP_MASTER_REPEAT] if repeat is None else repeat,
        delay=global_defs[table.VRRP_GARP_MASTER_DELAY] if delay is None else delay,
    )


def _report_duplicates(instances: Sequence[Setting[str]], report: Report) -> None:
    names: dict[Hashable, Word] = {}
    vrids: dict[Hashable, Word] = {}
    addresses: dict[Hashable, Word] = {}
    for instance in instances:
        if instance.value is not None:
            report.once(names, instance.value, instance.at, f"vrrp_instance {instance.value}")
        interface = instance.get(table.INTERFACE)
        vrid = instance.last(table.VIRTUAL_ROUTER_ID)
        if interface is not None and vrid is not None and vrid.value is not None:
            what = f"virtual_router_id {vrid.value} on {interface}"
            report.once(vrids, (interface, vrid.value), vrid.at, what)
        for entry in _address_entries(instance):
            if entry.value is not None:
                address = entry.value.ip
                report.once(addresses, address, entry.at, f"address {address}")
