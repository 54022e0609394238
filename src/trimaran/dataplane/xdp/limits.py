"""What the XDP dataplane cannot serve, and why. Pure: asked before a dataplane is chosen, too."""

from typing import Final

from trimaran.dataplane.base import Destination, Service
from trimaran.model.service import Forwarding, ServiceKey

SCHEDULERS: Final = (
    *("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf"),
    *("sh", "dh", "mh", "lblc", "lblcr", "twos"),
)
"""By their numbers in the program: `layout.Scheduler`."""

FEWEST_CONNECTIONS: Final = 16
MOST_CONNECTIONS: Final = 1 << 26
USUAL_CONNECTIONS: Final = 1 << 20
"""What there may be room for: 64 bytes each, of IPv6 128."""


def unsupported(service: Service) -> str | None:
    """Why the service cannot be served, if so."""
    reason = _beyond(service)
    if reason is not None:
        return f"the XDP dataplane cannot {reason}"
    for destination in service.destinations:
        if is_out_of_reach(service.key, destination):
            return f"server {destination.key}: only tunnels lead to the other version of IP"
    return None


def is_out_of_reach(key: ServiceKey, destination: Destination) -> bool:
    """Whether the server is of the other version of IP, and not in a tunnel: for IPVS an error."""
    return (
        destination.key.address.version != key.address.version
        and destination.forwarding is not Forwarding.TUNNEL
    )


def _beyond(service: Service) -> str | None:
    settings = service.settings
    if settings.scheduler not in SCHEDULERS:
        return f"schedule by {settings.scheduler} (it can by {', '.join(SCHEDULERS)})"
    if service.key.mark:
        return "serve firewall marks"
    if settings.persistence_engine:
        return f"look into packets for persistence engine {settings.persistence_engine}"
    return None
