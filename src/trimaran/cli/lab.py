"""`trimaran lab`: hosts in network namespaces to try trimaran on, and the demo."""

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn, ParamSpec, TextIO

import click
from click.core import ParameterSource

from trimaran.lab.errors import LabError
from trimaran.lab.lab import DEFAULT_PREFIX
from trimaran.lab.topology import EXERCISE, Dataplane

P = ParamSpec("P")

_WORDS = "trimaran.lab.words"
_VM_SECONDS = 900
"""The longest that a command may run in the VM, its boot included."""

_prefix = click.option(
    "--prefix",
    default=DEFAULT_PREFIX,
    show_default=True,
    metavar="NAME",
    help="The lab's name; its namespaces are NAME-HOST.",
)


def _ends_well(command: Callable[P, None]) -> Callable[P, None]:
    """Errors of the lab in one line and exit status 1; a signal ends it with the clean-up done."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _terminate)
        try:
            command(*args, **kwargs)
        except LabError as error:
            click.echo(f"trimaran lab: {error}", err=True)
            sys.exit(1)

    return wrapped


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


class _Lab(click.Group):
    """A group that knows the words after its name as they were typed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WORDS] = list(args)
        return super().parse_args(ctx, args)


@click.group(cls=_Lab)
@click.option(
    "--vm", is_flag=True, help="Run the command in an emulated machine with Debian's kernel."
)
@click.pass_context
@_ends_well
def lab(ctx: click.Context, vm: bool) -> None:
    """Directors, real servers and a client in namespaces.

    Nothing outside the lab's own namespaces is touched. With --vm they are in a machine of
    their own, whose kernel has IPVS. It sees the files of this one; what it writes is lost.
    """
    if vm:
        from trimaran.lab.vm import machine

        words: list[str] = ctx.meta[_WORDS]
        words.remove("--vm")
        command = [sys.executable, "-m", "trimaran", "lab", *words]
        sys.exit(machine.run(command, timeout=_VM_SECONDS))


@lab.command()
@_prefix
@click.option(
    "--topology",
    type=click.Path(path_type=Path),
    default=EXERCISE,
    help="The hosts and their network (TOML).  [default: the exercise]",
)
@_ends_well
def up(prefix: str, topology: Path) -> None:
    """Make the hosts, start their services, wait until a VIP answers."""
    from trimaran.lab import lab

    made = lab.up(prefix, topology)
    try:
        made.start_services()
        made.wait_settled()
    except BaseException:
        made.down()
        raise
    click.echo(f"up: {', '.join(host.namespace for host in made.hosts.values())}")


@lab.command()
@_prefix
@_ends_well
def down(prefix: str) -> None:
    """Remove the lab: processes, namespaces, files. Also after a crash; twice is no error."""
    from trimaran.lab import lab

    for name in lab.down(prefix):
        click.echo(f"left alone: {name} is not the namespace that the lab made", err=True)


@lab.command()
@_prefix
@_ends_well
def status(prefix: str) -> None:
    """Show the hosts: address, cable, service, directors' states."""
    from trimaran.lab import lab

    found = lab.find(prefix)
    row = "{:<8} {:<9} {:<15} {:<20} {:<6} {:<8} {}"
    click.echo(row.format("HOST", "ROLE", "ADDRESS", "NAMESPACE", "CABLE", "SERVICE", "").rstrip())
    for host in found.hosts.values():
        said = host.status() if host in found.directors else None
        routers = said["virtual_routers"] if said else []
        click.echo(
            row.format(
                host.name,
                host.role,
                str(host.address),
                host.namespace,
                "in" if host.linked else "cut",
                "running" if host.service else "-",
                ", ".join(f"{router['name']} {router['state']}" for router in routers),
            ).rstrip()
        )


@lab.command(
    "exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@_prefix
@click.argument("host")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@_ends_well
def execute(prefix: str, host: str, command: tuple[str, ...]) -> None:
    """Run a command on a host; its exit status is the command's."""
    from trimaran.lab import lab
    from trimaran.lab.host import ENVIRONMENT

    target = lab.find(prefix).host(host)
    if target.inode:
        os.execvpe("ip", target.command(command), ENVIRONMENT)


@lab.command()
@_prefix
@click.argument("host")
@_ends_well
def kill(prefix: str, host: str) -> None:
    """A power cut: kill -9 every process of a host and cut its link."""
    from trimaran.lab import lab

    lab.find(prefix).host(host).kill()


@lab.command()
@_prefix
@click.argument("host")
@_ends_well
def heal(prefix: str, host: str) -> None:
    """Start a host's service again and put its link up."""
    from trimaran.lab import lab

    lab.find(prefix).host(host).heal()


_transcript = click.option(
    "--transcript", type=click.File("w"), help="Write what is shown to this file as well."
)


def _outputs(transcript: TextIO | None) -> list[TextIO]:
    return [sys.stdout] if transcript is None else [sys.stdout, transcript]


@lab.group(invoke_without_command=True)
@_prefix
@_transcript
@click.option(
    "--directors",
    metavar="PROGRAM,...",
    default="",
    help="What each director runs: trimaran or keepalived.  [default: trimaran,trimaran]",
)
@click.option(
    "--dataplane", type=click.Choice(["auto", "xdp", "ipvs"]), help="Of directors with trimaran."
)
@click.pass_context
@_ends_well
def demo(
    context: click.Context,
    prefix: str,
    transcript: TextIO | None,
    directors: str,
    dataplane: Dataplane | None,
) -> None:
    """The exercise on real packets, told and checked.

    The exit status is the verdict. A demo that is named instead has its own options.
    """
    given = [
        name
        for name in context.params
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    if context.invoked_subcommand is not None and given:
        raise click.UsageError(
            f"--{given[0]}: options of {context.invoked_subcommand} are written after its name"
        )
    if context.invoked_subcommand is None:
        from trimaran.lab import demo

        programs = directors.split(",") if directors else []
        good = demo.run(prefix, _outputs(transcript), programs, dataplane)
        sys.exit(0 if good else 1)


@demo.command("active-active")
@click.option(
    "--prefix",
    default="active-active",
    show_default=True,
    metavar="NAME",
    help="The lab's name; its namespaces are NAME-HOST.",
)
@_transcript
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("active-active"),
    show_default=True,
    metavar="DIR",
    help="Where the page and the figures (JSON) go.",
)
@click.option(
    "--survive",
    type=click.Choice(["1", "2"]),
    default="1",
    show_default=True,
    help="2: four directors, of which two die at once.",
)
@click.option("--rack", is_flag=True, help="Four directors in two racks, of which one dies.")
@_ends_well
def active_active(
    prefix: str, transcript: TextIO | None, output: Path, survive: str, rack: bool
) -> None:
    """What VIPs and their orders of directors are worth, measured on shaped links."""
    from trimaran.lab import active_active, trial

    if rack and survive == "2":
        raise click.UsageError("--rack and --survive 2 are two demos: give one of them")
    tried = (
        trial.rack_death() if rack else trial.two_deaths() if survive == "2" else trial.one_death()
    )
    sys.exit(0 if active_active.run(prefix, tried, _outputs(transcript), output) else 1)


@demo.command()
@click.option(
    "--prefix",
    default="survival",
    show_default=True,
    metavar="NAME",
    help="The lab's name; its namespaces are NAME-HOST.",
)
@_transcript
@click.option(
    "--connections",
    type=click.IntRange(10, 15_000),
    default=200,
    show_default=True,
    metavar="N",
    help="How many are open, and idle.",
)
@click.option(
    "--downloads",
    type=click.IntRange(0, 100),
    default=10,
    show_default=True,
    metavar="N",
    help="How many go on all the while.",
)
@_ends_well
def survival(prefix: str, transcript: TextIO | None, connections: int, downloads: int) -> None:
    """Open connections when their director dies, and when it returns: what is lost."""
    from trimaran.lab import survival

    sys.exit(0 if survival.run(prefix, _outputs(transcript), connections, downloads) else 1)
