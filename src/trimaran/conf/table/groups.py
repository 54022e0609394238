"""Keywords of sync groups."""

from trimaran.conf.schema import Block, Entries, Keyword
from trimaran.conf.table.notify import GROUP_NOTIFY
from trimaran.conf.table.tracking import GROUP_TRACKS
from trimaran.conf.values import Flag, Text
from trimaran.conf.values_tracking import Words

MEMBERS = Keyword("entry", Words("NAME ..."), "Names of virtual routers.", repeats=True)
GROUP = Keyword(
    "group",
    Flag(),
    "Its members.",
    block=Entries("vrrp_sync_group/group", MEMBERS),
    required="write 'group { NAME NAME }' with the names of virtual routers",
)
SYNC_GROUP_TRACKING_WEIGHT = Keyword(
    "sync_group_tracking_weight",
    Flag(),
    "Weights of what its members track count. Else only those of what the group tracks do, for "
    "all members alike.",
    default=False,
)
VRRP_SYNC_GROUP = Keyword(
    "vrrp_sync_group",
    Text("NAME"),
    "Virtual routers that are master together or not at all; the FAULT of one is that of all.",
    repeats=True,
    block=Block(
        "vrrp_sync_group",
        (GROUP, *GROUP_TRACKS, SYNC_GROUP_TRACKING_WEIGHT, *GROUP_NOTIFY),
    ),
)
