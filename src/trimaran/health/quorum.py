"""Whether enough of a service's real servers are fit: with hysteresis, so with a memory."""

from collections.abc import Collection, Mapping

from trimaran.model.service import ServerKey, ServiceKey, VirtualService


def quorate(service: VirtualService, fit: Collection[ServerKey], before: bool) -> bool:
    """Whether a service has its quorum now; `before`: whether it had.

    The weights of its fit servers count. From quorum + hysteresis on it is up; with no weight at
    all, or less than quorum - hysteresis, it is down; between these nothing changes.
    """
    weight = sum(server.weight for server in service.real_servers if server.key in fit)
    quorum = service.quorum
    if weight == 0 or weight < quorum.weight - quorum.hysteresis:
        return False
    return before or weight >= quorum.weight + quorum.hysteresis


class Quorums:
    """Which services have their quorum. One that is new has it unless too little is fit."""

    def __init__(self) -> None:
        self._quorate: dict[ServiceKey, bool] = {}

    def settle(
        self,
        services: Collection[VirtualService],
        fitness: Mapping[tuple[ServiceKey, ServerKey], bool],
    ) -> Mapping[ServiceKey, bool]:
        """Take what is fit now, for all services; what is known of those not named is forgotten."""
        self._quorate = {
            service.key: quorate(
                service,
                {
                    server.key
                    for server in service.real_servers
                    if fitness.get((service.key, server.key), False)
                },
                self._quorate.get(service.key, True),
            )
            for service in services
        }
        return self._quorate
