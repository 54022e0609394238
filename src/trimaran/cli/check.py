"""`trimaran check`: what is wrong with configuration files, without starting anything."""

import sys
from pathlib import Path

import click

from trimaran.conf import Severity
from trimaran.conf.peers import compared
from trimaran.daemon.configuration import read
from trimaran.views.diagnostics import diagnostic_text, results_json, summary_text, worst

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
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(files: tuple[Path, ...], config_id: str | None, as_json: bool) -> None:
    """Check configuration files without starting anything.

    Several files are those of directors that share virtual routers: each is checked on its own,
    and against the others.

    Exit status: 0 clean, 1 warnings only, 2 errors.
    """
    results = compared({str(file): read(file, config_id) for file in files})
    if as_json:
        click.echo(results_json(results))
    else:
        for file, result in results.items():
            for diagnostic in result.diagnostics:
                click.echo(diagnostic_text(diagnostic))
            if result.config is not None and not result.diagnostics:
                click.echo(summary_text(file, result.config))
    sys.exit(_STATUS[worst(results)])
