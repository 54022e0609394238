"""The table: every keyword that is supported, one row each, in the blocks it stands in.

Bounds and defaults are keepalived's. What keepalived has and this table lacks is refused by
name (see `known`). Times are nanoseconds.
"""

from ipaddress import IPv4Address, IPv4Interface

from trimaran.conf.schema import Block, Entries, Keyword
from trimaran.conf.values import (
    UINT32,
    Address,
    AddressAndPort,
    AddressAndPrefix,
    Choice,
    Flag,
    Integer,
    InterfaceName,
    Label,
    Seconds,
    Text,
)
from trimaran.model.duration import MICROSECOND, MILLISECOND, SECOND
from trimaran.model.router import InitialState
from trimaran.model.service import Forwarding, Protocol

LONGEST_TIMER = UINT32 * MICROSECOND
_NO_MAIL = "not supported yet, ignored: no mail is sent"

# --- virtual routers

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
NOPREEMPT = Keyword(
    "nopreempt",
    Flag(),
    "Never take over from a master of lower priority; with `state BACKUP` only.",
    default=False,
)
VERSION = Keyword(
    "version", Choice({"2": 2, "3": 3}), "Version of VRRP. Default: `vrrp_version`, else 2."
)
AUTH_TYPE = Keyword(
    "auth_type",
    Choice({"PASS": "PASS"}, later=("AH",)),
    "PASS: a password in clear text; it keeps accidents out, not attackers.",
    required="write 'auth_type PASS'",
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
TRACK_WEIGHT = Keyword(
    "weight",
    Integer(-253, 253),
    "Added to the priority while the interface is up (above 0) or down (below 0); 0: FAULT.",
    default=0,
)
TRACKED_INTERFACE = Keyword("entry", InterfaceName(), "One interface a line.", repeats=True)
TRACK_INTERFACE = Keyword(
    "track_interface",
    Flag(),
    "Interfaces whose loss matters.",
    block=Entries("vrrp_instance/track_interface", TRACKED_INTERFACE, (TRACK_WEIGHT,)),
    repeats=True,
)
DEV = Keyword("dev", InterfaceName(), "Its interface. Default: the virtual router's.")
LABEL = Keyword("label", Label(), "Its label: the device's name, or that with `:` and more.")
VIRTUAL_ADDRESS = Keyword[IPv4Interface](
    "entry",
    AddressAndPrefix(),
    "One address a line.",
    repeats=True,
)
VIRTUAL_IPADDRESS = Keyword(
    "virtual_ipaddress",
    Flag(),
    "The addresses that the master holds.",
    block=Entries("vrrp_instance/virtual_ipaddress", VIRTUAL_ADDRESS, (DEV, LABEL)),
    repeats=True,
    expected="without addresses it elects a master of nothing",
)
GARP_MASTER_DELAY = Keyword(
    "garp_master_delay",
    Seconds(0, 4294 * SECOND, decimals=0),
    "A new master announces its addresses again after this. Default: `vrrp_garp_master_delay`.",
)
GARP_MASTER_REPEAT = Keyword(
    "garp_master_repeat",
    Integer(1, UINT32),
    "Announcements each time. Default: `vrrp_garp_master_repeat`.",
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
            NOPREEMPT,
            VERSION,
            AUTHENTICATION,
            TRACK_INTERFACE,
            VIRTUAL_IPADDRESS,
            GARP_MASTER_DELAY,
            GARP_MASTER_REPEAT,
            Keyword(
                "debug",
                Integer(0, 4),
                "Does nothing.",
                ignored="obsolete, ignored: keepalived does nothing with it either",
            ),
        ),
    ),
)

# --- virtual services

DELAY_LOOP = Keyword(
    "delay_loop",
    Seconds(MICROSECOND, LONGEST_TIMER),
    "Time between checks.",
    default=60 * SECOND,
)
RETRY = Keyword(
    "retry", Integer(1, UINT32), "Failures in a row, after the first, until down.", default=1
)
CHECK_RETRY = Keyword("retry", Integer(0, UINT32), RETRY.about, default=1)
DELAY_BEFORE_RETRY = Keyword(
    "delay_before_retry",
    Seconds(0, LONGEST_TIMER),
    "Time between a failure and the next check.",
    default=SECOND,
)
CONNECT_TIMEOUT = Keyword(
    "connect_timeout",
    Seconds(MICROSECOND, 4294 * SECOND),
    "Time for a connection to open.",
    default=5 * SECOND,
)
WARMUP = Keyword(
    "warmup",
    Seconds(0, LONGEST_TIMER),
    "The first check starts after a random share of this. keepalived's default is delay_loop; "
    "here it is 0, since a server gets clients only after its first success.",
    default=0,
)
_TIMING = (DELAY_LOOP, RETRY, DELAY_BEFORE_RETRY, CONNECT_TIMEOUT, WARMUP)

CONNECT_IP = Keyword("connect_ip", Address(), "Where to connect. Default: the real server.")
CONNECT_PORT = Keyword(
    "connect_port", Integer(1, 65535), "The port to connect to. Default: the real server's."
)
BINDTO = Keyword[IPv4Address]("bindto", Address(), "Source address of the connection.")
TCP_CHECK = Keyword(
    "TCP_CHECK",
    Flag(),
    "The server is fit if a TCP connection to it opens in time.",
    repeats=True,
    block_optional=True,
    block=Block(
        "virtual_server/real_server/TCP_CHECK",
        (
            CONNECT_IP,
            CONNECT_PORT,
            BINDTO,
            CONNECT_TIMEOUT,
            CHECK_RETRY,
            DELAY_BEFORE_RETRY,
            WARMUP,
            DELAY_LOOP,
        ),
    ),
)
WEIGHT = Keyword(
    "weight", Integer(0, 2**31 - 1), "Its share of new connections; 0: none.", default=1
)
REAL_SERVER = Keyword(
    "real_server",
    AddressAndPort("the port is missing", "write the port of the virtual_server behind it"),
    "A server that answers clients. The timing words are defaults for its checks.",
    repeats=True,
    block=Block("virtual_server/real_server", (WEIGHT, *_TIMING, TCP_CHECK)),
    expected="it is left out, as by keepalived: write a real_server",
)
SCHEDULER = Keyword(
    "lb_algo",
    Choice(
        {"rr": "rr"},
        later=(
            *("wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh"),
            *("dh", "fo", "ovf", "sed", "nq", "twos"),
        ),
    ),
    "How real servers are chosen: rr, one after another.",
    synonyms=("lvs_sched",),
    required="its absence means wlc, not supported yet: write 'lvs_sched rr'",
)
FORWARDING = Keyword(
    "lb_kind",
    Choice({"DR": Forwarding.DIRECT_ROUTING}, later=("NAT", "TUN")),
    "How packets reach real servers: DR, direct routing.",
    synonyms=("lvs_method",),
    required="its absence means NAT, not supported yet: write 'lvs_method DR'",
)
PROTOCOL = Keyword(
    "protocol",
    Choice({"TCP": Protocol.TCP, "UDP": Protocol.UDP}, later=("SCTP",), any_case=True),
    "The transport protocol.",
    required="its absence means UDP, which is seldom meant: write 'protocol TCP' or 'protocol UDP'",
)
VIRTUAL_SERVER = Keyword(
    "virtual_server",
    AddressAndPort("not supported yet: a service on all ports", "write one port, from 1 to 65535"),
    "A virtual service. The timing words are defaults for the checks of its real servers.",
    repeats=True,
    block=Block("virtual_server", (SCHEDULER, FORWARDING, PROTOCOL, *_TIMING, REAL_SERVER)),
)

# --- everything

ROUTER_ID = Keyword("router_id", Text("NAME"), "Name of this director.")
VRRP_VERSION = Keyword("vrrp_version", VERSION.argument, "Version of VRRP.", default=2)
VRRP_GARP_MASTER_DELAY = Keyword(
    "vrrp_garp_master_delay",
    GARP_MASTER_DELAY.argument,
    "Default of `garp_master_delay`.",
    default=5 * SECOND,
)
VRRP_GARP_MASTER_REPEAT = Keyword(
    "vrrp_garp_master_repeat",
    GARP_MASTER_REPEAT.argument,
    "Default of `garp_master_repeat`.",
    default=5,
)
GLOBAL_DEFS = Keyword(
    "global_defs",
    Flag(),
    "What holds for the whole director.",
    repeats=True,
    block=Block(
        "global_defs",
        (
            ROUTER_ID,
            VRRP_VERSION,
            VRRP_GARP_MASTER_DELAY,
            VRRP_GARP_MASTER_REPEAT,
            Keyword("notification_email", Text("{ ADDRESS ... }"), "Mail.", ignored=_NO_MAIL),
            Keyword("notification_email_from", Text("ADDRESS"), "Mail.", ignored=_NO_MAIL),
            Keyword("smtp_server", Text("HOST [PORT]"), "Mail.", ignored=_NO_MAIL),
            Keyword("smtp_connect_timeout", Integer(0, 4294), "Mail.", ignored=_NO_MAIL),
        ),
    ),
)
FILE = Block("(top)", (GLOBAL_DEFS, VRRP_INSTANCE, VIRTUAL_SERVER))
