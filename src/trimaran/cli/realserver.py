"""`trimaran realserver`: what a real server needs besides its service."""

import asyncio
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec
from pyroute2 import AsyncIPRoute

from trimaran.daemon.rundir import default_run_directory, leave
from trimaran.model.ip import IPAddress
from trimaran.model.service import Forwarding, Protocol
from trimaran.net import realserver as kernel
from trimaran.net.errors import NetError
from trimaran.net.sysctl import Sysctl

_UNIT = Path("/etc/systemd/system/trimaran-realserver.service")
_SYSCTL_FILE = Path("/etc/sysctl.d/60-trimaran-realserver.conf")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a command is about. `ports`: those of TCP services."""

    vips: tuple[IPAddress, ...]
    ports: tuple[int, ...] = ()
    tunnel: bool = False


def _subject(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.argument("vips", metavar="[VIP]...", nargs=-1),
        click.option("--tunnel", is_flag=True, help="Packets come in IPIP, not by direct routing."),
        click.option(
            "-f",
            "--file",
            type=click.Path(path_type=Path),
            help="The directors' configuration: the VIPs of services that this host is in.",
        ),
    ):
        command = option(command)
    return command


_persistent = click.option(
    "--persistent", is_flag=True, help="Through boots, too: a systemd unit and a file in sysctl.d."
)


@click.group()
def realserver() -> None:
    """Prepare a real server for direct routing and tunnels.

    The VIP is on lo, and no ARP is answered for it; for tunnels there is the device they end in.

    Exit status: 0 done (check: all is right), 1 not.
    """


@realserver.command()
@_subject
@_persistent
def setup(vips: tuple[str, ...], tunnel: bool, file: Path | None, persistent: bool) -> None:
    """Set this host up; says what it changes. Once more changes nothing."""
    wanted = _wanted(vips, tunnel, file)
    changes, before = _run(lambda ipr: kernel.set_up(ipr, wanted.vips, tunnel=wanted.tunnel))
    # What was there before the first time counts.
    noted = {setting.name: setting for setting in (*before, *_noted())}
    if noted:
        _note().parent.mkdir(parents=True, exist_ok=True)
        _note().write_bytes(msgspec.json.encode(list(noted.values())))
    if persistent:
        changes += _write(_files(wanted))
    _say(changes, "nothing had to be changed")


@realserver.command()
@_subject
def check(vips: tuple[str, ...], tunnel: bool, file: Path | None) -> None:
    """Say what is wrong on this host; changes nothing."""
    wanted = _wanted(vips, tunnel, file)
    found = _run(lambda ipr: kernel.faults(ipr, wanted.vips, wanted.ports, tunnel=wanted.tunnel))
    _say(found, f"all is right for {', '.join(map(str, wanted.vips))}")
    sys.exit(1 if found else 0)


@realserver.command()
@_subject
@_persistent
def undo(vips: tuple[str, ...], tunnel: bool, file: Path | None, persistent: bool) -> None:
    """Take the VIPs away, and set what 'setup' changed as it was."""
    wanted = _wanted(vips, tunnel, file)
    changes = _run(lambda ipr: kernel.undo(ipr, wanted.vips, _noted(), tunnel=wanted.tunnel))
    _note().unlink(missing_ok=True)
    leave(_note().parent)
    if persistent:
        for path in (_UNIT, _SYSCTL_FILE):
            if path.exists():
                path.unlink()
                changes.append(f"{path} removed")
    _say(changes, "nothing had to be changed")


def _wanted(vips: Sequence[str], tunnel: bool, file: Path | None) -> _Wanted:
    if bool(vips) == (file is not None):
        _fail("name the VIPs, or the directors' configuration with -f")
    if file is not None:
        return _from_file(file)
    try:
        return _Wanted(tuple(ip_address(vip) for vip in vips), tunnel=tunnel)
    except ValueError as error:
        _fail(str(error))


def _from_file(file: Path) -> _Wanted:
    """The services that have an address of this host among their real servers."""
    from trimaran.daemon.configuration import read

    config = read(file).config
    if config is None:
        _fail(f"{file} has errors: 'trimaran check {file}' says which")
    vips: dict[IPAddress, None] = {}
    ports: dict[int, None] = {}
    methods = set()
    for service in config.virtual_services:
        for server in service.real_servers:
            routed = server.forwarding in (Forwarding.DIRECT_ROUTING, Forwarding.TUNNEL)
            if routed and not service.key.mark and _is_here(server.key.address):
                methods.add(server.forwarding)
                vips[service.key.address] = None
                if service.key.protocol is Protocol.TCP and service.key.port:
                    ports[service.key.port] = None
    if not vips:
        _fail(f"this host has no address of a real server in {file} behind DR or TUN")
    if len(methods) > 1:
        _fail(f"{file} has this host behind DR and TUN both: name the VIPs of each")
    return _Wanted(tuple(vips), tuple(ports), Forwarding.TUNNEL in methods)


def _is_here(address: IPAddress) -> bool:
    """An address of this host can be bound to."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def _files(wanted: _Wanted) -> dict[Path, str]:
    """The persistent form, by path."""
    vips = " ".join(map(str, wanted.vips)) + (" --tunnel" if wanted.tunnel else "")
    settings = kernel.sysctls(wanted.vips, tunnel=wanted.tunnel)
    unit = f"""\
[Unit]
Description=Virtual addresses of trimaran's directors on this real server
After=network-pre.target systemd-sysctl.service
Before=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={sys.argv[0]} realserver setup {vips}
ExecStop={sys.argv[0]} realserver undo {vips}

[Install]
WantedBy=multi-user.target
"""
    return {_UNIT: unit, _SYSCTL_FILE: "".join(f"{setting}\n" for setting in settings)}


def _write(files: dict[Path, str]) -> list[str]:
    changes = []
    for path, text in files.items():
        try:
            if path.exists() and path.read_text() == text:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        except OSError as error:
            _fail(f"cannot write {path}: {error.strerror}")
        changes.append(f"{path} written" + ("; now: systemctl enable" if path == _UNIT else ""))
    return changes


def _note() -> Path:
    """Where it is noted what the settings were; a boot ends both."""
    return default_run_directory() / "realserver.json"


def _noted() -> list[Sysctl]:
    try:
        return msgspec.json.decode(_note().read_bytes(), type=list[Sysctl])
    except (OSError, msgspec.DecodeError):
        return []


def _run(work: Callable[[AsyncIPRoute], Any]) -> Any:
    async def main() -> Any:
        async with AsyncIPRoute() as ipr:
            return await work(ipr)

    try:
        return asyncio.run(main())
    except NetError as error:
        _fail(str(error))


def _say(lines: Sequence[str], otherwise: str) -> None:
    for line in lines or [otherwise]:
        click.echo(line)


def _fail(text: str) -> NoReturn:
    click.echo(f"trimaran: {text}", err=True)
    sys.exit(1)
