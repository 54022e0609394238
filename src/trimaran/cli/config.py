"""`trimaran config`: what a configuration says in full, and what a keyword means."""

import sys
from pathlib import Path

import click

from trimaran.conf.known import known_keywords
from trimaran.conf.suggest import nearest_name
from trimaran.daemon.configuration import read
from trimaran.views.diagnostics import diagnostic_text
from trimaran.views.effective import effective_text
from trimaran.views.keywords import explain


@click.group()
def config() -> None:
    """What a configuration says in full, and what a keyword means."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option(
    "-i", "--config-id", metavar="ID", help="Whom @ID lines are for.  [default: this host]"
)
def show(file: Path, config_id: str | None) -> None:
    """Print a configuration as it is in force.

    Includes and definitions are put in, and what the file leaves out is filled in. The result is
    a configuration again. What is wrong goes to standard error; exit status 2 if there are errors.
    """
    result = read(file, config_id)
    for diagnostic in result.diagnostics:
        click.echo(diagnostic_text(diagnostic), err=True)
    if result.config is None or result.said is None:
        sys.exit(2)
    click.echo(effective_text(result.said, result.config), nl=False)


@config.command("explain")
@click.argument("keyword")
def explain_keyword(keyword: str) -> None:
    """Say what a keyword means, wherever it may stand."""
    text = explain(keyword)
    if text is None:
        names = {name for block in known_keywords().values() for name in block}
        near = nearest_name(keyword, names)
        advice = f"; did you mean '{near}'?" if near else ""
        click.echo(f"trimaran: keepalived has no keyword '{keyword}'{advice}", err=True)
        sys.exit(2)
    click.echo(text, nl=False)
