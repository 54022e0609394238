"""`trimaran plan`: how many VIPs, in which order of directors, with a proof."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trimaran.cli.plan_options import demand_options


@click.command(short_help="Plan the VIPs of active directors, or check those that exist.")
@click.argument("files", metavar="[FILE.toml]", nargs=-1, type=click.Path(path_type=Path))
@demand_options
@click.option("--check", "checking", is_flag=True, help="Judge these keepalived.conf files.")
@click.option(
    "--from",
    "previous",
    metavar="FILE.json",
    type=click.Path(path_type=Path),
    help="Change this plan, moving the fewest VIPs.",
)
@click.option("--add", multiple=True, metavar="NAME[=SPEED]", help="With --from: a new director.")
@click.option("--remove", multiple=True, metavar="NAME", help="With --from: a director that goes.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "keepalived", "svg"]),
    default="table",
    show_default=True,
    help="What is printed.",
)
@click.option(
    "--output",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Write there instead; with --format keepalived a directory, a file for each director.",
)
@click.option("--dns", metavar="NAME", help="Give records of a zone file for this name too.")
def plan(**options: Any) -> None:
    """How many VIPs, in which order of directors, so that losses stay even; with a proof.

    \b
    trimaran plan --hosts 3 --link 1G --traffic 1.5G --survive 1
    trimaran plan site.toml --format keepalived --output configs
    trimaran plan --check --link 1G --traffic 1.5G lb1.conf lb2.conf lb3.conf
    trimaran plan --from plan.json --add lb4=1G

    A plan file has the same words as the options, which override it; docs/planning.md tells.

    Exit status: 0 planned, 1 no plan is possible (with --check: something is wrong), 2 bad input.
    """
    from trimaran.plan.entries import DemandError

    try:
        sys.exit(_answer(options)(options))
    except DemandError as error:
        click.echo(f"trimaran plan: {error}", err=True)
        sys.exit(2)


def _answer(options: dict[str, Any]) -> Callable[[dict[str, Any]], int]:
    from trimaran.cli import plan_check, plan_make

    return plan_check.run if options["checking"] else plan_make.run
