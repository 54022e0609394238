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
    everything_fit = {
        (service.key, server.key): True
        for service in config.virtual_services
        for server in service.real_servers
    }
    no_quorum = {service.key: False for service in config.virtual_services}
    both = zip(
        desired_services(config, everything_fit),
        desired_services(config, everything_fit, no_quorum),
        strict=True,
    )
    beyond = [
        f"{service.key}: {reason}"
        for service, without_quorum in both
        if (reason := unsupported(service) or unsupported(without_quorum)) is not None
    ]
    if not beyond:
        return Choice(Kind.XDP, "it can serve every service of the configuration")
    more = f" (and {len(beyond) - 1} more services)" if len(beyond) > 1 else ""
    return Choice(Kind.IPVS, beyond[0] + more)
