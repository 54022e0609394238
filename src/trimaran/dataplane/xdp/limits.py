"""What the XDP dataplane cannot serve, and why. Pure: asked before a dataplane is chosen, too."""

from typing import Final

from trimaran.dataplane.base import Service

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
    reason = _beyond(service)
    return None if reason is None else f"the XDP dataplane cannot {reason}"


def _beyond(service: Service) -> str | None:
    settings = service.settings
    if settings.scheduler not in SCHEDULERS:
        return f"schedule by {settings.scheduler} (it can by {', '.join(SCHEDULERS)})"
    if service.key.mark:
        return "serve firewall marks"
    if settings.persistence_engine:
        return f"look into packets for persistence engine {settings.persistence_engine}"
    return None
