"""Which dataplane a director runs, and why. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from trimaran.daemon.desired import desired_services
from trimaran.dataplane.xdp.limits import unsupported
from trimaran.model.config import Config


class Kind(StrEnum):
    """The dataplanes; the values are those of `trimaran run --dataplane`."""

    XDP = "xdp"
    IPVS = "ipvs"


@dataclass(frozen=True, slots=True)
class Choice:
    """A dataplane, and the reason for it in an operator's words."""

    kind: Kind
    reason: str


def choose(asked: str, config: Config) -> Choice:
    """XDP where it can serve every service of the configuration, else the kernel's IPVS.

    `asked`: "auto", or the dataplane that is to be taken in any case.
    """
    if asked != "auto":
        return Choice(Kind(asked), "as asked")
    beyond = _beyond_xdp(config)
    if not beyond:
        return Choice(Kind.XDP, "it can serve every service of the configuration")
    more = f" (and {len(beyond) - 1} more)" if len(beyond) > 1 else ""
    return Choice(Kind.IPVS, beyond[0] + more)


def _beyond_xdp(config: Config) -> list[str]:
    """A line for each service that XDP cannot serve in some state of its servers."""
    servers = [(s.key, server.key) for s in config.virtual_services for server in s.real_servers]
    everything_fit = desired_services(config.virtual_services, dict.fromkeys(servers, True))
    no_quorum = desired_services(
        config.virtual_services, {}, {s.key: False for s in config.virtual_services}
    )
    return [
        f"{service.key}: {reason}"
        for service, sorry in zip(everything_fit, no_quorum, strict=True)
        if (reason := unsupported(service) or unsupported(sorry)) is not None
    ]
