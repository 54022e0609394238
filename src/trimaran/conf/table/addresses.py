"""What stands on a line of `virtual_ipaddress`."""

from trimaran.conf.schema import Keyword
from trimaran.conf.values import Flag, InterfaceName, Label
from trimaran.conf.values_addresses import (
    AddressAndPrefix,
    Broadcast,
    Interface,
    Lifetime,
    Scope,
)

VIRTUAL_ADDRESS = Keyword[Interface](
    "entry", AddressAndPrefix(), "One address a line.", repeats=True
)
DEV = Keyword("dev", InterfaceName(), "Its interface. Default: the virtual router's.")
LABEL = Keyword("label", Label(), "Its label: the device's name, or that with `:` and more.")
SCOPE = Keyword("scope", Scope(), "Its scope, IPv4 only.", default=0)
BROADCAST = Keyword(
    "broadcast",
    Broadcast(),
    "Its broadcast address, IPv4 only; `+`, `-`: its network's, host bits all 1 or 0.",
    synonyms=("brd",),
)
PEER = Keyword("peer", AddressAndPrefix(), "The address at the other end of its link.")
PREFERRED_LFT = Keyword(
    "preferred_lft",
    Lifetime(),
    "For how long it is taken as a source. Default: for ever, an IPv6 /128 never.",
)
HOME = Keyword("home", Flag(), "IPv6: a home address (Mobile IP).", default=False)
MNGTMPADDR = Keyword(
    "mngtmpaddr", Flag(), "IPv6: the kernel makes temporary addresses of it.", default=False
)
NOPREFIXROUTE = Keyword("noprefixroute", Flag(), "Add no route for its prefix.", default=False)
AUTOJOIN = Keyword("autojoin", Flag(), "Join the multicast group that it is.", default=False)
NODAD = Keyword("-nodad", Flag(), "Allowed, and always so: no duplicate address detection.")
NO_TRACK = Keyword("no_track", Flag(), "That its device is down is no FAULT.", default=False)

OPTIONS = (
    *(DEV, LABEL, SCOPE, BROADCAST, PEER, PREFERRED_LFT),
    *(HOME, MNGTMPADDR, NOPREFIXROUTE, AUTOJOIN, NODAD, NO_TRACK),
)
