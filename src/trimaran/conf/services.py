"""From what the file says in `virtual_server` blocks to virtual services."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from trimaran.conf.report import Report
from trimaran.conf.schema import Setting
from trimaran.conf.servers import Place, mail, real_server, sorry_server
from trimaran.conf.table import services as table
from trimaran.conf.targets import Endpoint, Group, Mark, Target
from trimaran.conf.tokens import Word
from trimaran.model.service import (
    NO_FLAGS,
    Persistence,
    Protocol,
    Quorum,
    RealServer,
    SchedulerFlag,
    ServiceKey,
    VirtualService,
)

_ONE_ADDRESS = {4: 2**32 - 1, 6: 128}
"""Granularity: a netmask, the length of a prefix."""


def virtual_services(
    blocks: Sequence[Setting[Target]],
    groups: Sequence[Setting[str]],
    known: Mapping[Word, tuple[VirtualService, ...]],
    report: Report,
) -> Iterator[tuple[Word, tuple[VirtualService, ...]]]:
    """The virtual services of a file that have real servers, each block's with its keyword; what
    is wrong is reported. `known`: those of blocks that need not be read."""
    names: dict[Hashable, Word] = {}
    for group in groups:
        if group.value is not None:
            report.once(names, group.value, group.at, f"virtual_server_group {group.value}")
    by_name = {group.value: group for group in groups if group.value is not None}
    seen: dict[Hashable, Word] = {}
    for block in blocks:
        found = known.get(block.word)
        if found is None:
            made = _Reader(block, report).services(by_name, seen)
            found = tuple(service for service in made if service.real_servers)
        else:
            for service in found:
                _report_twice(service.key, block, seen, report)
        yield block.word, found


def _report_twice(
    key: ServiceKey, block: Setting[Target], seen: dict[Hashable, Word], report: Report
) -> None:
    report.once(seen, key, block.at, f"virtual_server {key}")


class _Reader:
    """Reads one `virtual_server` block: one service, or one for each entry of its group."""

    def __init__(self, block: Setting[Target], report: Report) -> None:
        self._block = block
        self._report = report
        self._marked = isinstance(block.value, Mark)
        self._protocol = block[table.PROTOCOL]
        self._servers: dict[Place, tuple[RealServer, ...]] = {}

    def services(
        self, groups: Mapping[str, Setting[str]], seen: dict[Hashable, Word]
    ) -> Iterator[VirtualService]:
        block, target = self._block, self._block.value
        if target is None:
            return
        self._warn_of_defaults()
        group = target.name if isinstance(target, Group) else None
        for key in self._keys(target, groups):
            _report_twice(key, block, seen, self._report)
            method = block[table.SERVICE_METHOD]
            place = Place(key.address.version, key.port, bool(key.mark), method)
            real_servers = self._real_servers(place)
            yield VirtualService(
                key,
                block[table.SCHEDULER],
                method.forwarding,
                real_servers,
                flags=self._flags(),
                persistence=self._persistence(key),
                persistence_engine=block.get(table.PERSISTENCE_ENGINE) or "",
                one_packet=self._one_packet(),
                quorum=self._quorum(real_servers),
                sorry_server=sorry_server(block, place, real_servers, self._report),
                group=group,
                quorum_up=block.get(table.QUORUM_UP),
                quorum_down=block.get(table.QUORUM_DOWN),
                omega=block[table.OMEGA],
                ha_suspend=block[table.HA_SUSPEND],
                drain_timeout=block.get(table.DRAIN_TIMEOUT) or 0,
                mail=mail(block, block.get(table.SMTP_ALERT), default=False),
            )

    def _warn_of_defaults(self) -> None:
        """Where the meaning of what is missing, or of what is too much, may surprise."""
        block, report = self._block, self._report
        protocol = block.last(table.PROTOCOL)
        if self._marked and protocol is not None:
            what = "protocol is ignored: a fwmark stands for packets of any"
            report.warning(protocol.word, what, "remove it")
        if not self._marked and protocol is None:
            report.warning(
                block.word,
                f"{block.title} has no protocol: that means UDP, as for keepalived",
                "write 'protocol TCP' or 'protocol UDP'",
            )
        if block.last(table.SERVICE_METHOD) is None:
            report.warning(
                block.word,
                f"{block.title} has no lvs_method: that means NAT, as for keepalived",
                "write 'lvs_method DR', 'lvs_method NAT' or 'lvs_method TUN'",
            )

    def _keys(self, target: Target, groups: Mapping[str, Setting[str]]) -> Iterator[ServiceKey]:
        if isinstance(target, Mark):
            yield self._marked_key(target)
        elif isinstance(target, Endpoint):
            yield ServiceKey(self._protocol, target.address, target.port)
        elif (group := groups.get(target.name)) is None:
            self._report.error(
                self._block.at,
                f"there is no virtual_server_group '{target.name}'",
                "write it, at the top level",
            )
        else:
            entries = group.all(table.GROUP_ENTRY)
            if not entries:
                self._report.warning(group.word, f"{group.title} has no entries", "write addresses")
            for members in (entry.value for entry in entries):
                if isinstance(members, Mark):
                    yield self._marked_key(members)
                else:
                    for endpoint in members or ():
                        yield ServiceKey(self._protocol, endpoint.address, endpoint.port)

    def _marked_key(self, mark: Mark) -> ServiceKey:
        ipv6 = mark.ipv6
        if ipv6 is None:
            ipv6 = self._block.get(table.IP_FAMILY)
        if ipv6 is None:
            servers = (server.value for server in self._block.all(table.REAL_SERVER))
            ipv6 = next((server.address.version == 6 for server in servers if server), False)
        return ServiceKey.marked(mark.number, ipv6=ipv6)

    def _real_servers(self, place: Place) -> tuple[RealServer, ...]:
        """The same for all entries of a group that the same servers can serve."""
        if place not in self._servers:
            seen: dict[Hashable, Word] = {}
            self._servers[place] = tuple(
                real_server(block, self._block, place, seen, self._report)
                for block in self._block.all(table.REAL_SERVER)
                if block.value is not None
            )
        return self._servers[place]

    def _flags(self) -> SchedulerFlag:
        scheduler = self._block[table.SCHEDULER]
        flags = NO_FLAGS
        for keyword, owner, flag in table.FLAGS:
            setting = self._block.last(keyword)
            if setting is None:
                continue
            if owner not in (None, scheduler):
                self._report.warning(
                    setting.word,
                    f"{keyword.name} is ignored: the scheduler is {scheduler}",
                    f"write 'lvs_sched {owner}', or remove it",
                )
            else:
                flags |= flag
        return flags

    def _one_packet(self) -> bool:
        setting = self._block.last(table.OPS)
        if setting is None or (self._protocol is Protocol.UDP and not self._marked):
            return setting is not None
        self._report.warning(setting.word, "ops is ignored: it is for protocol UDP", "remove it")
        return False

    def _persistence(self, key: ServiceKey) -> Persistence | None:
        block, version = self._block, key.address.version
        timeout = block.get(table.PERSISTENCE_TIMEOUT)
        granularity = block.last(table.PERSISTENCE_GRANULARITY)
        if timeout is None:
            all_ports = not key.port and not key.mark
            if not all_ports and granularity is None:
                return None
            timeout = table.DEFAULT_PERSISTENCE
            if all_ports and block.last(table.PERSISTENCE_TIMEOUT) is None:
                self._report.warning(
                    block.at,
                    f"a service on all ports is persistent: {timeout} seconds, as for keepalived",
                    "write 'persistence_timeout' and how long",
                )
        netmask = _ONE_ADDRESS[version]
        if granularity is not None and granularity.value is not None:
            netmask, ipv6 = granularity.value
            if ipv6 != (version == 6):
                self._report.error(
                    granularity.at,
                    f"this granularity is for IPv{6 if ipv6 else 4}, {key} is not",
                    "write a length from 1 to 128" if version == 6 else "write a netmask",
                )
        return Persistence(timeout, netmask)

    def _quorum(self, servers: Iterable[RealServer]) -> Quorum:
        block = self._block
        total = max(1, sum(server.weight for server in servers))
        weight, hysteresis = block[table.QUORUM], block[table.HYSTERESIS]
        if (setting := block.last(table.QUORUM)) and weight > total:
            self._report.warning(
                setting.at,
                f"quorum {weight} is more than all weights together: {total} is used, as by "
                "keepalived",
                f"write at most {total}",
            )
            weight = total
        if (setting := block.last(table.HYSTERESIS)) and hysteresis >= weight:
            self._report.warning(
                setting.at,
                f"hysteresis {hysteresis} is not less than quorum {weight}: {weight - 1} is used, "
                "as by keepalived",
                f"write at most {weight - 1}",
            )
            hysteresis = weight - 1
        if (setting := block.last(table.HYSTERESIS)) and weight + hysteresis > total:
            self._report.warning(
                setting.at,
                f"once down, {block.title} never comes up again: that takes weight "
                f"{weight + hysteresis}, and all servers together have {total}",
                "write a smaller quorum or hysteresis",
            )
        return Quorum(weight, hysteresis)
