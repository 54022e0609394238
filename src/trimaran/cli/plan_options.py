"""The options of `trimaran plan`, as the keys of a plan file that they stand for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from trimaran.plan.entries import DemandError, Entry, Section

F = TypeVar("F", bound=Callable[..., Any])

_SINGLE: tuple[tuple[str, str, str], ...] = (
    ("hosts", "N", "This many alike directors, lb1 to lbN."),
    ("link", "SPEED", "Speed of each link without its own: 1G, 2.5G, 750M."),
    ("traffic", "SPEED", "Traffic in all, in the stronger direction: 1.5G."),
    ("survive", "N", "Hosts lost at once.  [default: 1]"),
    ("survive-domains", "N", "Failure domains lost at once.  [default: 1 with --domain, else 0]"),
    ("objective", "NAME", "balanced, fit, any or peak.  [default: balanced; peak with --vips]"),
    ("normal", "NAME", "The state with nothing lost: even, active or any."),
    ("vips", "N|ADDRESSES", "This many VIPs, or these: 192.168.1.10-15/24."),
    ("max-load", "SHARE", "How much of a limit a host may use.  [default: 100%]"),
    ("packets", "RATE", "Packets a second in all: 1.9M."),
    ("host-packets", "RATE", "Packets a second that each host forwards."),
    ("connections", "N", "Connections at a time in all: 3M."),
    ("host-connections", "N", "Entries of each host's connection table."),
    ("addresses", "ADDRESSES", "Addresses for the VIPs, as many as there are: 192.168.1.10-99/24."),
    ("interface", "NAME", "Where the directors meet.  [default: eth0]"),
    ("first-vrid", "N", "VRID of the first VIP.  [default: 1]"),
)
_REPEATED: tuple[tuple[str, str, str], ...] = (
    ("host", "NAME[=SPEED]", "A director, and the speed of its link. Repeat it."),
    ("vip", "ADDRESS[=WEIGHT]", "A VIP, and its part of the traffic: 10.0.0.1=0.3. Repeat it."),
    ("domain", "NAME=HOST,...", "Hosts that are lost together, such as a rack. Repeat it."),
    ("real-server", "ADDRESS:PORT", "Who answers on this TCP port of every VIP. Repeat it."),
)


def demand_options(command: F) -> F:
    """Add the options that stand for keys of a plan file."""
    command = click.option(
        "--both-directions", is_flag=True, help="Answers pass the same links too (one-armed NAT)."
    )(command)
    for name, metavar, about in reversed((*_SINGLE, *_REPEATED)):
        repeated = (name, metavar, about) in _REPEATED
        command = click.option(f"--{name}", metavar=metavar, help=about, multiple=repeated)(command)
    return command


def section(options: Mapping[str, Any]) -> Section:
    """The keys that these options stand for. Raises DemandError."""
    found: dict[str, Entry] = {}
    for name, _, _ in _SINGLE:
        key = name.replace("-", "_")
        if options[key] is not None and key != "survive_domains":
            found[key] = Entry(options[key], f"--{name}")
    if options["both_directions"]:
        found["both_directions"] = Entry(True, "--both-directions")
    if options["host"]:
        found["host"] = Entry(hosts(options["host"], "--host"), "--host")
    if options["vip"]:
        if "vips" in found:
            raise found["vips"].refuse("the VIPs are named by --vip too: use one of both")
        found["vips"] = Entry([Entry(vip, "--vip") for vip in options["vip"]], "--vip")
    if options["real_server"]:
        servers = [Entry(server, "--real-server") for server in options["real_server"]]
        found["real_servers"] = Entry(servers, "--real-server")
    domains = _domains(options["domain"])
    if options["survive_domains"] is not None:
        domains["survive"] = Entry(options["survive_domains"], "--survive-domains")
    if domains:
        found["domains"] = Entry(Section(domains, "--domain"), "--domain")
    return Section(found, "the options")


def hosts(texts: Sequence[str], option: str) -> list[Entry]:
    """Hosts as `lb1` or `lb1=10G`."""
    found = []
    for text in texts:
        name, equals, link = text.partition("=")
        place = f"{option} {text}"
        keys = {"name": Entry(name, place)} | ({"link": Entry(link, place)} if equals else {})
        found.append(Entry(Section(keys, place), place))
    return found


def _domains(texts: Sequence[str]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for text in texts:
        name, equals, members = text.partition("=")
        place = f"--domain {name}"
        if not equals or not name or not members or name == "survive":
            raise DemandError(f"--domain: '{text}' is no domain: write rack-a=lb1,lb2")
        if name in found:
            raise DemandError(f"{place}: this domain is named twice")
        found[name] = Entry([Entry(host, place) for host in members.split(",")], place)
    return found
