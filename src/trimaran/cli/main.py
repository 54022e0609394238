"""The entry point: finds the subcommand and keeps tracebacks from users."""

import sys
from importlib import import_module

import click

_COMMANDS = {
    "check": ("trimaran.cli.check", "check"),
    "config": ("trimaran.cli.config", "config"),
    "ipvsadm": ("trimaran.cli.ipvsadm.command", "ipvsadm"),
    "lab": ("trimaran.cli.lab", "lab"),
    "plan": ("trimaran.cli.plan", "plan"),
    "realserver": ("trimaran.cli.realserver", "realserver"),
    "reload": ("trimaran.cli.reload", "reload"),
    "run": ("trimaran.cli.run", "run"),
    "server": ("trimaran.cli.server", "server"),
    "status": ("trimaran.cli.status", "status"),
    "explain": ("trimaran.cli.explain", "explain"),
    "maintenance": ("trimaran.cli.vrrp", "maintenance"),
    "vrrp": ("trimaran.cli.vrrp", "vrrp"),
    "xdp": ("trimaran.cli.xdp", "xdp"),
}


class _Lazy(click.Group):
    """A group that imports a subcommand when it is asked for, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[name]
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="trimaran")
def trimaran() -> None:
    """A load balancer: VRRP, health checks and an XDP dataplane from your keepalived.conf."""


def main() -> None:
    """Run the command line; a reader that went away (`trimaran ... | head`) is no error."""
    try:
        trimaran(prog_name="trimaran")
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
