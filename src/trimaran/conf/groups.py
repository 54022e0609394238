"""From what the file says in `vrrp_sync_group` blocks to sync groups and their members."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace

from trimaran.conf.notifications import notify
from trimaran.conf.report import Report
from trimaran.conf.schema import Setting
from trimaran.conf.table import groups as table
from trimaran.conf.tokens import Word
from trimaran.conf.trackers import Known, tracks
from trimaran.model.group import SyncGroup
from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import Track, TrackerKind

OWNER_PRIORITY = 255


def sync_groups(
    blocks: Sequence[Setting[str]],
    routers: tuple[VirtualRouter, ...],
    trackers: Known,
    global_defs: Setting[bool],
    report: Report,
) -> tuple[tuple[SyncGroup, ...], tuple[VirtualRouter, ...]]:
    """The sync groups of a file, and all its virtual routers with what their groups say."""
    names: dict[Hashable, Word] = {}
    taken: dict[Hashable, Word] = {}
    by_name = {router.name: router for router in routers}
    groups = []
    for block in blocks:
        if block.value is None:
            continue
        report.once(names, block.value, block.at, f"vrrp_sync_group {block.value}")
        members = tuple(_members(block, by_name, taken, report))
        groups.append(SyncGroup(block.value, members, notify(block, global_defs)))
        shared = _shared_tracks(block, [by_name[name] for name in members], trackers, report)
        weighted = block[table.SYNC_GROUP_TRACKING_WEIGHT]
        for name in members:
            by_name[name] = _member(by_name[name], block.value, shared, weighted=weighted)
        _report_parting(block, [by_name[name] for name in members], report)
    return tuple(groups), tuple(by_name[router.name] for router in routers)


def _members(
    block: Setting[str],
    routers: Mapping[str, VirtualRouter],
    taken: dict[Hashable, Word],
    report: Report,
) -> Iterator[str]:
    found = 0
    for entry in (one for group in block.all(table.GROUP) for one in group.all(table.MEMBERS)):
        for name, word in zip(entry.value or (), entry.words, strict=False):
            found += 1
            if name not in routers:
                has = ", ".join(routers) or "none"
                report.error(word, f"there is no vrrp_instance '{name}'", f"there is {has}")
                continue
            before = taken.get(name)
            report.once(taken, name, word, f"{name} as a member of a vrrp_sync_group")
            if before is None:
                yield name
    if found < 2 and block.last(table.GROUP) is not None:
        report.warning(
            block.word,
            f"{block.title} has {'only one member' if found else 'no members'}",
            "write at least two, or remove it",
        )


def _shared_tracks(
    block: Setting[str], members: Sequence[VirtualRouter], trackers: Known, report: Report
) -> tuple[Track, ...]:
    """What a group tracks for all its members."""
    owned = any(member.priority == OWNER_PRIORITY for member in members)
    shared = []
    for track, entry in tracks(block, trackers, report):
        if owned and track.weight:
            report.warning(
                entry.word,
                f"weight {track.weight} counts as 0 here: a member of the group has priority 255, "
                "which never moves",
                "write 'weight 0', whose loss is a FAULT",
            )
            track = replace(track, weight=0)
        shared.append(track)
    return tuple(shared)


def _report_parting(block: Setting[str], members: Sequence[VirtualRouter], report: Report) -> None:
    """Warn of weights that not all members have: the first whose priority moves alone waits for
    the others, and they for it."""
    weighted = [{track for track in one.tracked if track.weight} for one in members]
    parting = {
        track for some in weighted for track in some if not all(track in w for w in weighted)
    }
    if not parting:
        return
    track = min(parting, key=lambda track: (str(track.tracker), track.weight))
    names = [one.name for one, tracks in zip(members, weighted, strict=True) if track in tracks]
    report.warning(
        block.word,
        f"{track.tracker} with weight {track.weight} moves the priority of {', '.join(names)} "
        f"only, and {block.title} becomes master as a whole",
        "track it in the vrrp_sync_group, for all members alike",
    )


def _member(
    router: VirtualRouter, group: str, shared: tuple[Track, ...], *, weighted: bool
) -> VirtualRouter:
    own = router.tracked if weighted else tuple(_unweighted(router.tracked))
    known = {track.tracker for track in own}
    added = tuple(track for track in shared if track.tracker not in known)
    return replace(router, group=group, tracked=(*own, *added))


def _unweighted(tracked: Sequence[Track]) -> Iterator[Track]:
    """What is left of a member's trackers: its own weights would pull the group apart.

    As keepalived does: the loss of a weighted interface is a FAULT, other trackers that have
    weights are not used.
    """
    for track in tracked:
        if not track.weight:
            yield track
        elif track.tracker.kind is TrackerKind.INTERFACE:
            yield replace(track, weight=0)
