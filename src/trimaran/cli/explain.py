"""`trimaran explain`: where a packet would go, and why."""

import re
import sys
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING

import click

from trimaran.dataplane.base import DataplaneError
from trimaran.model.ip import IPAddress
from trimaran.model.service import Protocol

if TYPE_CHECKING:
    from trimaran.dataplane.xdp.explain import Tuple

_FORM = "PROTOCOL CLIENT:PORT > VIP:PORT"
_END = r"([\d.]+|\[[\da-fA-F:.]+\]):(\d+)"
_PACKET = re.compile(rf"\s*(\w+)\s+{_END}\s*(?:>|->)\s*{_END}\s*")


@click.command()
@click.argument("packet", nargs=-1, required=True, metavar=f"'{_FORM}'")
def explain(packet: tuple[str, ...]) -> None:
    """Say where the XDP dataplane would send a packet now, and why.

    Such as: trimaran explain 'tcp 192.0.2.7:4711 > 192.168.1.10:80'. Asked of the running
    program and its tables; nothing is changed.
    """
    from trimaran.dataplane.xdp.explain import explain as ask
    from trimaran.views.explanation import explanation_text

    asked = _read(" ".join(packet))
    try:
        click.echo(explanation_text(ask(asked)), nl=False)
    except DataplaneError as error:
        click.echo(f"trimaran explain: {error}", err=True)
        sys.exit(1)


def _read(text: str) -> "Tuple":
    from trimaran.dataplane.xdp.explain import Tuple

    form = f"write '{_FORM}', such as 'tcp 192.0.2.7:4711 > 192.168.1.10:80'"
    match = _PACKET.fullmatch(text)
    if match is None:
        raise click.UsageError(f"'{text}' is not a packet: {form}")
    protocol, client, client_port, virtual, virtual_port = match.groups()
    if protocol.upper() not in list(Protocol):
        raise click.UsageError(f"'{protocol}' is none of tcp, udp, sctp: {form}")
    try:
        ports = int(client_port), int(virtual_port)
        if max(ports) > 65535:
            raise ValueError(f"port {max(ports)} is above 65535")
        ends = _address(client), _address(virtual)
        if ends[0].version != ends[1].version:
            raise ValueError("one address of IPv4 and one of IPv6")
        return Tuple(Protocol(protocol.upper()), ends[0], ports[0], ends[1], ports[1])
    except AddressValueError as error:
        raise click.UsageError(f"{error}: {form}") from error
    except ValueError as error:
        raise click.UsageError(f"{error} ('{text}'): {form}") from error


def _address(text: str) -> IPAddress:
    if text.startswith("["):
        return IPv6Address(text.strip("[]"))
    return IPv4Address(text)
