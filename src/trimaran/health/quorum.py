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
        self.quorate: dict[ServiceKey, bool] = {}

    def settle(
        self,
        services: Collection[VirtualService],
        fitness: Mapping[tuple[ServiceKey, ServerKey], bool],
    ) -> None:
        """Take what is fit now, for these services.

        Before all servers of a new one are known, nothing is said but that it has its quorum: it
        has lost nothing yet.
        """
        for service in services:
            known = [
                (server.key, fit)
                for server in service.real_servers
                if (fit := fitness.get((service.key, server.key))) is not None
            ]
            up = quorate(
                service, {key for key, fit in known if fit}, self.quorate.get(service.key, True)
            )
            if up or service.key in self.quorate or len(known) == len(service.real_servers):
                self.quorate[service.key] = up

    def forget_others(self, services: Collection[ServiceKey]) -> None:
        """Only these are left: what is known of others is forgotten."""
        self.quorate = {key: up for key, up in self.quorate.items() if key in services}
