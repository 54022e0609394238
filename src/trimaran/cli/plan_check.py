"""`trimaran plan --check`: what existing configurations do together, and what would be better."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from trimaran.cli.plan_files import read_text
from trimaran.cli.plan_options import section
from trimaran.conf import Severity
from trimaran.daemon.configuration import read as read_configuration
from trimaran.model.config import Config
from trimaran.plan.entries import DemandError, Entry, Section, parse
from trimaran.plan.existing import existing
from trimaran.plan.file import overlaid, read
from trimaran.plan.judge import judge
from trimaran.views.diagnostics import diagnostic_text
from trimaran.views.plan_check import check_json, check_text

_NOT_WITH_CHECK = ("previous", "add", "remove", "dns", "output", "hosts", "addresses")
_NAMELESS = ("keepalived", "trimaran")
"""File names that every director has: the directory tells them apart."""


def run(options: dict[str, Any]) -> int:
    """Judge; 0 if all is well, 1 if not. Raises DemandError."""
    for key in _NOT_WITH_CHECK:
        if options[key]:
            name = "from" if key == "previous" else key.replace("_", "-")
            raise DemandError(f"--{name} does not go with --check")
    if options["form"] not in ("table", "json"):
        raise DemandError(f"--format {options['form']} does not go with --check: table and json do")
    files: Sequence[Path] = options["files"]
    demands = [file for file in files if file.suffix == ".toml"]
    configs = _configs([file for file in files if file.suffix != ".toml"])
    if len(demands) > 1:
        raise DemandError(f"{demands[1]}: one plan file at a time")
    below = parse(read_text(demands[0]), str(demands[0])) if demands else Section({}, "")
    asked = overlaid(below, section(options), str(demands[0] if demands else "the options"))
    request = read(_with_hosts(asked, list(configs)))
    try:
        judgement = judge(existing(configs), request.demand, request.site.addresses)
    except ValueError as error:
        raise DemandError(f"--check: {error}") from None
    show = check_json if options["form"] == "json" else check_text
    click.echo(show(judgement), nl=False)
    return 0 if judgement.well else 1


def _configs(files: Sequence[Path]) -> Mapping[str, Config]:
    if not files:
        raise DemandError("--check: name the directors' configurations")
    found: dict[str, Config] = {}
    for file in files:
        result = read_configuration(file)
        errors = [d for d in result.diagnostics if d.severity is Severity.ERROR]
        for diagnostic in errors:
            click.echo(diagnostic_text(diagnostic), err=True)
        if result.config is None:
            sys.exit(2)
        name = result.config.router_id or (
            file.resolve().parent.name if file.stem in _NAMELESS else file.stem
        )
        if name in found:
            raise DemandError(
                f"{file}: another file is of director {name} too: give each its own router_id"
            )
        found[name] = result.config
    return found


def _with_hosts(asked: Section, names: Sequence[str]) -> Section:
    """The directors of the files as hosts, each with what is said of it."""
    said = {
        str(name.value): each
        for each in (asked["host"].items() if "host" in asked else ())
        if (name := each.section("a host").get("name")) is not None
    }
    for host, entry in said.items():
        if host not in names:
            raise entry.refuse(f"no file is of host '{host}': known are {', '.join(names)}")
    entries = [
        said.get(host) or Entry(Section({"name": Entry(host, "--check")}, host), "--check")
        for host in names
    ]
    kept = {key: entry for key, entry in asked.items() if key != "hosts"}
    return Section({**kept, "host": Entry(entries, "--check")}, asked.title)
