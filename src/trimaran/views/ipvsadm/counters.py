"""What was counted, and how fast: `ipvsadm -L --stats` and `--rate` (ipvs-semantics 7.4)."""

from collections.abc import Callable, Iterable, Sequence

from trimaran.dataplane.base import Counters, DestinationView, ServiceView
from trimaran.views.ipvsadm.names import Name, numeric, server_text, service_text


def statistics(
    services: Iterable[ServiceView], name: Name = numeric, *, exact: bool = False
) -> str:
    """`ipvsadm -L --stats`: what was counted since start or zeroing."""
    number = _exact if exact else _scaled

    def columns(view: ServiceView | DestinationView) -> str:
        return "".join(map(number, _values(view.counters)))

    titles = ("Conns", "InPkts", "OutPkts", "InBytes", "OutBytes")
    return _text(titles, services, name, columns, columns)


def rates(services: Iterable[ServiceView], name: Name = numeric, *, exact: bool = False) -> str:
    """`ipvsadm -L --rate`: the same per second. Servers' first three are never scaled."""
    number = _exact if exact else _scaled

    def of_service(view: ServiceView) -> str:
        return "".join(map(number, _values(view.rates)))

    def of_server(view: DestinationView) -> str:
        values = _values(view.rates)
        return "".join(f" {value:8}" for value in values[:3]) + "".join(map(number, values[3:]))

    titles = ("CPS", "InPPS", "OutPPS", "InBPS", "OutBPS")
    return _text(titles, services, name, of_service, of_server)


def _text(
    titles: Iterable[str],
    services: Iterable[ServiceView],
    name: Name,
    of_service: Callable[[ServiceView], str],
    of_server: Callable[[DestinationView], str],
) -> str:
    columns = "".join(f" {title:>8}" for title in titles)
    lines = [f"{'Prot LocalAddress:Port':33}{columns}", "  -> RemoteAddress:Port"]
    for service in services:
        lines.append(f"{service_text(service.key, name):33}{of_service(service)}")
        for view in service.destinations:
            server = server_text(service.key, view.destination.key, name)
            lines.append(f"  -> {server:28}{of_server(view)}")
    return "".join(f"{line}\n" for line in lines)


def _values(counters: Counters) -> Sequence[int]:
    return (
        counters.connections,
        counters.packets_in,
        counters.packets_out,
        counters.bytes_in,
        counters.bytes_out,
    )


def _scaled(value: int) -> str:
    if value < 10**8:
        return f"{value:9}"
    if value < 10**9:
        return f"{value // 10**3:8}K"
    if value < 10**11:
        return f"{value // 10**6:8}M"
    if value < 10**14:
        return f"{value // 10**9:8}G"
    return f"{value // 10**12:8}T"


def _exact(value: int) -> str:
    digits = str(value)
    return f"{digits:>9}" if len(digits) <= 8 else f" {digits}"
