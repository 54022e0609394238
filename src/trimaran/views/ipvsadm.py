"""Listings byte for byte as ipvsadm 1.31 prints them (ipvs-semantics 7.4 to 7.6).

One deliberate difference: ipvsadm reads a destination's 64-bit counters as 32-bit ones, so that
it shows connections and packets modulo 2^32; here they are shown as they are.
"""

from collections.abc import Callable, Iterable, Sequence

from trimaran.dataplane.base import Connection, Counters, DestinationView, ServiceView, Timeouts
from trimaran.model.ip import IPAddress
from trimaran.model.service import endpoint

Name = Callable[[str, IPAddress, int], str]
"""How an address and a port of this protocol are written, such as `192.168.1.10:80`."""

_VERSION = "1.2.1"
_SERVICE_WIDTH = 33
_DESTINATION_WIDTH = 28


def numeric(protocol: str, address: IPAddress, port: int) -> str:
    """Write numbers, as option -n asks."""
    return endpoint(address, port)


def banner(table_size: int) -> str:
    """Return the line above a listing of all services."""
    return f"IP Virtual Server version {_VERSION} (size={table_size})\n"


def listing(services: Iterable[ServiceView], name: Name = numeric) -> str:
    """`ipvsadm -L`: services, weights and connections. In the order given (see `ipvs_order`)."""
    lines = [
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
    ]
    for service in services:
        lines.append(f"{_service(service, name)} {service.settings.scheduler}")
        for view in service.destinations:
            destination = view.destination
            lines.append(
                f"  -> {_destination(service, view, name):28} {destination.forwarding.value:7} "
                f"{destination.weight:<6} {view.active_connections:<10} "
                f"{view.inactive_connections:<10}"
            )
    return _text(lines)


def statistics(
    services: Iterable[ServiceView], name: Name = numeric, *, exact: bool = False
) -> str:
    """`ipvsadm -L --stats`: what was counted since start or zeroing."""
    number = _exact if exact else _scaled
    lines = _counter_titles("Conns", "InPkts", "OutPkts", "InBytes", "OutBytes")
    for service in services:
        numbers = "".join(number(value) for value in _values(service.counters))
        lines.append(f"{_service(service, name):33}{numbers}")
        for view in service.destinations:
            numbers = "".join(number(value) for value in _values(view.counters))
            lines.append(f"  -> {_destination(service, view, name):28}{numbers}")
    return _text(lines)


def rates(services: Iterable[ServiceView], name: Name = numeric, *, exact: bool = False) -> str:
    """`ipvsadm -L --rate`: the same per second. Destinations' first three are never scaled."""
    number = _exact if exact else _scaled
    lines = _counter_titles("CPS", "InPPS", "OutPPS", "InBPS", "OutBPS")
    for service in services:
        numbers = "".join(number(value) for value in _values(service.rates))
        lines.append(f"{_service(service, name):33}{numbers}")
        for view in service.destinations:
            counts, sizes = _values(view.rates)[:3], _values(view.rates)[3:]
            numbers = "".join(f" {value:8}" for value in counts)
            numbers += "".join(number(value) for value in sizes)
            lines.append(f"  -> {_destination(service, view, name):28}{numbers}")
    return _text(lines)


def connections(entries: Iterable[Connection], name: Name = numeric) -> str:
    """`ipvsadm -L -c`: connection entries, in the order given."""
    lines = [
        "IPVS connection entries",
        "pro expire state       source             virtual            destination",
    ]
    for entry in entries:
        protocol = entry.protocol
        minutes, seconds = divmod(entry.expires, 60)
        lines.append(
            f"{protocol:3} {f'{minutes:02}:{seconds:02}':6} {entry.state:11} "
            f"{name(protocol, entry.client, entry.client_port):18} "
            f"{name(protocol, entry.virtual, entry.virtual_port):18} "
            f"{name(protocol, entry.destination.address, entry.destination.port)}"
        )
    return _text(lines)


def timeouts(values: Timeouts) -> str:
    """`ipvsadm -L --timeout`."""
    return f"Timeout (tcp tcpfin udp): {values.tcp} {values.tcp_fin} {values.udp}\n"


def _service(service: ServiceView, name: Name) -> str:
    key = service.key
    return f"{key.protocol.value:4} {name(key.protocol, key.address, key.port)}"[:_SERVICE_WIDTH]


def _destination(service: ServiceView, view: DestinationView, name: Name) -> str:
    key = view.destination.key
    return name(service.key.protocol, key.address, key.port)[:_DESTINATION_WIDTH]


def _counter_titles(*titles: str) -> list[str]:
    columns = "".join(f" {title:>8}" for title in titles)
    return [f"{'Prot LocalAddress:Port':33}{columns}", "  -> RemoteAddress:Port"]


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


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
