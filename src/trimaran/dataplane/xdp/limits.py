"""What the XDP dataplane cannot serve, and why. Pure: asked before a dataplane is chosen, too."""

from typing import Final

from trimaran.dataplane.base import Destination, Service

SCHEDULERS: Final = (
    *("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf"),
    *("sh", "dh", "mh", "lblc", "lblcr", "twos"),
)
"""By their numbers in the program: `layout.Scheduler`."""

FEWEST_CONNECTIONS: Final = 16
MOST_CONNECTIONS: Final = 1 << 26
USUAL_CONNECTIONS: Final = 1 << 20
"""What there may be room for: 64 bytes each."""


def unsupported(service: Service) -> str | None:
    """Why the service cannot be served, if so."""
    reason = _of_service(service)
    if reason is not None:
        return f"the XDP dataplane cannot {reason}"
    for destination in service.destinations:
        reason = _of_destination(destination)
        if reason is not None:
            return f"server {destination.key}: the XDP dataplane cannot {reason}"
    return None


def _of_service(service: Service) -> str | None:
    settings = service.settings
    if settings.scheduler not in SCHEDULERS:
        return f"schedule by {settings.scheduler} (it can by {', '.join(SCHEDULERS)})"
    if service.key.mark:
        return "serve firewall marks"
    if service.key.address.version == 6:
        return "serve IPv6 yet"
    if settings.persistence_engine:
        return f"look into packets for persistence engine {settings.persistence_engine}"
    return None


def _of_destination(destination: Destination) -> str | None:
    if destination.key.address.version == 6:
        return "serve IPv6 yet"
    return None
