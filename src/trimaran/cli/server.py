"""`trimaran server`: taking a real server out of service by hand, and back in."""

import json
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from trimaran.daemon import administration, control
from trimaran.daemon.rundir import control_socket, default_run_directory

_BETWEEN_LOOKS_SECONDS = 0.5
_COUNTED_AFTER_SECONDS = 5.0

_server = click.argument("server", metavar="SERVER")
_service = click.option(
    "--service", metavar="SERVICE", help="Only in this one: VIP:PORT, 'TCP VIP:PORT', 'FWM N'."
)
_run_dir = click.option(
    "--run-dir", type=click.Path(path_type=Path), help="The daemon's run directory."
)


@click.group()
def server() -> None:
    """Take real servers out of service, and back in.

    SERVER is ADDRESS or ADDRESS:PORT, as status shows it. What is ordered holds until 'enable',
    through reloads and restarts of the daemon; not through a boot. Exit status: 0 done, 1 not.
    """


@server.command()
@_server
@_service
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Wait until it has no connection, at most so long; exit status 1 if it has one still.",
)
@_run_dir
def drain(server: str, service: str | None, wait: float | None, run_dir: Path | None) -> None:
    """No new connections: weight 0. Those it has go on.

    Persistent clients come back to it, as with IPVS, unless expire_quiescent_template is set.
    """
    _order(run_dir, "drain", server, service)
    if wait is not None:
        _wait(run_dir, server, service, wait)


@server.command()
@_server
@_service
@_run_dir
def disable(server: str, service: str | None, run_dir: Path | None) -> None:
    """Out at once, as if its checks failed. Its connections are cut off."""
    _order(run_dir, "disable", server, service)


@server.command()
@_server
@_service
@_run_dir
def enable(server: str, service: str | None, run_dir: Path | None) -> None:
    """As the configuration and the checks say. Undoes the others, 'weight' too."""
    _order(run_dir, "enable", server, service)


@server.command()
@_server
@click.argument("weight", type=int)
@_service
@_run_dir
def weight(server: str, weight: int, service: str | None, run_dir: Path | None) -> None:
    """This weight, whatever the configuration and checks say."""
    _order(run_dir, "weight", server, service, weight)


def _order(
    run_dir: Path | None, action: str, server: str, service: str | None, weight: int | None = None
) -> None:
    request = _request(action, server, service, weight)
    done = _ask(run_dir, request)
    click.echo(done.get("text", ""), nl=False)
    if done.get("error"):
        _fail(done["error"])


def _wait(run_dir: Path | None, server: str, service: str | None, seconds: float) -> None:
    """Wait until the dataplane, which counts once a second, counts no connection."""
    request = _request(administration.CONNECTIONS, server, service)
    begin = time.monotonic()
    while True:
        left = _ask(run_dir, request)["text"]
        waited = time.monotonic() - begin
        if left == "0":
            click.echo(f"drained: no connection is left, after {waited:.0f} s")
            return
        if waited >= seconds and left:
            _fail(f"connections left after {waited:.0f} s: {left}; it drains on")
        if waited >= seconds + _COUNTED_AFTER_SECONDS:
            _fail(f"the dataplane has counted nothing in {waited:.0f} s")
        time.sleep(_BETWEEN_LOOKS_SECONDS)


def _request(
    action: str, server: str, service: str | None, weight: int | None = None
) -> dict[str, Any]:
    request = administration.Request(action, server, service, weight)
    return {"command": administration.COMMAND, **msgspec.structs.asdict(request)}


def _ask(run_dir: Path | None, request: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = json.loads(
            control.ask(control_socket(run_dir or default_run_directory()), request)
        )
    except control.ControlError as error:
        _fail(str(error))
    except ValueError:
        _fail("the daemon did not answer")
    assert isinstance(answer, dict)
    return answer


def _fail(text: str) -> NoReturn:
    click.echo(f"trimaran: {text}", err=True)
    sys.exit(1)
