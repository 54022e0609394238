"""From what the file says of routes and rules to the model."""

from collections.abc import Iterator
from typing import Any

from trimaran.conf.report import Report
from trimaran.conf.schema import Keyword, Setting
from trimaran.conf.table import routing as table
from trimaran.model.routing import MAIN_TABLE, Network, Route, RouteKind, Routing, Rule, RuleKind

_FIRST_PREFERENCE = 16384
"""keepalived's, from which it counts down."""


def virtual_routing(instance: Setting[Any], report: Report) -> Routing:
    """The routes and rules of a `vrrp_instance`."""
    return _routing(instance, table.VIRTUAL_ROUTES, table.VIRTUAL_RULES, report)


def static_routing(file: Setting[Any], report: Report) -> Routing:
    """The routes and rules of the daemon's life."""
    return _routing(file, table.STATIC_ROUTES, table.STATIC_RULES, report)


def _routing(
    block: Setting[Any], routes: Keyword[bool], rules: Keyword[bool], report: Report
) -> Routing:
    return Routing(
        tuple(
            route
            for inside in block.all(routes)
            for entry in inside.all(table.ROUTE)
            if (route := _route(entry, report)) is not None
        ),
        tuple(
            _rule(entry, _FIRST_PREFERENCE - number, report)
            for number, entry in enumerate(
                entry for inside in block.all(rules) for entry in inside.all(table.RULE)
            )
        ),
    )


def _route(entry: Setting[tuple[RouteKind, Network | None]], report: Report) -> Route | None:
    if entry.value is None:
        return None
    kind, destination = entry.value
    destination = destination or entry.get(table.TO)
    if destination is None:
        report.error(entry.word, "this route has no destination", "write 'to NETWORK'")
        return None
    via, device = entry.get(table.VIA), entry.get(table.DEV) or ""
    if kind is RouteKind.UNICAST and via is None and not device:
        report.error(entry.word, "this route leads nowhere", "write 'via ADDRESS' or 'dev NAME'")
    for keyword in (table.VIA, table.SRC):
        setting = entry.last(keyword)
        if setting is None or setting.value is None:
            continue
        if setting.value.version != destination.address.version:
            report.error(
                setting.at,
                f"{setting.value} and {destination} are not of the same version of IP",
                "write addresses of one",
            )
    return Route(
        destination,
        kind,
        via,
        device,
        entry.get(table.SRC),
        entry[table.TABLE],
        entry[table.METRIC],
        entry.get(table.SCOPE),
        entry[table.PROTOCOL],
        entry[table.TOS],
        entry[table.MTU],
        on_link=entry.get(table.ONLINK) is not None,
        tracked=not entry[table.NO_TRACK],
    )


def _rule(entry: Setting[bool], number: int, report: Report) -> Rule:
    """`number`: its preference, if it says none."""
    source, destination = entry.get(table.FROM), entry.get(table.RULE_TO)
    preference, kind = entry.get(table.PREFERENCE), entry.get(table.TYPE)
    looks_up = entry.get(table.RULE_TABLE)
    versions = {network.address.version for network in _networks(source, destination)}
    if len(versions) > 1:
        report.error(entry.word, "this rule is for both versions of IP", "write a rule for each")
    if looks_up is None and kind is None:
        report.error(entry.word, "this rule has no table", "write 'table TABLE'")
    if preference is None:
        report.warning(
            entry.word,
            f"this rule has no preference: {number} is used, as by keepalived",
            "write 'preference NUMBER'",
        )
    mark, mask = entry.get(table.FWMARK) or (0, 0)
    return Rule(
        preference or number,
        6 in versions or entry[table.INET6],
        source,
        destination,
        MAIN_TABLE if looks_up is None else looks_up,
        kind or RuleKind.LOOKUP,
        entry[table.NOT],
        entry.get(table.IIF) or "",
        entry.get(table.OIF) or "",
        mark,
        mask,
        entry[table.TOS],
        tracked=not entry[table.NO_TRACK],
    )


def _networks(*networks: Network | None) -> Iterator[Network]:
    return (network for network in networks if network is not None)
