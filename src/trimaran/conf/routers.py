"""From what the file says in `vrrp_instance` blocks to virtual routers."""

from collections.abc import Hashable, Sequence

from trimaran.conf.addresses import Entry, report_mixed_families, virtual_addresses
from trimaran.conf.notifications import notify
from trimaran.conf.report import Report
from trimaran.conf.routing import virtual_routing
from trimaran.conf.schema import Setting
from trimaran.conf.table import vrrp as table
from trimaran.conf.table.addresses import DEV, VIRTUAL_ADDRESS
from trimaran.conf.table.tracking import TRACK_ENTRY, TRACK_INTERFACE
from trimaran.conf.timing import announcements, manners
from trimaran.conf.tokens import Word
from trimaran.conf.trackers import Known, tracks
from trimaran.conf.transport import authentication, speaks_ipv6, transport
from trimaran.conf.values import seconds
from trimaran.conf.virtual_macs import VirtualMacs
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import InitialState, VirtualRouter

OWNER_PRIORITY = 255
"""The priority of the router that owns the addresses (RFC 9568, 5.2.4)."""
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
    macs = VirtualMacs(report)
    routers = (
        _virtual_router(instance, global_defs, trackers, macs, report) for instance in instances
    )
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
        for entry in (*_address_entries(instance), *_excluded_entries(instance)):
            named += entry.all(DEV)
        for setting in named:
            name = setting.value
            if name is not None and name not in interfaces and name not in reported:
                reported.add(name)
                report.error(setting.at, f"this machine has no interface '{name}'", f"it has {has}")


def _virtual_router(
    instance: Setting[str],
    global_defs: Setting[bool],
    trackers: Known,
    macs: VirtualMacs,
    report: Report,
) -> VirtualRouter | None:
    entries = _address_entries(instance)
    first = next((entry.value.ip for entry in entries if entry.value is not None), None)
    ipv6 = speaks_ipv6(instance, first)
    version = _version(instance, global_defs, ipv6=ipv6, report=report)
    _check_interval(instance, version, report)
    priority = _priority(instance, report)
    preempt = _preempt(instance, priority, report)
    password, sealed = authentication(instance, version, ipv6=ipv6, report=report)
    tracked = tuple(track for track, _ in tracks(instance, trackers, report))
    interface = instance.get(table.INTERFACE)
    vrid = instance.get(table.VIRTUAL_ROUTER_ID)
    _report_addresses(entries, instance, report)
    report_mixed_families(entries, ipv6=ipv6, instance=instance.title, report=report)
    way = transport(instance, global_defs, ipv6=ipv6, report=report)
    mac = macs.of(instance, way)
    if instance.value is None or interface is None or vrid is None or version is None:
        return None
    if not (instance.last(table.VIRTUAL_IPADDRESS) or instance[table.NO_VIRTUAL_IPADDRESS]):
        report.warning(
            instance.word,
            f"{instance.title} has no virtual_ipaddress",
            "without addresses it elects a master of nothing",
        )
    owner = priority == OWNER_PRIORITY and instance.last(table.STATE) is None
    state = _initial_state(instance, report, owner=owner, sealed=sealed)
    return VirtualRouter(
        name=instance.value,
        interface=interface,
        vrid=vrid,
        priority=priority,
        initial_state=state,
        version=version,
        advertisement_interval=instance[table.ADVERT_INT],
        preempt=preempt,
        password=password,
        sealed=sealed,
        transport=way,
        addresses=virtual_addresses(entries, interface, report, mac),
        excluded=virtual_addresses(_excluded_entries(instance), interface, report, mac),
        tracked=tracked,
        track_primary=not instance[table.DONT_TRACK_PRIMARY],
        accept=instance[table.ACCEPT] or not instance[table.NO_ACCEPT],
        notify=notify(instance, global_defs),
        routing=virtual_routing(instance, report),
        announcements=announcements(instance, global_defs, ipv6=ipv6),
        manners=manners(instance, global_defs, state, report),
        virtual_mac=mac,
    )


def _version(
    instance: Setting[str], global_defs: Setting[bool], *, ipv6: bool, report: Report
) -> int | None:
    said = instance.last(table.VERSION)
    if not ipv6:
        return said.value if said else global_defs[table.VRRP_VERSION]
    if said and said.value == 2:
        report.warning(said.at, "IPv6 needs VRRP version 3: 3 is taken", "write 'version 3'")
    return 3


def _initial_state(
    instance: Setting[str], report: Report, *, owner: bool, sealed: bool
) -> InitialState:
    """An authentication header's sequence number has to be learnt from the master first."""
    state = InitialState.MASTER if owner else instance[table.STATE]
    if sealed and state is InitialState.MASTER and not owner:
        setting = instance.last(table.STATE)
        assert setting is not None
        report.warning(
            setting.at,
            "state MASTER does not go with auth_type AH: BACKUP is taken",
            "write 'state BACKUP'",
        )
        return InitialState.BACKUP
    return state


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


def _report_addresses(entries: Sequence[Entry], instance: Setting[str], report: Report) -> None:
    if len(entries) > _MOST_ADDRESSES:
        report.error(
            entries[_MOST_ADDRESSES].word,
            f"{instance.title} has more than {_MOST_ADDRESSES} addresses, the most of one "
            "advertisement",
            "put the others in another vrrp_instance",
        )


def _address_entries(instance: Setting[str]) -> list[Entry]:
    blocks = instance.all(table.VIRTUAL_IPADDRESS)
    return [entry for block in blocks for entry in block.all(VIRTUAL_ADDRESS)]


def _excluded_entries(instance: Setting[str]) -> list[Entry]:
    blocks = instance.all(table.VIRTUAL_IPADDRESS_EXCLUDED)
    return [entry for block in blocks for entry in block.all(VIRTUAL_ADDRESS)]


def _report_duplicates(instances: Sequence[Setting[str]], report: Report) -> None:
    names: dict[Hashable, Word] = {}
    vrids: dict[Hashable, Word] = {}
    addresses: dict[Hashable, Word] = {}
    for instance in instances:
        if instance.value is not None:
            report.once(names, instance.value, instance.at, f"vrrp_instance {instance.value}")
        interface = instance.get(table.INTERFACE)
        vrid = instance.last(table.VIRTUAL_ROUTER_ID)
        entries = _address_entries(instance)
        first = next((entry.value.ip for entry in entries if entry.value is not None), None)
        ipv6 = speaks_ipv6(instance, first)
        if interface is not None and vrid is not None and vrid.value is not None:
            what = f"virtual_router_id {vrid.value} on {interface}" + (" (IPv6)" if ipv6 else "")
            report.once(vrids, (interface, ipv6, vrid.value), vrid.at, what)
        for entry in (*entries, *_excluded_entries(instance)):
            if entry.value is not None:
                address = entry.value.ip
                report.once(addresses, address, entry.at, f"address {address}")
