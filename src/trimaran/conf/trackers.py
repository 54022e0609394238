"""From the blocks that define trackers, and those that list them, to the model."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from trimaran.conf.report import Report
from trimaran.conf.schema import Keyword, Setting
from trimaran.conf.table import bfd
from trimaran.conf.table import tracking as table
from trimaran.conf.tokens import Word
from trimaran.conf.values_tracking import WeightAs
from trimaran.model.tracking import (
    Definition,
    ParameterMatch,
    Track,
    Tracker,
    TrackerKind,
    TrackFile,
    TrackProcess,
    TrackScript,
)


@dataclass(frozen=True, slots=True)
class Known:
    """The trackers that a file defines: the weight that each says, and what it is, if the director
    looks after it itself. Of BFD sessions only those that VRRP may use are here."""

    definitions: Mapping[Tracker, Definition]
    weights: Mapping[Tracker, WeightAs]

    def used(self, tracks: Iterator[Track]) -> tuple[Definition, ...]:
        """The definitions of trackers that somebody uses; others are not looked after."""
        found = dict.fromkeys(track.tracker for track in tracks)
        return tuple(self.definitions[each] for each in found if each in self.definitions)


def known(file: Setting[bool], report: Report) -> Known:
    """The trackers that a file defines; what is wrong is reported."""
    definitions: dict[Tracker, Definition] = {}
    weights: dict[Tracker, WeightAs] = {}
    for keyword, make, weight in _MAKERS:
        names: dict[Hashable, Word] = {}
        for block in file.all(keyword):
            if block.value is None:
                continue
            report.once(names, block.value, block.at, f"{keyword.name} {block.value}")
            definition = make(block.value, block)
            if definition is not None:
                definitions[definition.tracker] = definition
                weights[definition.tracker] = block[weight]
    for block in file.all(bfd.BFD_INSTANCE):
        if block.value is not None and (block[bfd.VRRP] or not block[bfd.CHECKER]):
            weights[Tracker(TrackerKind.BFD, block.value)] = block[bfd.WEIGHT]
    return Known(definitions, weights)


def tracks(
    block: Setting[Any], trackers: Known, report: Report
) -> Iterator[tuple[Track, Setting[str]]]:
    """What a `vrrp_instance` or a `vrrp_sync_group` tracks, each once, and where it says so."""
    seen: dict[Hashable, Word] = {}
    for use, keyword in zip(table.USES, table.INSTANCE_TRACKS, strict=True):
        for entry in (
            one for inside in block.all(keyword) for one in inside.all(table.TRACK_ENTRY)
        ):
            if entry.value is None:
                continue
            tracker = Tracker(use.kind, entry.value)
            if tracker in seen:
                report.warning(entry.word, f"{tracker} is tracked already", "remove one of the two")
                continue
            seen[tracker] = entry.word
            if use.kind is not TrackerKind.INTERFACE and tracker not in trackers.weights:
                _report_unknown(tracker, trackers, entry, report)
                continue
            yield _track(tracker, entry, trackers.weights.get(tracker, WeightAs(0))), entry


def entries(block: Setting[Any], tracker: Tracker) -> Iterator[Setting[str]]:
    """Where a `vrrp_instance` or a `vrrp_sync_group` lists a tracker."""
    for use, keyword in zip(table.USES, table.INSTANCE_TRACKS, strict=True):
        if use.kind is tracker.kind:
            for inside in block.all(keyword):
                yield from (e for e in inside.all(table.TRACK_ENTRY) if e.value == tracker.name)


def _track(tracker: Tracker, entry: Setting[str], default: WeightAs) -> Track:
    weight = entry.get(table.TRACK_WEIGHT)
    reverse = default.reverse
    if entry.get(table.REVERSE):
        reverse = True
    if entry.get(table.NOREVERSE):
        reverse = False
    return Track(tracker, default.number if weight is None else weight, reverse)


def _report_unknown(tracker: Tracker, trackers: Known, entry: Setting[str], report: Report) -> None:
    names = [each.name for each in trackers.weights if each.kind is tracker.kind]
    block = _BLOCKS[tracker.kind]
    purpose = " for VRRP" if tracker.kind is TrackerKind.BFD else ""
    report.error(
        entry.word,
        f"there is no {block} '{tracker.name}'{purpose}",
        f"there is {', '.join(names)}" if names else f"write '{block} {tracker.name} {{ ... }}'",
    )


def _script(name: str, block: Setting[str]) -> TrackScript | None:
    script = block.get(table.SCRIPT)
    if script is None:
        return None
    if (account := block.get(table.SCRIPT_USER)) is not None:
        user, group = account
        script = replace(script, user=user, group=group)
    interval = block[table.INTERVAL]
    return TrackScript(
        name,
        script,
        interval,
        block.get(table.TIMEOUT) or interval,
        block[table.RISE],
        block[table.FALL],
        block[table.INIT_FAIL],
    )


def _file(name: str, block: Setting[str]) -> TrackFile | None:
    path = block.get(table.FILE)
    if path is None:
        return None
    initial, overwrite = block.get(table.INIT_FILE) or (None, False)
    return TrackFile(name, path, initial, overwrite)


def _process(name: str, block: Setting[str]) -> TrackProcess | None:
    words = block.get(table.PROCESS)
    if words is None:
        return None
    match = block.get(table.PARAM_MATCH)
    both = block.get(table.DELAY) or 0
    return TrackProcess(
        name,
        words[0],
        words[1:] if len(words) > 1 or match is not None else None,
        match or ParameterMatch.EXACT,
        block[table.FULL_COMMAND],
        block[table.QUORUM],
        block.get(table.QUORUM_MAX),
        block.get(table.FORK_DELAY) or both,
        block.get(table.TERMINATE_DELAY) or both,
    )


_MAKERS: tuple[
    tuple[Keyword[str], Callable[[str, Setting[str]], Definition | None], Keyword[WeightAs]], ...
] = (
    (table.VRRP_SCRIPT, _script, table.SCRIPT_WEIGHT),
    (table.TRACK_FILE, _file, table.FILE_WEIGHT),
    (table.VRRP_TRACK_PROCESS, _process, table.PROCESS_WEIGHT),
)
_BLOCKS = {
    TrackerKind.SCRIPT: table.VRRP_SCRIPT.name,
    TrackerKind.FILE: table.TRACK_FILE.name,
    TrackerKind.PROCESS: table.VRRP_TRACK_PROCESS.name,
    TrackerKind.BFD: bfd.BFD_INSTANCE.name,
}
