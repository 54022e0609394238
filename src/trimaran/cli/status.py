"""`trimaran status`: what the daemon of this network namespace is doing."""

import sys
from pathlib import Path

import click

from trimaran.daemon import control
from trimaran.daemon.rundir import control_socket, default_run_directory


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The whole status as JSON.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="The daemon's run directory.")
def status(as_json: bool, run_dir: Path | None) -> None:
    """Show virtual routers, virtual services and real servers."""
    from trimaran.views.status import from_json, render_text

    path = control_socket(run_dir or default_run_directory())
    try:
        document = control.ask(path, {"command": "status"})
    except control.ControlError as error:
        click.echo(f"trimaran: {error}", err=True)
        sys.exit(1)
    click.echo(document.decode() if as_json else render_text(from_json(document)), nl=False)
