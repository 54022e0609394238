"""`python -m trimaran.lab.vm [--timeout SECONDS] [--share DIR] COMMAND...`: run it in the VM."""

import sys
from pathlib import Path

import click

from trimaran.lab.errors import LabError
from trimaran.lab.vm import machine


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--timeout", type=float, default=600, show_default=True, metavar="SECONDS")
@click.option(
    "--share",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A directory that the VM may write to.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def main(timeout: float, share: Path | None, command: tuple[str, ...]) -> None:
    """Run a command in the VM: root there, this directory, this machine's files.

    What it prints and its exit status are passed on; what it writes outside DIR is lost.
    """
    try:
        sys.exit(machine.run(command, timeout=timeout, share=share))
    except LabError as error:
        sys.exit(f"vm: {error}")


if __name__ == "__main__":
    main(prog_name="python -m trimaran.lab.vm")
