"""`trimaran xdp`: the XDP dataplane without a daemon."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, fields, replace
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import click

from trimaran.cli.sizes import CONNECTIONS, room_option
from trimaran.daemon import control
from trimaran.daemon.rundir import control_socket, default_run_directory
from trimaran.dataplane.base import ALWAYS, Behaviour, DataplaneError
from trimaran.model.service import Protocol

if TYPE_CHECKING:
    from trimaran.dataplane.xdp.trace import Network

Parameters = ParamSpec("Parameters")

_PATIENCE_SECONDS = 5.0


def _ends_well(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """What the dataplane cannot do is one line and exit status 1."""

    @wraps(command)
    def wrapped(*arguments: Parameters.args, **options: Parameters.kwargs) -> None:
        try:
            command(*arguments, **options)
        except DataplaneError as error:
            click.echo(f"trimaran xdp: {error}", err=True)
            sys.exit(1)

    return wrapped


_run_dir = click.option(
    "--run-dir", type=click.Path(path_type=Path), help="The daemon's run directory."
)


@click.group()
def xdp() -> None:
    """The XDP dataplane without a daemon.

    Attach it, fill it with `trimaran ipvsadm`, look at it. What belongs to it ends with its last
    interface: nothing is pinned anywhere.
    """


@xdp.command()
@click.argument("interfaces", metavar="IFACE...", nargs=-1, required=True)
@room_option(*CONNECTIONS)
@room_option("services", "virtual services", 1, 1 << 18)
@room_option("servers", "real servers in all of them", 1, 1 << 20)
@click.option("--force", is_flag=True, help="Replace another's XDP program, too.")
@_run_dir
@_ends_well
def attach(
    interfaces: tuple[str, ...],
    connections: int | None,
    services: int | None,
    servers: int | None,
    force: bool,
    run_dir: Path | None,
) -> None:
    """Put the XDP program on interfaces, on which clients come in.

    It serves those virtual services (`trimaran ipvsadm -A`) whose address this host has. With no
    daemon running, nobody follows what changes around it, but each `attach`, and each change by
    `trimaran ipvsadm`, looks anew: at the addresses of this host, and for the MAC addresses of
    real servers. Rates (`--rate`) stay 0, and connections that have expired are counted in
    ActiveConn and InActConn until `attach` is run again, though no packet meets them. So
    run it again from time to time: nothing else changes by that.

    How much room there is stays as it was, too, if nothing else is said; for other room the
    tables are made anew, and are empty then. At first there is room for 1048576 connections of
    IPv4 and as many of IPv6, 4096 services and 16384 real servers.
    """
    import asyncio

    from trimaran.daemon.surroundings import settle
    from trimaran.dataplane.xdp.capacity import Capacity, power_of_two
    from trimaran.dataplane.xdp.loader import present_capacity
    from trimaran.dataplane.xdp.ownership import hold_tables
    from trimaran.dataplane.xdp.plane import XdpDataplane

    _refuse_beside_daemon(run_dir)
    wanted = {
        "flows": connections and power_of_two(connections),
        "services": services,
        "destinations": servers,
    }
    given = {name: number for name, number in wanted.items() if number is not None}
    with hold_tables(_PATIENCE_SECONDS):
        capacity = replace(present_capacity() or Capacity(), **given)
        capacity = replace(capacity, flows6=capacity.flows)  # no daemon is there to make it later
        plane = XdpDataplane.open(capacity, log=lambda line: click.echo(line, err=True))
        try:
            for interface in interfaces:
                attachment = plane.attach(interface, force=force)
                reason = f": {attachment.reason}" if attachment.reason else ""
                click.echo(f"attached to {interface} in {attachment.mode} mode{reason}")
            for line in [*asyncio.run(settle(plane)), *plane.poll(time.monotonic_ns())]:
                click.echo(line, err=True)
        finally:
            plane.close(remove=False)


@xdp.command()
@click.argument("interfaces", metavar="[IFACE...]", nargs=-1)
@_run_dir
@_ends_well
def detach(interfaces: tuple[str, ...], run_dir: Path | None) -> None:
    """Take the XDP program off interfaces, or off all.

    With the last one go the services and the connections.
    """
    from trimaran.dataplane.xdp.attach import take_off
    from trimaran.dataplane.xdp.loader import attached_programs
    from trimaran.dataplane.xdp.ownership import hold_tables

    _refuse_beside_daemon(run_dir)
    with hold_tables(_PATIENCE_SECONDS):
        present = [name for name, _ in attached_programs()]
        for interface in interfaces:
            if interface not in present:
                raise DataplaneError(f"interface {interface} has no XDP program of trimaran's")
        for interface in interfaces or present:
            take_off(interface)
            click.echo(f"detached from {interface}")


@xdp.command("set")
@click.argument("settings", metavar="[NAME=VALUE...]", nargs=-1)
@_ends_well
def set_behaviour(settings: tuple[str, ...]) -> None:
    """Set what sysctl sets for IPVS, and print all of it.

    The names are those of net.ipv4.vs.NAME.

    conn_reuse_mode (1): what a SYN on the ports of a connection that is over is; 0: a packet of
    that one, else a new connection; 2 or 3: in FIN_WAIT, too.
    expire_nodest_conn (0): connections end with their real server.
    expire_quiescent_template (0): persistent clients leave a server of weight 0.
    sloppy_tcp (0): any segment may begin a connection.
    secure_tcp (0): 3: TCP's stricter table of states.
    drop_packet (0): 3: each am_droprate-th packet that would begin a connection is dropped.
    drop_entry (0): 3: each second a thirty-second of the half-open connections is given up.

    It holds from the next packet on, and for as long as the program is on an interface. A daemon
    may run beside.
    """
    from trimaran.dataplane.xdp.behaviour import tune

    behaviour = tune(dict(map(_setting, settings)))
    for name, value in asdict(behaviour).items():
        click.echo(f"{name} = {value}")


def _setting(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    name = name.strip().removeprefix("net.ipv4.vs.")
    names = [field.name for field in fields(Behaviour)]
    if name not in names:
        raise click.UsageError(f"no setting {name!r}; there are {', '.join(names)}")
    try:
        number = int(value)
    except ValueError as error:
        raise click.UsageError(f"{text!r}: must be {name}=NUMBER") from error
    if name in ("secure_tcp", "drop_packet", "drop_entry") and number not in (0, ALWAYS):
        raise click.UsageError(
            f"{text!r}: must be 0 or {ALWAYS} (1 and 2 watch the memory of the kernel's IPVS)"
        )
    if not -(2**31) <= number < 2**31:
        raise click.UsageError(f"{text!r}: must be a number of 32 bits")
    return name, number


@xdp.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_run_dir
@_ends_well
def status(as_json: bool, run_dir: Path | None) -> None:
    """Show the program: where it is, its maps, connections by state."""
    from trimaran.dataplane.xdp.inspection import inspect
    from trimaran.views import xdp_status

    found = inspect()
    daemon = control.listens(control_socket(run_dir or default_run_directory()))
    text = xdp_status.to_json(found, daemon) if as_json else xdp_status.to_text(found, daemon)
    click.echo(text, nl=False)


@xdp.command()
@click.option("--protocol", type=click.Choice(["tcp", "udp", "sctp"]), help="Only of this.")
@click.option("--client", metavar="ADDRESS[/LENGTH]", help="Only of these clients.")
@click.option("--vip", metavar="ADDRESS[/LENGTH]", help="Only to these virtual addresses.")
@click.option("--client-port", type=click.IntRange(0, 65535), metavar="PORT")
@click.option("--port", type=click.IntRange(0, 65535), metavar="PORT", help="The virtual port.")
@click.option(
    "--rate",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    metavar="N",
    help="At most so many a second, on each CPU; how many more there were is said.",
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after so many.")
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), metavar="S", help="End after so long."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document a line.")
@_ends_well
def trace(
    protocol: str | None,
    client: str | None,
    vip: str | None,
    client_port: int | None,
    port: int | None,
    rate: int,
    count: int | None,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Show what becomes of packets, as it happens.

    What is shown are samples of packets to virtual addresses. Each line says in the words of
    `trimaran explain` what the packet path did: new connection or known, its state, the server,
    and the verdict. Shown are packets of TCP, UDP and SCTP from clients, except later fragments.
    A packet that is looked at so takes a microsecond longer; while no trace runs, nothing is
    spent. One trace runs at a time.
    """
    from trimaran.dataplane.xdp.trace import Filter, running
    from trimaran.views.trace import decision_json, decision_text

    wanted = Filter(
        Protocol(protocol.upper()) if protocol else None,
        _network("--client", client),
        _network("--vip", vip),
        client_port,
        port,
    )
    if wanted.client and wanted.virtual and wanted.client.version != wanted.virtual.version:
        raise click.UsageError("--client and --vip: one of IPv4 and one of IPv6")
    show = decision_json if as_json else decision_text
    with suppress(KeyboardInterrupt), running(wanted, rate) as tracing:
        for decision in islice(tracing.decisions(seconds), count):
            click.echo(show(decision), nl=False)


def _network(option: str, text: str | None) -> "Network | None":
    from trimaran.dataplane.xdp.trace import network

    if text is None:
        return None
    try:
        return network(text)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from error


def _refuse_beside_daemon(run_dir: Path | None) -> None:
    if control.listens(control_socket(run_dir or default_run_directory())):
        raise DataplaneError(
            "a trimaran daemon runs here, and attaches to the interfaces of its configuration"
        )
