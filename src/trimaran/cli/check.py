"""`trimaran check`: what is wrong with configuration files, without starting anything."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trimaran.conf import Result, Severity
from trimaran.conf.peers import compared
from trimaran.daemon.configuration import read, read_for_this_machine
from trimaran.views.diagnostics import diagnostic_text, results_json, summary_text, worst

if TYPE_CHECKING:
    from trimaran.daemon.environment import Asked

_STATUS = {None: 0, Severity.WARNING: 1, Severity.ERROR: 2}


@click.command()
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, readable=False),
)
@click.option(
    "-i", "--config-id", metavar="ID", help="Whom @ID lines are for.  [default: this host]"
)
@click.option(
    "--environment",
    is_flag=True,
    help="Also what only this machine can say: its interfaces, programs and files, names of "
    "hosts; whether real servers answer ARP for the VIP, and serve there. Needs root.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(files: tuple[Path, ...], config_id: str | None, environment: bool, as_json: bool) -> None:
    """Check configuration files without starting anything.

    Several files are those of directors that share virtual routers: each is checked on its own,
    and against the others.

    Exit status: 0 clean, 1 warnings only, 2 errors; 3: --environment could not be looked at.
    """
    if environment and len(files) != 1:
        raise click.UsageError("--environment is about this machine: name its own file only")
    asked = None
    if environment:
        result, asked = _in_its_environment(files[0], config_id)
        results = {str(files[0]): result}
    else:
        results = compared({str(file): read(file, config_id) for file in files})
    if as_json:
        click.echo(results_json(results))
    else:
        for file, result in results.items():
            for diagnostic in result.diagnostics:
                click.echo(diagnostic_text(diagnostic))
            if result.config is not None and not result.diagnostics:
                click.echo(summary_text(file, result.config))
        if asked is not None:
            click.echo(asked)
    sys.exit(_STATUS[worst(results)])


def _in_its_environment(file: Path, config_id: str | None) -> tuple[Result, "Asked | None"]:
    from trimaran.daemon.environment import examined
    from trimaran.net.errors import NetError
    from trimaran.net.namespaces import enter

    try:
        result = read_for_this_machine(file, config_id, enter)
        return asyncio.run(examined(result)) if result.config else (result, None)
    except NetError as error:
        click.echo(f"trimaran: {error}", err=True)
        sys.exit(3)
