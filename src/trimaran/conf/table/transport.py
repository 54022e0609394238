"""Keywords of how advertisements travel."""

from trimaran.conf.schema import Block, Entries, Keyword
from trimaran.conf.values import Address, Boolean, Choice, Flag, Integer, Text
from trimaran.conf.values_addresses import Group, MulticastAddress
from trimaran.model.ip import IPAddress
from trimaran.model.transport import GROUP, GROUP6, LARGEST_TTL

MIN_TTL = Keyword(
    "min_ttl", Integer(0, LARGEST_TTL), "Discard what has less TTL or hop limit left.", default=0
)
MAX_TTL = Keyword(
    "max_ttl", Integer(0, LARGEST_TTL), "Discard what has more left.", default=LARGEST_TTL
)
PEER = Keyword[IPAddress]("entry", Address(), "One peer a line.", repeats=True)
UNICAST_PEER = Keyword(
    "unicast_peer",
    Flag(),
    "Send advertisements to each of these addresses, not to a multicast group.",
    block=Entries("vrrp_instance/unicast_peer", PEER, (MIN_TTL, MAX_TTL)),
    repeats=True,
)
UNICAST_FAULT_NO_PEER = Keyword(
    "unicast_fault_no_peer",
    Flag(),
    "An empty `unicast_peer` is a FAULT; else it is multicast.",
    default=False,
)
UNICAST_SRC_IP = Keyword(
    "unicast_src_ip", Address(), "Send from this address. Default: the interface's first."
)
MCAST_SRC_IP = Keyword(
    "mcast_src_ip", Address(), "Send from this address. Default: the interface's first."
)
MCAST_DST_IP = Keyword(
    "mcast_dst_ip", Group(), "The multicast group. Default: `vrrp_mcast_group4` or `6`."
)
UNICAST_TTL = Keyword(
    "unicast_ttl",
    Integer(0, LARGEST_TTL),
    "TTL or hop limit of what is sent to peers. Default: 255.",
)
CHECK_UNICAST_SRC = Keyword(
    "check_unicast_src",
    Boolean(),
    "Discard what others than the peers send. Default: `vrrp_check_unicast_src`.",
)
V3_CHECKSUM_AS_V2 = Keyword(
    "v3_checksum_as_v2",
    Boolean(),
    "Version 3, IPv4: a checksum without the pseudo header, for implementations that want it.",
)
AUTH_TYPE = Keyword(
    "auth_type",
    Choice({"PASS": "PASS", "AH": "AH"}),
    "PASS: the password in clear text, against accidents. AH: a proof of it (HMAC-MD5-96), IPv4.",
    required="write 'auth_type PASS' or 'auth_type AH'",
)
AUTH_PASS = Keyword(
    "auth_pass",
    Text("PASSWORD"),
    "The password, 8 bytes at most.",
    required="write 'auth_pass' and a password of up to 8 bytes",
)
AUTHENTICATION = Keyword(
    "authentication",
    Flag(),
    "VRRP version 2 only.",
    block=Block("vrrp_instance/authentication", (AUTH_TYPE, AUTH_PASS)),
)
INSTANCE = (
    *(UNICAST_PEER, UNICAST_FAULT_NO_PEER, UNICAST_SRC_IP, MCAST_SRC_IP, MCAST_DST_IP),
    *(UNICAST_TTL, CHECK_UNICAST_SRC, V3_CHECKSUM_AS_V2, AUTHENTICATION),
)
"""What a `vrrp_instance` says of it."""

VRRP_MCAST_GROUP4 = Keyword(
    "vrrp_mcast_group4", MulticastAddress(4), "The multicast group of IPv4.", default=GROUP
)
VRRP_MCAST_GROUP6 = Keyword(
    "vrrp_mcast_group6", MulticastAddress(6), "The multicast group of IPv6.", default=GROUP6
)
VRRP_CHECK_UNICAST_SRC = Keyword(
    "vrrp_check_unicast_src",
    Boolean(),
    "Default of `check_unicast_src`.",
    default=False,
)
GLOBAL_CHECKSUM_AS_V2 = Keyword(
    "v3_checksum_as_v2", Boolean(), "Default of the virtual routers'.", default=False
)
GLOBAL = (VRRP_MCAST_GROUP4, VRRP_MCAST_GROUP6, VRRP_CHECK_UNICAST_SRC, GLOBAL_CHECKSUM_AS_V2)
"""What `global_defs` says of it."""
