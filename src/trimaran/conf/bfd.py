"""From `bfd_instance` blocks to BFD sessions, and from `BFD_CHECK` blocks to checks of them."""

from collections.abc import Hashable, Sequence

from trimaran.conf.check_blocks import CheckBlock
from trimaran.conf.report import Report
from trimaran.conf.schema import Setting
from trimaran.conf.table import bfd as table
from trimaran.conf.tokens import Word
from trimaran.model.bfd import BfdSession
from trimaran.model.check import BfdCheck

_TTL = 255
_KEEPALIVED_HOP_LIMIT = 64
"""What keepalived sends to IPv6 neighbours if its file does not say: less than RFC 5881 wants."""
_LONGEST_NAME = 31


def bfd_sessions(instances: Sequence[Setting[str]], report: Report) -> tuple[BfdSession, ...]:
    """The sessions of a file; what is wrong with them is reported."""
    _report_duplicates(instances, report)
    sessions = (_session(instance, report) for instance in instances)
    return tuple(session for session in sessions if session is not None)


def bfd_check(block: CheckBlock) -> BfdCheck | None:
    """A `BFD_CHECK`; None if its session may not be used, which has been reported."""
    named = block.check.last(table.SESSION)
    if named is None or named.value is None:
        return None
    instances = block.service.all(table.BFD_INSTANCE)
    found = next((instance for instance in instances if instance.value == named.value), None)
    if found is None:
        block.report.error(
            named.at,
            f"there is no bfd_instance '{named.value}'",
            "write 'bfd_instance NAME { neighbor_ip ADDRESS }', at the top level",
        )
    elif found[table.VRRP] and not found[table.CHECKER]:
        block.report.error(
            named.at,
            f"bfd_instance '{named.value}' is for VRRP only",
            "add 'checker' to it, or remove 'vrrp' from it",
        )
    else:
        return BfdCheck(named.value)
    return None


def _session(instance: Setting[str], report: Report) -> BfdSession | None:
    name, neighbour = instance.value, instance.get(table.NEIGHBOR_IP)
    source = instance.last(table.SOURCE_IP)
    if name is not None and len(name) > _LONGEST_NAME:
        advice = f"names of bfd_instances have at most {_LONGEST_NAME} characters"
        report.error(instance.at, f"'{name}' is too long", advice)
    if name is None or neighbour is None:
        return None
    if source is not None and source.value is not None:
        if source.value.version != neighbour.version:
            message = f"{source.value} and {neighbour} are not of one version"
            report.error(source.at, message, f"write an IPv{neighbour.version} address")
        elif source.value == neighbour:
            report.error(source.at, f"{neighbour} is the neighbour", "write an address of ours")
    return BfdSession(
        name=name,
        neighbour=neighbour,
        source=source.value if source else None,
        required_min_rx=instance[table.MIN_RX],
        desired_min_tx=instance[table.MIN_TX],
        idle_tx=instance[table.IDLE_TX],
        multiplier=instance[table.MULTIPLIER],
        passive=instance[table.PASSIVE],
        ttl=instance.get(table.TTL) or _TTL,
        least_ttl=_least_ttl(instance, neighbour.version, report),
    )


def _least_ttl(instance: Setting[str], version: int, report: Report) -> int:
    hops = instance[table.MAX_HOPS]
    if hops in (-1, 255):
        return 0
    most = instance.get(table.TTL) or (_TTL if version == 4 else _KEEPALIVED_HOP_LIMIT)
    if hops > most:
        said = instance.last(table.MAX_HOPS)
        assert said is not None, "the default is no more than any TTL"
        report.error(said.at, f"max_hops {hops} is more than ttl {most}", "write less, or -1")
    return max(most - hops, 0)


def _report_duplicates(instances: Sequence[Setting[str]], report: Report) -> None:
    """keepalived finds a session by its neighbour: so each has one only."""
    neighbours = [said for one in instances if (said := one.last(table.NEIGHBOR_IP)) is not None]
    for what, settings in (("bfd_instance", instances), ("neighbor_ip", neighbours)):
        seen: dict[Hashable, Word] = {}
        for setting in settings:
            if setting.value is None:
                continue
            first = seen.setdefault(setting.value, setting.at)
            if first is not setting.at:
                line = report.line_of(first, setting.at)
                message = f"{what} {setting.value} is already in {line}"
                report.error(setting.at, message, "remove one of them")
