"""Services and their servers: `ipvsadm -L` and its variants (ipvs-semantics 7.4)."""

from collections.abc import Callable, Iterable
from itertools import chain

from trimaran.dataplane.base import (
    DestinationView,
    ServiceView,
    SyncDaemon,
    Timeouts,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from trimaran.model.service import Forwarding
from trimaran.views.ipvsadm.names import (
    Name,
    flags_text,
    mask_text,
    numeric,
    server_text,
    service_text,
)

_TITLES = "Prot LocalAddress:Port Scheduler Flags"
_SERVER_TITLE = "  -> RemoteAddress:Port"

_CHECKSUMS = {TunnelChecksum.NONE: "-c", TunnelChecksum.FULL: "+c", TunnelChecksum.REMOTE: "r+c"}


def banner(table_size: int) -> str:
    """Return the line above a listing of all services."""
    return f"IP Virtual Server version 1.2.1 (size={table_size})\n"


def listing(services: Iterable[ServiceView], name: Name = numeric) -> str:
    """`ipvsadm -L`: weights and connections."""
    titles = (_TITLES, f"{_SERVER_TITLE}           Forward Weight ActiveConn InActConn")

    def columns(view: DestinationView) -> str:
        destination = view.destination
        return f"{destination.forwarding:7} {destination.weight:<6} {_connections(view)}"

    return _text(titles, services, name, columns)


def tunnels(services: Iterable[ServiceView], name: Name = numeric) -> str:
    """`ipvsadm -L --tun-info`: the same, with the encapsulation."""
    titles = (
        _TITLES,
        f"{_SERVER_TITLE}           Forward TunnelInfo    Weight ActiveConn InActConn",
    )

    def columns(view: DestinationView) -> str:
        destination = view.destination
        tunnelled = destination.forwarding is Forwarding.TUNNEL
        tunnel = _tunnel(destination.tunnel) if tunnelled else "n/a"
        return (
            f"{destination.forwarding:7} {tunnel:13} {destination.weight:<6} {_connections(view)}"
        )

    return _text(titles, services, name, columns)


def thresholds(services: Iterable[ServiceView], name: Name = numeric) -> str:
    """`ipvsadm -L --thresholds`: how many connections a server may have."""
    columns = ("Uthreshold", "Lthreshold", "ActiveConn", "InActConn")
    heading = f"{'Prot LocalAddress:Port':33} {columns[0]:10} {columns[1]:10}"
    titles = (f"{heading} {columns[2]:10} {columns[3]:10}", _SERVER_TITLE)

    def row(view: DestinationView) -> str:
        destination = view.destination
        return (
            f"{destination.upper_threshold:<10} {destination.lower_threshold:<10} "
            f"{_connections(view)}"
        )

    return _text(titles, services, name, row)


def persistent(services: Iterable[ServiceView], name: Name = numeric) -> str:
    """`ipvsadm -L --persistent-conn`: how many clients are bound to a server."""
    columns = ("Weight", "PersistConn", "ActiveConn", "InActConn")
    heading = f"{'Prot LocalAddress:Port':33} {columns[0]:9} {columns[1]:11}"
    titles = (f"{heading} {columns[2]:10} {columns[3]:10}", _SERVER_TITLE)

    def row(view: DestinationView) -> str:
        return (
            f"{view.destination.weight:<9} {view.persistent_connections:<11} {_connections(view)}"
        )

    return _text(titles, services, name, row)


def timeouts(values: Timeouts) -> str:
    """`ipvsadm -L --timeout`."""
    return f"Timeout (tcp tcpfin udp): {values.tcp} {values.tcp_fin} {values.udp}\n"


def daemons(running: Iterable[SyncDaemon]) -> str:
    """`ipvsadm -L --daemon`."""
    return "".join(
        f"{daemon.role} sync daemon (mcast={daemon.interface}, syncid={daemon.syncid}, "
        f"maxlen={daemon.max_length}, group={daemon.group}, port={daemon.port}, "
        f"ttl={daemon.ttl})\n"
        for daemon in running
    )


def _text(
    titles: Iterable[str],
    services: Iterable[ServiceView],
    name: Name,
    columns: Callable[[DestinationView], str],
) -> str:
    rows = chain.from_iterable(_rows(service, name, columns) for service in services)
    return "".join(f"{line}\n" for line in chain(titles, rows))


def _rows(
    service: ServiceView, name: Name, columns: Callable[[DestinationView], str]
) -> Iterable[str]:
    yield f"{service_text(service.key, name)} {_settings(service)}"
    for view in service.destinations:
        server = server_text(service.key, view.destination.key, name)
        yield f"  -> {server:28} {columns(view)}"


def _settings(service: ServiceView) -> str:
    settings = service.settings
    text = settings.scheduler
    if settings.flags:
        text += f" ({flags_text(settings)})"
    if settings.persistence is not None:
        text += f" persistent {settings.persistence.timeout}"
        if mask := mask_text(service.key, settings.persistence.netmask):
            text += f" mask {mask}"
        if settings.persistence_engine:
            text += f" pe {settings.persistence_engine}"
    if settings.one_packet:
        text += " ops"
    return text


def _connections(view: DestinationView) -> str:
    return f"{view.active_connections:<10} {view.inactive_connections:<10}"


def _tunnel(tunnel: Tunnel) -> str:
    match tunnel.type:
        case TunnelType.GUE:
            return f"gue:{tunnel.port}:{_CHECKSUMS[tunnel.checksum]}"
        case TunnelType.GRE:
            return f"gre:{_CHECKSUMS[tunnel.checksum]}"
        case TunnelType.IPIP:
            return "ipip"
