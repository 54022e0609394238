"""`trimaran reload`: the daemon reads its file again, and says what came of it."""

import sys
from pathlib import Path

import click

from trimaran.daemon import control
from trimaran.daemon.rundir import control_socket, default_run_directory

_PATIENCE_SECONDS = 600.0
_UNREACHABLE = 3


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="The daemon's run directory.")
def reload(as_json: bool, run_dir: Path | None) -> None:
    """Have the daemon read its configuration again.

    The verdict and what changed are printed. A file with errors changes nothing. SIGHUP does the
    same, and says it in the log only.

    Exit status: 0 in force (or nothing has changed), 1 in force with warnings, 2 refused; 3 no
    daemon answers.
    """
    from trimaran.daemon import reloading
    from trimaran.views.reloaded import exit_status, from_json, render_text

    path = control_socket(run_dir or default_run_directory())
    try:
        answer = control.ask(path, {"command": reloading.COMMAND}, _PATIENCE_SECONDS)
    except control.ControlError as error:
        click.echo(f"trimaran: {error}", err=True)
        sys.exit(_UNREACHABLE)
    outcome = from_json(answer)
    click.echo(answer.decode() if as_json else render_text(outcome), nl=False)
    sys.exit(exit_status(outcome))
