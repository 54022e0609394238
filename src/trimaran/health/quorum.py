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
    """Which services have their quorum."""

    def __init__(self) -> None:
        self._quorate: dict[ServiceKey, bool] = {}

    def settle(
        self,
        services: Collection[VirtualService],
        fitness: Mapping[tuple[ServiceKey, ServerKey], bool],
    ) -> Mapping[ServiceKey, bool]:
        """Take what is fit now, for all services; what is known of those not named is forgotten.

        Before all servers of a new one are known, nothing is said but that it has its quorum: it
        has lost nothing yet.
        """
        before, self._quorate = self._quorate, {}
        for service in services:
            known = [
                (server.key, fit)
                for server in service.real_servers
                if (fit := fitness.get((service.key, server.key))) is not None
            ]
            up = quorate(service, {key for key, fit in known if fit}, before.get(service.key, True))
            if up or service.key in before or len(known) == len(service.real_servers):
                self._quorate[service.key] = up
        return self._quorate
