"""`trimaran plan` without --check: read what is asked for, plan, print."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from trimaran.cli.plan_files import read_text, write_all
from trimaran.cli.plan_options import hosts, section
from trimaran.plan.directors import Site, configurations
from trimaran.plan.entries import DemandError, Entry, Section, parse
from trimaran.plan.evaluate import evaluate
from trimaran.plan.file import Request, overlaid, read
from trimaran.plan.planner import plan
from trimaran.plan.previous import Previous, previous
from trimaran.plan.problem import Infeasible, Plan
from trimaran.plan.rebalance import rebalance
from trimaran.views.plan_dns import fits, records
from trimaran.views.plan_json import infeasible_json, plan_json
from trimaran.views.plan_keepalived import keepalived_text
from trimaran.views.plan_svg import plan_svg
from trimaran.views.plan_table import plan_text


def run(options: dict[str, Any]) -> int:
    """Answer; the exit status. Raises DemandError."""
    files: Sequence[Path] = options["files"]
    if len(files) > 1:
        raise DemandError(f"{files[1]}: one plan file at a time; configurations go with --check")
    file = files[0] if files else None
    if file and file.suffix != ".toml":
        raise DemandError(f"{file}: a plan file is FILE.toml; --check reads configurations")
    if options["dns"] and options["form"] == "svg":
        raise DemandError("--dns: a picture has no records; take another --format")
    old = _previous(options)
    below = parse(read_text(file), str(file)) if file else Section({}, "")
    asked = overlaid(below, section(options), str(file or "the options"))
    request = read(_changed(asked, old, options) if old else asked)
    try:
        found = _planned(request, old)
    except Infeasible as why:
        if options["form"] == "json":
            click.echo(infeasible_json(request.demand, why), nl=False)
        else:
            click.echo(f"trimaran plan: no plan is possible: {why.reason}", err=True)
            for remedy in why.remedies:
                click.echo(f"  would do: {remedy}", err=True)
        return 1
    _check_site(found, request.site, options)
    _print(found, request.site, options)
    return 0


def _previous(options: dict[str, Any]) -> Previous | None:
    path: Path | None = options["previous"]
    if path is not None:
        return previous(read_text(path), str(path))
    for name in ("add", "remove"):
        if options[name]:
            raise DemandError(f"--{name}: say which plan to change: --from plan.json")
    return None


def _changed(asked: Section, old: Previous, options: dict[str, Any]) -> Section:
    """What the old plan asked for, with what is said now, the hosts that go, those that come.

    The VIPs stay, so that what is asked for now is their least peak, if nothing else is said.
    """
    below = {key: entry for key, entry in old.asked.items() if key != "objective"}
    if "vips" not in below:
        below["vips"] = Entry(len(old.lists), "--from")
    asked = overlaid(below, asked, asked.title)
    if not options["add"] and not options["remove"]:
        return asked
    if "host" not in asked:
        raise DemandError("--add, --remove: name the hosts of the old plan, or none at all")
    kept = {str(each.section("a host")["name"].value): each for each in asked["host"].items()}
    for name in options["remove"]:
        if name not in kept:
            raise DemandError(f"--remove: there is no host '{name}': known are {', '.join(kept)}")
        del kept[name]
    for new in hosts(options["add"], "--add"):
        name = str(new.section("a host")["name"].value)
        if name in kept:
            raise new.refuse(f"host '{name}' is there already")
        kept[name] = new
    return Section({**asked, "host": Entry(list(kept.values()), "--add, --remove")}, asked.title)


def _planned(request: Request, old: Previous | None) -> Plan:
    if old is None:
        return plan(request.demand)
    before = read(old.asked).demand
    evaluation = evaluate(before, old.weights, old.lists)
    was = Plan(before, old.weights, old.lists, Fraction(0), False, evaluation)
    try:
        return rebalance(was, request.demand)
    except ValueError as error:
        raise DemandError(f"--from: {error}") from None


def _check_site(found: Plan, site: Site, options: dict[str, Any]) -> None:
    vips, given = len(found.lists), len(site.addresses)
    needs = [
        name
        for name, wanted in (
            ("--format keepalived", options["form"] == "keepalived"),
            ("--dns", options["dns"]),
        )
        if wanted
    ]
    example = f"--addresses 192.168.1.10-{9 + vips}/24" if vips < 200 else "--addresses"
    if not given and needs:
        raise DemandError(f"{needs[0]}: the {vips} VIPs need addresses: say {example}")
    if given and given < vips:
        raise DemandError(f"there are {vips} VIPs, but {given} addresses: name {vips - given} more")


def _print(found: Plan, site: Site, options: dict[str, Any]) -> None:
    form, dns, output = options["form"], options["dns"], options["output"]
    if form == "keepalived":
        _keepalived(found, site, dns, output)
        return
    if form == "json":
        text = plan_json(found, site, dns)
    elif form == "svg":
        text = plan_svg(found)
    else:
        text = plan_text(found, site) + _zone(found, site, dns)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_all({output: text})


def _keepalived(found: Plan, site: Site, dns: str | None, output: Path | None) -> None:
    try:
        configs = configurations(found.lists, site)
    except ValueError as error:
        raise DemandError(f"--format keepalived: {error}") from None
    texts = {
        f"{host}.conf": keepalived_text(
            config, [f"{host}.conf: made by trimaran plan; the lists are the priorities' order"]
        )
        for host, config in configs.items()
    }
    if dns:
        texts[f"{dns.rstrip('.')}.zone"] = _zone(found, site, dns).lstrip()
    if output is None:
        click.echo("\n".join(texts.values()), nl=False)
        return
    write_all({output / name: text for name, text in texts.items()})
    for name in texts:
        click.echo(output / name)


def _zone(found: Plan, site: Site, dns: str | None) -> str:
    if not dns:
        return ""
    lines = records(dns, site.addresses[: len(found.lists)])
    if not fits(dns, len(lines)):
        lines.insert(0, "; more than 512 octets: resolvers without EDNS need TCP; take two names")
    return "\n" + "\n".join(lines) + "\n"
