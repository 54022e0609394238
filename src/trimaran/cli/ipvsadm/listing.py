"""Which listing is meant by the options of -L and -S, and names for numbers."""

import functools
import socket
from collections.abc import Iterator, Sequence

from trimaran.cli.ipvsadm.request import Request
from trimaran.dataplane.base import ServiceView, View
from trimaran.dataplane.blocks import InBlocks
from trimaran.model.ip import IPAddress
from trimaran.model.service import ServiceKey
from trimaran.views.ipvsadm import counters, listing, order, save
from trimaran.views.ipvsadm.connections import blocks, connections
from trimaran.views.ipvsadm.names import Name, numeric


class NoSuchService(Exception):
    """A listing of a service that is not there."""


def listed(view: View, request: Request) -> Iterator[str]:
    """Yield the text of `-L`, piece by piece. Raises `NoSuchService`, `DataplaneError`."""
    options, name = request.options, _name(request)
    if "connection" in options:
        if name is numeric and "persistent-conn" not in options and isinstance(view, InBlocks):
            yield from blocks(view.connection_blocks())
        else:
            engines = "persistent-conn" in options
            yield from connections(view.connections(), name, engines=engines)
    elif request.service is not None:
        yield _services(_selected(view, request.service), options, name)
    elif "timeout" in options:
        yield listing.timeouts(view.timeouts())
    elif "daemon" in options:
        yield listing.daemons(view.sync_daemons())
    else:
        yield listing.banner(view.connection_table_size())
        yield _services(view.services(), options, name)


def saved(view: View, request: Request) -> Iterator[str]:
    """Yield the lines of `-S`."""
    return save.save(order.sorted_services(view.services()), _name(request))


def _selected(view: View, key: ServiceKey) -> Sequence[ServiceView]:
    found = [service for service in view.services() if service.key == key]
    if not found:
        raise NoSuchService
    return found


def _services(services: Sequence[ServiceView], options: frozenset[str], name: Name) -> str:
    if "nosort" not in options:
        services = order.sorted_services(services)
    if "stats" in options:
        return counters.statistics(services, name, exact="exact" in options)
    if "rate" in options:
        return counters.rates(services, name, exact="exact" in options)
    if "thresholds" in options:
        return listing.thresholds(services, name)
    if "persistent-conn" in options:
        return listing.persistent(services, name)
    if "tun-info" in options:
        return listing.tunnels(services, name)
    return listing.listing(services, name)


def _name(request: Request) -> Name:
    return numeric if "numeric" in request.options else _looked_up


def _looked_up(protocol: str, address: IPAddress, port: int) -> str:
    """Write names where the system knows them, as ipvsadm does without -n."""
    return f"{host_name(address)}:{_service(protocol, port)}"


@functools.cache
def host_name(address: IPAddress) -> str:
    """The name of an address, in brackets for IPv6; without one, the address."""
    try:
        host = socket.gethostbyaddr(str(address))[0]
    except (OSError, ValueError):
        host = str(address)
    return f"[{host}]" if address.version == 6 else host


@functools.cache
def _service(protocol: str, port: int) -> str:
    try:
        return socket.getservbyport(port, protocol.lower())
    except OSError:
        return str(port)
