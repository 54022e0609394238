"""`trimaran run`: one director's daemon, in the foreground."""

import asyncio
import os
import sys
from pathlib import Path
from typing import cast

import click

from trimaran.cli.sizes import CONNECTIONS, room_option
from trimaran.daemon import logs
from trimaran.daemon.rundir import RunDirectory, RunDirectoryError, default_run_directory
from trimaran.dataplane.xdp.limits import USUAL_CONNECTIONS


@click.command()
@click.option(
    "-f",
    "--file",
    "file",
    required=True,
    type=click.Path(path_type=Path, readable=False),
    help="The configuration, in keepalived.conf's language.",
)
@click.option(
    "-i", "--config-id", metavar="ID", help="Whom @ID lines are for.  [default: this host]"
)
@click.option(
    "--dataplane",
    type=click.Choice(["auto", "xdp", "ipvs"]),
    default="auto",
    show_default=True,
    help="What forwards packets. auto: xdp if it can serve every service of FILE, else ipvs.",
)
@room_option(*CONNECTIONS, default=USUAL_CONNECTIONS)
@click.option(
    "--foreign-changes",
    type=click.Choice(["repair", "keep"]),
    default="repair",
    show_default=True,
    help="What becomes of changes that others (ipvsadm) make to services of FILE in IPVS.",
)
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="Lock and control socket.  [default: /run/trimaran, "
    "in a network namespace /run/trimaran/netns-INODE]",
)
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def run(
    file: Path,
    config_id: str | None,
    dataplane: str,
    connections: int,
    foreign_changes: str,
    run_dir: Path | None,
    log_format: str,
) -> None:
    """Run a director: VRRP, health checks and the dataplane.

    SIGHUP reads the file again; a bad file changes nothing. SIGTERM hands the addresses
    over, takes the dataplane away and exits with status 0. Logs go to standard error.
    """
    # Numpy's library would start threads that take the signals which `hold_signals` holds.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from trimaran.conf import Memory
    from trimaran.daemon.choice import choose
    from trimaran.daemon.configuration import read_for_this_machine
    from trimaran.daemon.signals import hold_signals
    from trimaran.daemon.steward import Steward
    from trimaran.dataplane.ipvs.plane import ForeignChanges
    from trimaran.dataplane.xdp.capacity import capacity_for
    from trimaran.views.diagnostics import diagnostic_text

    memory = Memory()
    result = read_for_this_machine(file, config_id, _enter, memory)
    for diagnostic in result.diagnostics:
        click.echo(diagnostic_text(diagnostic), err=True)
    if result.config is None:
        sys.exit(2)
    _demand_root()
    hold_signals()
    try:
        directory = RunDirectory((run_dir or default_run_directory()).absolute())
    except RunDirectoryError as error:
        _refuse(str(error))
    flush = logs.configure(cast(logs.Format, log_format))
    steward = Steward(
        result.config,
        lambda: read_for_this_machine(file, config_id, memory=memory),
        directory,
        choose(dataplane, result.config),
        ForeignChanges(foreign_changes),
        capacity_for(result.config, connections),
    )
    status = asyncio.run(steward.run())
    flush()
    # Not sys.exit: a log that nobody reads holds the thread that writes it, for ever.
    os._exit(status)


def _enter(namespace: str) -> None:
    from trimaran.net.errors import NetError
    from trimaran.net.namespaces import enter

    _demand_root()
    try:
        enter(namespace)
    except NetError as error:
        _refuse(str(error))


def _demand_root() -> None:
    if os.geteuid() != 0:
        _refuse("trimaran run: you must be root (it opens raw sockets, adds addresses, loads BPF)")


def _refuse(text: str) -> None:
    """Something about this machine, not about the file: exit status 1."""
    click.echo(f"trimaran: {text}", err=True)
    sys.exit(1)
