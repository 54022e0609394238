"""`ipvsadm -S`: the commands that would make the services so (ipvs-semantics 7.7).

As with ipvsadm, thresholds are lost, and so is the mask of a service that is not persistent;
marks from 2^31 on are written as negative numbers, which cannot be restored.
"""

from collections.abc import Iterable, Iterator

from trimaran.dataplane.base import DestinationView, ServiceView, Settings, Tunnel, TunnelType
from trimaran.model.service import Forwarding, Protocol, ServiceKey
from trimaran.views.ipvsadm.names import Name, flags_text, mask_text, numeric, server_name, signed

_OPTIONS = {Protocol.TCP: "-t", Protocol.UDP: "-u", Protocol.SCTP: "--sctp-service"}
_METHODS = {
    Forwarding.DIRECT_ROUTING: "-g",
    Forwarding.TUNNEL: "-i",
    Forwarding.MASQUERADING: "-m",
    # The kernel found the address to be its own; it was not asked to treat it so.
    Forwarding.LOCAL: "-g",
}


def save(services: Iterable[ServiceView], name: Name = numeric) -> Iterator[str]:
    """Yield a line for each service, and after it one for each of its servers."""
    for service in services:
        text = _service(service.key, name)
        yield f"-A {text} {_settings(service.key, service.settings)}\n"
        for view in service.destinations:
            yield f"-a {text} {_server(service.key, view, name)}\n"


def _service(key: ServiceKey, name: Name) -> str:
    if key.mark:
        return f"-f {signed(key.mark)}" + (" -6" if key.address.version == 6 else "")
    return f"{_OPTIONS[key.protocol]} {name(key.protocol, key.address, key.port)}"


def _settings(key: ServiceKey, settings: Settings) -> str:
    text = f"-s {settings.scheduler}"
    if settings.persistence is not None:
        text += f" -p {settings.persistence.timeout}"
        if mask := mask_text(key, settings.persistence.netmask):
            text += f" -M {mask}"
    if settings.persistence_engine:
        text += f" --pe {settings.persistence_engine}"
    if settings.one_packet:
        text += " -o"
    if settings.flags:
        text += f" -b {flags_text(settings)}"
    return text


def _server(service: ServiceKey, view: DestinationView, name: Name) -> str:
    destination = view.destination
    text = (
        f"-r {server_name(service, view.destination.key, name)} "
        f"{_METHODS[destination.forwarding]} -w {destination.weight}"
    )
    if destination.forwarding is Forwarding.TUNNEL:
        text += f" --tun-type {_tunnel(destination.tunnel)}"
    return text


def _tunnel(tunnel: Tunnel) -> str:
    match tunnel.type:
        case TunnelType.GUE:
            return f"gue --tun-port {tunnel.port} --tun-{tunnel.checksum}"
        case TunnelType.GRE:
            return f"gre --tun-{tunnel.checksum}"
        case TunnelType.IPIP:
            return "ipip"
