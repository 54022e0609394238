"""Keywords of virtual routers: `vrrp_instance` and what stands in it."""

from trimaran.conf.schema import Block, Entries, Keyword
from trimaran.conf.table import timing, transport, virtual_mac
from trimaran.conf.table.addresses import OPTIONS, VIRTUAL_ADDRESS
from trimaran.conf.table.groups import VRRP_SYNC_GROUP
from trimaran.conf.table.notify import INSTANCE_NOTIFY
from trimaran.conf.table.routing import INSTANCE as ROUTING
from trimaran.conf.table.tracking import INSTANCE_TRACKS
from trimaran.conf.values import (
    Choice,
    Flag,
    Integer,
    InterfaceName,
    Optional,
    Seconds,
    Text,
)
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.model.router import InitialState

STATE = Keyword(
    "state",
    Choice({state.value: state for state in InitialState}),
    "How the virtual router starts; elections decide from then on.",
    default=InitialState.BACKUP,
)
INTERFACE = Keyword(
    "interface",
    InterfaceName(),
    "Where advertisements are sent and received, and addresses are added.",
    required="write 'interface' and its name",
)
VIRTUAL_ROUTER_ID = Keyword(
    "virtual_router_id",
    Integer(1, 255),
    "Which virtual router this is, the same on all its directors, one of a kind on the network.",
    required="write 'virtual_router_id' and a number from 1 to 255",
)
PRIORITY = Keyword(
    "priority",
    Integer(1, 255),
    "The highest becomes master. 255 owns the addresses. `state MASTER` alone means 255.",
    default=100,
)
ADVERT_INT = Keyword(
    "advert_int",
    Seconds(10 * MILLISECOND, 255 * SECOND),
    "Time between advertisements: whole seconds in version 2, 0.01 to 40.95 in version 3.",
    default=SECOND,
)
PREEMPT = Keyword(
    "preempt",
    Flag(),
    "Take over from a master of lower priority.",
    ignored="not needed, ignored: it is the default",
)
NOPREEMPT = Keyword(
    "nopreempt",
    Flag(),
    "Never take over from a master of lower priority; with `state BACKUP` only.",
    default=False,
)
VERSION = Keyword(
    "version",
    Choice({"2": 2, "3": 3}),
    "Version of VRRP; IPv6: 3. Default: `vrrp_version`.",
)
ACCEPT = Keyword("accept", Flag(), "Take packets to the addresses; the default.", default=False)
NO_ACCEPT = Keyword(
    "no_accept",
    Flag(),
    "Drop packets to the addresses (by nftables), unless the priority is 255: they are for what is "
    "forwarded only. `accept` wins.",
    default=False,
)
DONT_TRACK_PRIMARY = Keyword(
    "dont_track_primary",
    Flag(),
    "That its own interface is down is no FAULT.",
    default=False,
)
TRACK_SRC_IP = Keyword(
    "track_src_ip",
    Flag(),
    "That `unicast_src_ip` or `mcast_src_ip` is not on the interface is a FAULT.",
    ignored="not needed, ignored: it is always a FAULT that the source address is not there",
)
PROMOTE_SECONDARIES = Keyword(
    "promote_secondaries",
    Flag(),
    "That an address goes takes no other one of its network along.",
    ignored="not needed, ignored: addresses that the kernel takes away with another are put back",
)
VIRTUAL_IPADDRESS = Keyword(
    "virtual_ipaddress",
    Flag(),
    "The addresses that the master holds.",
    block=Entries("vrrp_instance/virtual_ipaddress", VIRTUAL_ADDRESS, OPTIONS),
    repeats=True,
)
VIRTUAL_IPADDRESS_EXCLUDED = Keyword(
    "virtual_ipaddress_excluded",
    Flag(),
    "Addresses that the master holds too, of either IP version, and does not advertise.",
    block=Entries("vrrp_instance/virtual_ipaddress_excluded", VIRTUAL_ADDRESS, OPTIONS),
    repeats=True,
)
NO_VIRTUAL_IPADDRESS = Keyword(
    "no_virtual_ipaddress",
    Flag(),
    "That it has no addresses is meant.",
    default=False,
)
VRRP_INSTANCE = Keyword(
    "vrrp_instance",
    Text("NAME"),
    "A virtual router.",
    repeats=True,
    block=Block(
        "vrrp_instance",
        (
            STATE,
            INTERFACE,
            VIRTUAL_ROUTER_ID,
            PRIORITY,
            ADVERT_INT,
            PREEMPT,
            NOPREEMPT,
            VERSION,
            *transport.INSTANCE,
            ACCEPT,
            NO_ACCEPT,
            DONT_TRACK_PRIMARY,
            TRACK_SRC_IP,
            PROMOTE_SECONDARIES,
            *INSTANCE_TRACKS,
            VIRTUAL_IPADDRESS,
            VIRTUAL_IPADDRESS_EXCLUDED,
            NO_VIRTUAL_IPADDRESS,
            *virtual_mac.INSTANCE,
            *timing.INSTANCE,
            *ROUTING,
            *INSTANCE_NOTIFY,
        ),
    ),
)

# --- in global_defs

VRRP_VERSION = Keyword("vrrp_version", VERSION.argument, "Version of VRRP.", default=2)
DYNAMIC_INTERFACES = Keyword(
    "dynamic_interfaces",
    Optional(Choice({"allow_if_changes": "allow_if_changes"}), ""),
    "Start, and reload, though interfaces are not there yet: their virtual routers are in FAULT "
    "until they appear.",
)
GLOBAL = (*transport.GLOBAL, VRRP_VERSION, DYNAMIC_INTERFACES, *timing.GLOBAL)
"""What `global_defs` says for all virtual routers."""

TOP = (VRRP_SYNC_GROUP, VRRP_INSTANCE)
"""Blocks at the top level."""
