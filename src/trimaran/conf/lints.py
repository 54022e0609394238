"""What a file says rightly and likely does not mean."""

from collections.abc import Iterator, Sequence

from trimaran.conf.report import Report
from trimaran.conf.schema import Setting
from trimaran.conf.table import groups
from trimaran.conf.table import vrrp as table
from trimaran.conf.table.tracking import TRACK_WEIGHT
from trimaran.conf.tokens import Word
from trimaran.conf.trackers import Known, tracks
from trimaran.model.tracking import Track, TrackerKind


def report_vain_weights(
    instances: Sequence[Setting[str]],
    sync_groups: Sequence[Setting[str]],
    trackers: Known,
    report: Report,
) -> None:
    """Warn of weights that count for nothing: under `nopreempt`, where no change of priority ever
    moves addresses; of an owner of addresses, whose priority never moves; in a sync group."""
    unweighted = {
        name
        for group in sync_groups
        if not group[groups.SYNC_GROUP_TRACKING_WEIGHT]
        for members in group.all(groups.GROUP)
        for entry in members.all(groups.MEMBERS)
        for name in entry.value or ()
    }
    for instance in instances:
        for track, entry in _weighted(instance, trackers, report):
            if instance.value in unweighted:
                _report_grouped(track, entry, report)
            elif instance[table.PRIORITY] == 255:
                report.warning(
                    _place(entry),
                    f"weight {track.weight} is ignored: priority 255 never moves",
                    "write weight 0, whose loss is a FAULT, or a lower priority",
                )
            elif instance.get(table.NOPREEMPT):
                report.warning(
                    _place(entry),
                    f"weight {track.weight} moves no address: with nopreempt a backup leaves a "
                    "master alone, whatever its priority",
                    "write weight 0, whose loss is a FAULT, or remove nopreempt on all peers",
                )


def _weighted(
    instance: Setting[str], trackers: Known, report: Report
) -> Iterator[tuple[Track, Setting[str]]]:
    """What has a weight, and where to say so."""
    for track, entry in tracks(instance, trackers, report):
        if track.weight:
            yield track, entry


def _report_grouped(track: Track, entry: Setting[str], report: Report) -> None:
    """The weights of members would pull a sync group apart."""
    if track.tracker.kind is TrackerKind.INTERFACE:
        what = f"weight {track.weight} counts as 0, whose loss is a FAULT"
    else:
        what = f"{track.tracker} is ignored, since it has weight {track.weight}"
    report.warning(
        _place(entry),
        f"{what}: this vrrp_instance is in a sync group",
        "track it in the vrrp_sync_group, for all members alike, or write weight 0",
    )


def _place(entry: Setting[str]) -> Word:
    weight = entry.last(TRACK_WEIGHT)
    return weight.at if weight else entry.at
