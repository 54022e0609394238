"""`trimaran ipvsadm`: what ipvsadm lists, of trimaran's own dataplane, in ipvsadm's own form."""

import functools
import os
import socket
import sys
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

import click

from trimaran.cli.ipvsadm_options import OPTIONS, Given, Option, UsageError, parse
from trimaran.dataplane.base import DataplaneError, ServiceView, View
from trimaran.model.ip import IPAddress
from trimaran.model.service import Protocol, ServiceKey
from trimaran.views import ipvs_order
from trimaran.views import ipvsadm as views

_HELP = """\
Usage: trimaran ipvsadm [-L|-l|--list] [options]

Lists what the dataplane of this network namespace holds, as ipvsadm would:
  -n --numeric                    numbers instead of names
  -t -u (--tcp-, --udp-service) ADDRESS:PORT
                                  one service only
  -c --connection                 the connection entries
     --stats                      what was counted
     --rate                       the same per second
     --exact                      counters in full
     --timeout                    the timeouts (tcp tcpfin udp)
     --nosort                     in the dataplane's own order
     --sort                       no effect, as in ipvsadm

Services are configured in keepalived.conf, not here.
"""

_HINT = "Start it with 'trimaran run -f FILE', or run this in the director's network namespace."

_EXCLUSIVE = ("connection", "service-address", "timeout", "daemon")
_COUNTERS = {"stats", "rate", "thresholds"}
_SUPPORTED = {
    *("numeric", "connection", "tcp-service", "udp-service", "timeout"),
    *("stats", "rate", "exact", "nosort", "sort"),
}
_ALLOWED = {option.name for option in OPTIONS if option.long in _SUPPORTED} | {
    *("daemon", "thresholds", "persistent-conn", "tun-info", "syncid")
}


def main(arguments: list[str], open_view: Callable[[], View] | None = None) -> int:
    """Run as ipvsadm with these arguments; return the exit status (ipvs-semantics 7.1)."""
    try:
        command, options, leftover = parse(arguments)
        if command.name == "help":
            sys.stdout.write(_HELP)
            return 0
        selected = _check(command, options, leftover)
    except UsageError as error:
        print(error, file=sys.stderr)
        return error.status
    if os.geteuid() != 0:
        print("Can't initialize ipvs: Permission denied (you must be root)", file=sys.stderr)
        return 2
    try:
        view = (open_view or _open_view)()
    except (DataplaneError, OSError) as error:
        print(f"Can't initialize ipvs: {error}\n{_HINT}", file=sys.stderr)
        return 2
    try:
        text = _list(view, {given.option.name for given in options}, selected)
    except DataplaneError as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.write(text)
    return 0


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def ipvsadm(arguments: tuple[str, ...]) -> None:
    """List services, connections and counters as ipvsadm does (`trimaran ipvsadm -h`)."""
    sys.exit(main(list(arguments)))


def _check(command: Option, options: Sequence[Given], leftover: list[str]) -> ServiceKey | None:
    """Refuse what cannot be, in ipvsadm's order; return the service that was selected."""
    if command.name != "list":
        shown = f"-{command.letters[0]}" if command.letters else f"--{command.long}"
        raise UsageError(f"not supported yet: {shown} ({command.name}); try 'trimaran ipvsadm -h'")
    selected = None
    for given in options:
        if given.option.long in ("tcp-service", "udp-service"):
            selected = _service(given)
    if leftover:
        raise UsageError(f"unexpected argument {leftover[0]}")
    names = {given.option.name for given in options}
    exclusive = ""
    for name in dict.fromkeys(option.name for option in OPTIONS):
        if name not in names:
            continue
        if name not in _ALLOWED:
            raise UsageError(f"Illegal '{name}' option with the 'list' command")
        if name in _EXCLUSIVE:
            if exclusive:
                raise UsageError(
                    f"The option '{name}' conflicts with the '{exclusive}' option "
                    "in the 'list' command"
                )
            exclusive = name
    if (names & {"connection", "timeout", "daemon"} and names & _COUNTERS) or (
        names & {"timeout", "daemon"} and "persistent-conn" in names
    ):
        raise UsageError("options conflicts in the list command")
    for given in options:
        if given.option.long not in _SUPPORTED:
            raise UsageError(f"not supported yet: --{given.option.long}")
    return selected


def _service(given: Given) -> ServiceKey:
    """Read `host[:port]`; host as inet_aton(3) reads it or a name, port a number or a name."""
    protocol = Protocol.TCP if given.option.long == "tcp-service" else Protocol.UDP
    host, _, port = given.value.partition(":")
    try:
        if given.value.isdigit():
            raise ValueError("a number alone is no address")
        return ServiceKey(protocol, _address(host), _port(port, protocol) if port else 0)
    except (OSError, ValueError):
        raise UsageError("illegal virtual server address[:port] specified") from None


def _address(host: str) -> IPv4Address:
    if not host:
        raise ValueError("no host")
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return IPv4Address(socket.gethostbyname(host))


def _port(port: str, protocol: Protocol) -> int:
    if not port.isdigit():
        return socket.getservbyname(port, protocol.value.lower())
    if int(port) > 65535:
        raise ValueError("no such port")
    return int(port)


def _list(view: View, options: set[str], selected: ServiceKey | None) -> str:
    name = views.numeric if "numeric" in options else functools.cache(_looked_up)
    if "timeout" in options:
        return views.timeouts(view.timeouts())
    if "connection" in options:
        return views.connections(view.connections(), name)
    services = view.services()
    heading = ""
    if selected is None:
        heading = views.banner(view.connection_table_size())
    else:
        services = [service for service in services if service.key == selected]
        if not services:
            raise DataplaneError("No such service")
    return heading + _services(services, options, name)


def _services(services: Sequence[ServiceView], options: set[str], name: views.Name) -> str:
    if "nosort" not in options:
        services = ipvs_order.sorted_services(services)
    exact = "exact" in options
    if "stats" in options:
        return views.statistics(services, name, exact=exact)
    if "rate" in options:
        return views.rates(services, name, exact=exact)
    return views.listing(services, name)


def _looked_up(protocol: str, address: IPAddress, port: int) -> str:
    """Write names where the system knows them, as ipvsadm does without -n."""
    try:
        host = socket.gethostbyaddr(str(address))[0]
    except OSError:
        host = str(address)
    try:
        return f"{host}:{socket.getservbyport(port, protocol.lower())}"
    except OSError:
        return f"{host}:{port}"


def _open_view() -> View:
    from trimaran.dataplane.xdp.view import XdpView

    return XdpView.open()
