"""The files of directors that share virtual routers, checked against each other.

Two virtual routers are peers if they have the same VRID, and an address or both a name and the
network of an address in common: those of unrelated files are often called the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_interface
from itertools import combinations, product
from typing import Any, NamedTuple

from trimaran.conf.loading import Result
from trimaran.conf.report import Report
from trimaran.conf.schema import Setting
from trimaran.conf.table import vrrp as table
from trimaran.conf.table.groups import VRRP_SYNC_GROUP
from trimaran.conf.table.tracking import TRACK_WEIGHT
from trimaran.conf.table.transport import AUTHENTICATION, UNICAST_PEER
from trimaran.conf.tokens import Word
from trimaran.conf.trackers import entries
from trimaran.conf.values import seconds
from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import Track, TrackerKind

_MOST_NAMED = 3
_HIGHEST_BUT_OWNER = 254


class _Instance(NamedTuple):
    """`blocks`: its `vrrp_instance`, and the `vrrp_sync_group` that it is in, if it is."""

    file: str
    router: VirtualRouter
    said: Setting[str]
    blocks: tuple[Setting[str], ...]

    def at(self, keyword: Any) -> Any:
        """Where it says something: the place for a message about it."""
        setting = self.said.last(keyword)
        return setting.at if setting else self.said.word

    def swings(self) -> Iterator[tuple[Track, int]]:
        """What it tracks with a weight, and what being well adds. (Files hold any number.)"""
        for track in self.router.tracked:
            if track.weight and track.tracker.kind is not TrackerKind.FILE:
                yield track, -track.weight if track.reverse else track.weight

    def place(self, track: Track) -> Word:
        """Where it says the weight of what it tracks."""
        for block in self.blocks:
            for entry in entries(block, track.tracker):
                weight = entry.last(TRACK_WEIGHT)
                return weight.at if weight else entry.at
        return self.said.word

    def priority_when_well(self) -> int:
        """The priority while all that it tracks is up."""
        gains = sum(max(0, swing) for _, swing in self.swings())
        return _clamped(self.router, self.router.priority + gains)


def compared(results: Mapping[str, Result]) -> dict[str, Result]:
    """The results again, with what is wrong between the files."""
    reports = {file: Report() for file in results}
    instances = [list(_instances(file, result)) for file, result in results.items()]
    for these, those in combinations(instances, 2):
        for this in these:
            for that in those:
                if _are_peers(this.router, that.router):
                    _compare(this, that, reports[that.file])
        _judge_groups(these, those, reports)
    for these in instances:
        others = [instance for those in instances if those is not these for instance in those]
        for this in these:
            peers = [peer for peer in others if _are_peers(this.router, peer.router)]
            if peers:
                _judge_weights(this, peers, reports[this.file])
    return {file: _with(result, reports[file]) for file, result in results.items()}


def _instances(file: str, result: Result) -> Iterator[_Instance]:
    if result.config is None or result.said is None:
        return
    said = {instance.value: instance for instance in result.said.all(table.VRRP_INSTANCE)}
    groups = {group.value: group for group in result.said.all(VRRP_SYNC_GROUP)}
    for router in result.config.virtual_routers:
        blocks = (said[router.name], *((groups[router.group],) if router.group else ()))
        yield _Instance(file, router, said[router.name], blocks)


def _are_peers(this: VirtualRouter, that: VirtualRouter) -> bool:
    if (this.vrid, this.transport.ipv6) != (that.vrid, that.transport.ipv6):
        return False
    addresses = {address.address for address in this.addresses}
    if any(one.address in addresses for one in that.addresses):
        return True
    return this.name == that.name and bool(_networks(this) & _networks(that))


def _networks(router: VirtualRouter) -> set[object]:
    return {ip_interface((one.address, one.prefix_length)).network for one in router.addresses}


def _compare(this: _Instance, that: _Instance, report: Report) -> None:
    """Report at `that` what of it does not go with `this`."""
    one, other = this.router, that.router
    if one.version != other.version:
        report.error(
            that.at(table.VERSION),
            f"VRRP version {other.version} here, {one.version} in {this.file}: "
            "neither hears the other, both become master",
            "write the same version",
        )
    elif one.advertisement_interval != other.advertisement_interval:
        what = (
            f"advert_int {seconds(other.advertisement_interval)} here, "
            f"{seconds(one.advertisement_interval)} in {this.file}"
        )
        if one.version == 2:
            report.error(
                that.at(table.ADVERT_INT),
                f"{what}: neither hears the other, both become master",
                "write the same interval",
            )
        else:
            report.warning(
                that.at(table.ADVERT_INT), f"{what}: the master's counts", "write the same interval"
            )
    if (one.transport.peers is None) != (other.transport.peers is None):
        ways = ["unicast" if r.transport.peers is not None else "multicast" for r in (other, one)]
        report.error(
            that.at(UNICAST_PEER),
            f"{ways[0]} here, {ways[1]} in {this.file}: neither hears the other, "
            "both become master",
            "write unicast_peer in both or in none",
        )
    if (one.password, one.sealed) != (other.password, other.sealed):
        report.error(
            that.at(AUTHENTICATION),
            f"not the authentication of {this.file}: neither hears the other, both become master",
            "write the same auth_type and auth_pass",
        )
    if one.priority == other.priority:
        report.warning(
            that.at(table.PRIORITY),
            f"priority {other.priority} is that in {this.file} too: the higher address wins",
            "give each director a priority of its own",
        )
    _compare_addresses(this, that, report)


def _compare_addresses(this: _Instance, that: _Instance, report: Report) -> None:
    one, other = (
        {str(address) for address in instance.router.addresses} for instance in (this, that)
    )
    differences = [
        f"{_few(sorted(lacking))} only {where}"
        for lacking, where in ((one - other, f"in {this.file}"), (other - one, "here"))
        if lacking
    ]
    if differences:
        report.warning(
            that.at(table.VIRTUAL_IPADDRESS),
            f"not the addresses of {this.file}: {', '.join(differences)}",
            "write the same addresses",
        )


def _judge_weights(this: _Instance, peers: list[_Instance], report: Report) -> None:
    """Report what this one tracks whose loss does not make it give the addresses away."""
    well = this.priority_when_well()
    rival = max(peers, key=_Instance.priority_when_well)
    highest = rival.priority_when_well()
    if well <= highest:
        return  # another is master while all is well
    for track, _ in this.swings():
        ill = _clamped(this.router, well - abs(track.weight))
        if ill >= highest:
            report.warning(
                this.place(track),
                f"weight {track.weight} moves nothing: without {track.tracker.name} the priority "
                f"is {ill}, not below the {highest} of {rival.file}",
                f"write a weight beyond {well - highest}, or 0 for FAULT",
            )


def _judge_groups(
    these: list[_Instance], those: list[_Instance], reports: Mapping[str, Report]
) -> None:
    """Report sync groups of which each director is to be master of a part: they move as a whole,
    so that whoever was first stays."""
    better: dict[str, tuple[_Instance, bool]] = {}
    for this, that in product(these, those):
        group = that.router.group
        if not (group and this.router.group and _are_peers(this.router, that.router)):
            continue
        mine, theirs = this.priority_when_well(), that.priority_when_well()
        first, is_better = better.setdefault(group, (that, theirs > mine))
        if theirs != mine and is_better != (theirs > mine):
            reports[that.file].warning(
                that.at(table.PRIORITY),
                f"priority {theirs} is {'above' if theirs > mine else 'below'} the {mine} of "
                f"{this.file}, and that of {first.router.name} is not, but both are in "
                f"vrrp_sync_group {group}, which moves as a whole",
                "have the same director be the best for all members",
            )


def _clamped(router: VirtualRouter, priority: int) -> int:
    if router.priority > _HIGHEST_BUT_OWNER:
        return router.priority
    return min(max(priority, 1), _HIGHEST_BUT_OWNER)


def _few(addresses: list[str]) -> str:
    shown = ", ".join(addresses[:_MOST_NAMED])
    more = len(addresses) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _with(result: Result, report: Report) -> Result:
    found = report.in_file_order()
    config = None if report.errors else result.config
    return replace(result, config=config, diagnostics=(*result.diagnostics, *found))
