"""What the interfaces that a virtual router watches mean for it (keepalived's track_interface).

An interface with weight 0 that is down puts the virtual router in FAULT. A positive weight is
added to the priority while the interface is up, a negative one while it is down. Devices of
virtual addresses count as tracked with weight 0, unless listed with a weight.
"""

from dataclasses import dataclass

from trimaran.model.router import TrackedInterface, VirtualRouter
from trimaran.vrrp.packet import OWNER_PRIORITY


@dataclass(frozen=True, slots=True)
class Standing:
    """How fit a virtual router is: its effective priority, and the reason for a FAULT if any."""

    priority: int
    fault: str | None = None


def watched(router: VirtualRouter) -> tuple[TrackedInterface, ...]:
    """The interfaces whose state matters, besides the virtual router's own."""
    tracked = {entry.name: entry for entry in router.tracked_interfaces}
    for address in router.addresses:
        if address.device != router.interface:
            tracked.setdefault(address.device, TrackedInterface(address.device))
    return tuple(tracked.values())


def standing(router: VirtualRouter, down: frozenset[str]) -> Standing:
    """Judge a virtual router while the interfaces named in `down` are down.

    Weights move the priority within 1 to 254; an address owner's 255 never moves.
    """
    entries = watched(router)
    priority = router.priority
    if priority != OWNER_PRIORITY:
        priority += sum(e.weight for e in entries if (e.weight < 0) == (e.name in down))
        priority = min(max(priority, 1), 254)
    lost = [e.name for e in entries if e.weight == 0 and e.name in down]
    fault = f"tracked interface {', '.join(lost)} down" if lost else None
    return Standing(priority, fault)
