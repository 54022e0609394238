"""`trimaran vrrp` and `trimaran maintenance`: moving addresses to another director by hand."""

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from trimaran.daemon import control, orders
from trimaran.daemon.rundir import control_socket, default_run_directory

_run_dir = click.option(
    "--run-dir", type=click.Path(path_type=Path), help="The daemon's run directory."
)


@click.group()
def vrrp() -> None:
    """Virtual routers of the daemon of this network namespace."""


@vrrp.command()
@click.argument("name")
@_run_dir
def failover(name: str, run_dir: Path | None) -> None:
    """Hand a virtual router over to another director.

    The addresses of NAME are served here until that one has taken over, and stay with it as long
    as it lives, though its priority be lower. If none takes over within a second they stay here,
    and the exit status is 1.
    """
    click.echo(_order(run_dir, {"command": orders.FAILOVER, "name": name}))


@click.command()
@click.argument("state", type=click.Choice(["on", "off"]))
@_run_dir
def maintenance(state: str, run_dir: Path | None) -> None:
    """Take this director out, or let it take part again.

    With maintenance on, its virtual routers hand over to other directors and are in FAULT. A
    reload does not change that; starting the daemon anew does.
    """
    _order(run_dir, {"command": orders.MAINTENANCE, "on": state == "on"})


def _order(run_dir: Path | None, request: dict[str, Any]) -> str:
    """Give an order; what came of it, or the end of this program with the reason why nothing."""
    try:
        answer = control.ask(control_socket(run_dir or default_run_directory()), request)
        done = json.loads(answer)
    except control.ControlError as error:
        _fail(str(error))
    except ValueError:
        _fail("the daemon did not answer")
    if done.get("error"):
        _fail(done["error"])
    return str(done.get("text", ""))


def _fail(text: str) -> NoReturn:
    click.echo(f"trimaran: {text}", err=True)
    sys.exit(1)
