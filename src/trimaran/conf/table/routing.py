"""Keywords of routes and rules, those of virtual routers and those of the daemon's life."""

from typing import Any

from trimaran.conf.schema import Entries, Keyword
from trimaran.conf.values import UINT32, Address, Choice, Flag, Integer, InterfaceName
from trimaran.conf.values_routing import (
    PROTOCOLS,
    SCOPES,
    TABLES,
    Destination,
    Hexadecimal,
    MarkAndMask,
    Named,
    Nothing,
    Prefix,
)
from trimaran.model.ip import IPAddress
from trimaran.model.routing import Network, RouteKind, RuleKind

NO_TRACK = Keyword(
    "no_track",
    Flag(),
    "Nobody minds that it is gone, or its device, until the virtual router is master again.",
    default=False,
)
TABLE = Keyword("table", Named(TABLES, UINT32), "The routing table.", default=TABLES["main"])

INET6 = Keyword("inet6", Flag(), "For IPv6, though no address says so.", default=False)
INET = Keyword("inet", Flag(), "For IPv4, as is the default.", default=False)

TO = Keyword[Network]("to", Prefix(), "The destination, if it does not come first.")
VIA = Keyword[IPAddress]("via", Address(), "The next hop.")
DEV = Keyword("dev", InterfaceName(), "The interface.", synonyms=("oif",))
SRC = Keyword[IPAddress]("src", Address(), "The source of what this host sends there.")
METRIC = Keyword(
    "metric",
    Integer(0, UINT32),
    "Its metric.",
    default=0,
    synonyms=("priority", "preference"),
)
SCOPE = Keyword("scope", Named(SCOPES, 255), "Its scope. Default: what `ip route` takes.")
PROTOCOL = Keyword(
    "protocol",
    Named(PROTOCOLS, 255),
    "Who has made it.",
    default=PROTOCOLS["keepalived"],
    synonyms=("proto",),
)
TOS = Keyword("tos", Hexadecimal(255), "For packets with this type of service only.", default=0)
MTU = Keyword("mtu", Integer(0, 2**31), "The MTU of the path.", default=0)
ONLINK = Keyword("onlink", Flag(), "The next hop is on the link, whatever its address.")
_ROUTE_OPTIONS: tuple[Keyword[Any], ...] = (
    *(TO, VIA, DEV, SRC, TABLE, METRIC, SCOPE, PROTOCOL, TOS, MTU, ONLINK, NO_TRACK),
    *(INET, INET6),
)
ROUTE = Keyword[tuple[RouteKind, Network | None]](
    "entry",
    Destination(tuple(name for option in _ROUTE_OPTIONS for name in option.names)),
    "One route a line.",
    repeats=True,
)

FROM = Keyword[Network]("from", Prefix(), "Packets from there.")
RULE_TO = Keyword[Network]("to", Prefix(), "Packets to there.")
NOT = Keyword("not", Flag(), "All other packets than those that it says.", default=False)
RULE_TABLE = Keyword(
    "table", TABLE.argument, "The routing table to look into.", synonyms=("lookup",)
)
PREFERENCE = Keyword(
    "preference",
    Integer(1, UINT32),
    "Its place among the rules.",
    synonyms=("priority", "order", "pref"),
)
IIF = Keyword("iif", InterfaceName(), "Packets that come in there.", synonyms=("dev",))
OIF = Keyword("oif", InterfaceName(), "Packets that this host sends, bound to this interface.")
FWMARK = Keyword("fwmark", MarkAndMask(), "Packets with this mark.")
TYPE = Keyword(
    "type",
    Choice({kind.name.lower(): kind for kind in RuleKind if kind is not RuleKind.LOOKUP}),
    "What becomes of the packets, instead of a look into a table.",
)
_RULE_OPTIONS: tuple[Keyword[Any], ...] = (
    *(FROM, RULE_TO, NOT, INET, INET6, RULE_TABLE, PREFERENCE, IIF, OIF, FWMARK, TOS, TYPE),
    NO_TRACK,
)
RULE = Keyword("entry", Nothing(), "One rule a line.", repeats=True)


def _routes(name: str, path: str, about: str) -> Keyword[bool]:
    block = Entries(path, ROUTE, _ROUTE_OPTIONS)
    return Keyword(name, Flag(), about, block=block, repeats=True)


def _rules(name: str, path: str, about: str) -> Keyword[bool]:
    block = Entries(path, RULE, _RULE_OPTIONS)
    return Keyword(name, Flag(), about, block=block, repeats=True)


VIRTUAL_ROUTES = _routes(
    "virtual_routes", "vrrp_instance/virtual_routes", "Routes that the master has."
)
VIRTUAL_RULES = _rules(
    "virtual_rules", "vrrp_instance/virtual_rules", "Rules of routing that the master has."
)
STATIC_ROUTES = _routes("static_routes", "static_routes", "Routes as long as the daemon runs.")
STATIC_RULES = _rules("static_rules", "static_rules", "Rules as long as the daemon runs.")
INSTANCE = (VIRTUAL_ROUTES, VIRTUAL_RULES)
"""What a virtual router may say."""
TOP = (STATIC_ROUTES, STATIC_RULES)
"""What stands at the top level."""
