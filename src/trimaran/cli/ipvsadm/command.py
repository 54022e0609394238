"""`trimaran ipvsadm`: a subcommand that leaves every word to ipvsadm's own grammar."""

import sys

import click

from trimaran.cli.ipvsadm.main import main


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def ipvsadm(arguments: tuple[str, ...]) -> None:
    """All of ipvsadm, on XDP or the kernel's IPVS: see -h."""
    sys.exit(main(arguments))
