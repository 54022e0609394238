"""Routes and rules. Doing again what is done already is no error."""

import errno
import socket
from collections.abc import AsyncIterator
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from trimaran.model.routing import PROTOCOL, Route, RouteKind, Rule, RuleKind
from trimaran.net.errors import NetError, explain
from trimaran.net.events import EventSocket, Overflow

_ON_LINK = 0x4
_INVERT = 0x2
_GROUPS = 0x40 | 0x400 | 0x80 | 0x40000
"""RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE, RTMGRP_IPV4_RULE, RTMGRP_IPV6_RULE (RTNLGRP 19)."""
_LINK_SCOPE = 253
_THERE, _NOT_THERE = (errno.EEXIST,), (errno.ESRCH, errno.ENOENT, errno.ENODEV)


async def add(ipr: AsyncIPRoute, entry: Route | Rule) -> bool:
    """Make a route or a rule; False if it was there, or another route has its place (the same
    destination, metric and table). Raises NetError."""
    return await _ask(ipr, "add", entry, _THERE)


async def remove(ipr: AsyncIPRoute, entry: Route | Rule) -> bool:
    """Remove a route or a rule; False if it was not there. Raises NetError."""
    return await _ask(ipr, "del", entry, _NOT_THERE)


async def removals() -> AsyncIterator[None]:
    """Yield when routes or rules may have been removed, for ever."""
    with EventSocket(_GROUPS) as events:
        while True:
            try:
                messages = await events.receive()
            except Overflow:
                events.discard()
                yield
                continue
            if any(message["event"] in ("RTM_DELROUTE", "RTM_DELRULE") for message in messages):
                yield


async def _ask(
    ipr: AsyncIPRoute, command: str, entry: Route | Rule, no_errors: tuple[int, ...]
) -> bool:
    try:
        if isinstance(entry, Route):
            await ipr.route(command, **_route(entry))
        else:
            await ipr.rule(command, **_rule(entry))
    except (NetlinkError, OSError) as error:
        code = error.code if isinstance(error, NetlinkError) else error.errno or errno.ENODEV
        if code in no_errors:
            return False
        what = "remove" if command == "del" else "make"
        raise NetError(f"cannot {what} {entry}: {explain(code)}") from error
    return True


def _family(version: int) -> int:
    return socket.AF_INET6 if version == 6 else socket.AF_INET


def _route(route: Route) -> dict[str, Any]:
    request: dict[str, Any] = {
        "family": _family(route.destination.address.version),
        "dst": str(route.destination.address),
        "dst_len": route.destination.prefix_length,
        "type": int(route.kind),
        "table": route.table,
        "proto": route.protocol,
        "scope": _scope(route),
    }
    if route.gateway is not None:
        request["gateway"] = str(route.gateway)
    if route.device:
        request["oif"] = socket.if_nametoindex(route.device)
    if route.source is not None:
        request["prefsrc"] = str(route.source)
    if route.metric:
        request["priority"] = route.metric
    if route.tos:
        request["tos"] = route.tos
    if route.mtu:
        request["metrics"] = {"mtu": route.mtu}
    if route.on_link:
        request["flags"] = _ON_LINK
    return request


def _scope(route: Route) -> int:
    """As `ip route`: without a gateway a network is on the link."""
    if route.scope is not None:
        return route.scope
    ipv6 = route.destination.address.version == 6
    direct = route.kind is RouteKind.UNICAST and route.gateway is None
    return _LINK_SCOPE if direct and not ipv6 else 0


def _rule(rule: Rule) -> dict[str, Any]:
    request: dict[str, Any] = {
        "family": _family(6 if rule.ipv6 else 4),
        "priority": rule.preference,
        "action": int(rule.kind),
        "protocol": PROTOCOL,
    }
    for name, network in (("src", rule.source), ("dst", rule.destination)):
        if network is not None:
            request |= {name: str(network.address), f"{name}_len": network.prefix_length}
    if rule.kind is RuleKind.LOOKUP:
        request["table"] = rule.table
    if rule.input_device:
        request["iifname"] = rule.input_device
    if rule.output_device:
        request["oifname"] = rule.output_device
    if rule.mark or rule.mark_mask:
        request |= {"fwmark": rule.mark, "fwmask": rule.mark_mask}
    if rule.tos:
        request["tos"] = rule.tos
    if rule.inverted:
        request["flags"] = _INVERT
    return request
