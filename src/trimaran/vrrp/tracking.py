"""What the trackers of a virtual router mean for it (keepalived's `track_...`).

A tracker with weight 0 that is not well puts the virtual router in FAULT. Weights move the
priority: a positive one while the tracker is well, a negative one while it is not. The number in
a file is multiplied with the weight; -254 and less is a FAULT, with weight 0 any number but 0.
Devices of virtual addresses, routes and rules count as tracked with weight 0, unless listed with
a weight.

A script that has not ended yet says nothing: a virtual router that only a FAULT of it could
stop waits for it, and its weight does not count.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import Reading, Readings, Track, Tracker, TrackerKind, interface
from trimaran.vrrp.packet import OWNER_PRIORITY

_FAULT = -254
_MOST = 253
_WORDS = {
    TrackerKind.INTERFACE: ("down", "up"),
    TrackerKind.SCRIPT: ("failed", "succeeded"),
    TrackerKind.PROCESS: ("not running", "running"),
    TrackerKind.BFD: ("down", "up"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How fit a virtual router is: its effective priority and why, the reason for a FAULT if any,
    and the tracker whose first reading it has to wait for if any."""

    priority: int
    reason: str = ""
    fault: str | None = None
    waits_for: str | None = None


def watched(router: VirtualRouter) -> tuple[Track, ...]:
    """The trackers that matter, besides the virtual router's own interface."""
    tracked = {track.tracker: track for track in router.tracked}
    for device in _devices(router):
        if device != router.interface:
            track = interface(device)
            tracked.setdefault(track.tracker, track)
    return tuple(tracked.values())


def _devices(router: VirtualRouter) -> Iterator[str]:
    yield from (address.device for address in router.addresses if address.tracked)
    yield from (route.device for route in router.routing.routes if route.device and route.tracked)
    for rule in router.routing.rules:
        if rule.tracked:
            yield from filter(None, (rule.input_device, rule.output_device))


def standing(router: VirtualRouter, readings: Readings) -> Standing:
    """Judge a virtual router by what is known of its trackers.

    Weights move the priority within 1 to 254; an address owner's 255 never moves, and weights
    do not matter to it at all. An interface of which nothing is said is up.
    """
    owner = router.priority == OWNER_PRIORITY
    faults: list[str] = []
    waits: list[str] = []
    moves: list[tuple[int, str]] = []
    for track in watched(router):
        if owner and track.weight:
            continue
        reading = _reading(track.tracker, readings)
        if reading is None:
            if track.weight == 0:
                waits.append(str(track.tracker))
        elif (moved := _moved(track, reading)) is None:
            faults.append(_named(track.tracker, reading))
        elif moved:
            moves.append((moved, _named(track.tracker, reading)))
    priority = router.priority
    if not owner:
        priority = min(max(priority + sum(moved for moved, _ in moves), 1), OWNER_PRIORITY - 1)
    return Standing(
        priority,
        ", ".join(_reasons(router, moves)),
        f"tracked {', '.join(faults)}" if faults else None,
        ", ".join(waits) or None,
    )


def _reading(tracker: Tracker, readings: Readings) -> Reading:
    return readings.get(tracker, True if tracker.kind is TrackerKind.INTERFACE else None)


def _moved(track: Track, reading: bool | int) -> int | None:
    """By how much the priority changes; None: it is a FAULT."""
    sign = -1 if track.reverse else 1
    if track.tracker.kind is TrackerKind.FILE:
        if track.weight:
            moved = min(reading * track.weight * sign, _MOST)
            return moved if moved > _FAULT else None
        reading = reading == 0
    if track.weight == 0:
        return 0 if bool(reading) is not track.reverse else None
    return track.weight * sign if (track.weight > 0) == bool(reading) else 0


def _named(tracker: Tracker, reading: bool | int) -> str:
    if tracker.kind is TrackerKind.FILE:
        return f"{tracker} holds {int(reading)}"
    return f"{tracker} {_WORDS[tracker.kind][bool(reading)]}"


def _reasons(router: VirtualRouter, moves: list[tuple[int, str]]) -> Iterator[str]:
    yield f"configured {router.priority}"
    for moved, why in moves:
        yield f"{why}: {moved:+}"
