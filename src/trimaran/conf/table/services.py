"""Keywords of virtual services: `virtual_server` and what stands in it, but for the checks."""

from trimaran.conf.schema import Block, Entries, Keyword
from trimaran.conf.scripts import Command
from trimaran.conf.synchronisation import SyncDaemon
from trimaran.conf.table.checks import CHECKS, TIMING
from trimaran.conf.table.http_checks import VIRTUALHOST
from trimaran.conf.targets import (
    AddressAndPort,
    ConnectionTimeouts,
    Granularity,
    GroupEntry,
    Members,
    Method,
    MethodName,
    ServiceTarget,
)
from trimaran.conf.values import UINT32, Boolean, Choice, Flag, Integer, Optional, Seconds, Text
from trimaran.model.duration import SECOND
from trimaran.model.service import (
    FALLBACK,
    HASH_PORT,
    Forwarding,
    Protocol,
    SchedulerFlag,
)

LONGEST_PERSISTENCE = 31 * 24 * 3600
DEFAULT_PERSISTENCE = 360
_SCHEDULERS = (
    *("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh"),
    *("dh", "fo", "ovf", "sed", "nq", "twos"),
)

_NO_SNMP = "not supported, ignored: there is no SNMP agent"
_IGNORED = (Keyword("snmp_name", Text("NAME"), "SNMP.", ignored=_NO_SNMP),)
SERVER_SMTP_ALERT = Keyword(
    "smtp_alert",
    Boolean(),
    "Send mail when it comes up or goes down. Default: `smtp_alert_checker`, else the "
    "`smtp_alert` of global_defs, else on.",
)
SMTP_ALERT = Keyword(
    "smtp_alert",
    Boolean(),
    "Send mail when its quorum is lost or is there again. Default: `smtp_alert_checker`, else the "
    "`smtp_alert` of global_defs, else off.",
)

# --- real servers

WEIGHT = Keyword(
    "weight", Integer(0, 2**31 - 1), "Its share of new connections; 0: none.", default=1
)
METHOD = Keyword("lvs_method", MethodName(), "As the service's, for this server.")
UPPER_THRESHOLD = Keyword(
    "uthreshold",
    Integer(0, UINT32),
    "From this number of connections on it gets no new ones. 0: no limit.",
    default=0,
)
LOWER_THRESHOLD = Keyword(
    "lthreshold",
    Integer(0, UINT32),
    "Once over `uthreshold`, it gets new ones again below this number.",
    default=0,
)
INHIBIT_ON_FAILURE = Keyword(
    "inhibit_on_failure",
    Boolean(),
    "Unfit, it stays with weight 0: its connections go on.",
    default=False,
)
ALPHA = Keyword(
    "alpha",
    Boolean(),
    "A server counts as down before its first check, so that its first success runs `notify_up`. "
    "Here it never gets clients before that, with or without this.",
    default=False,
)
NOTIFY_UP = Keyword("notify_up", Command(), "Run when it comes up.")
NOTIFY_DOWN = Keyword("notify_down", Command(), "Run when it goes down.")
REAL_SERVER = Keyword(
    "real_server",
    AddressAndPort(),
    "A server that answers clients; without a port, on the service's. The timing words are "
    "defaults for its checks.",
    repeats=True,
    block=Block(
        "virtual_server/real_server",
        (
            WEIGHT,
            METHOD,
            UPPER_THRESHOLD,
            LOWER_THRESHOLD,
            INHIBIT_ON_FAILURE,
            ALPHA,
            NOTIFY_UP,
            NOTIFY_DOWN,
            VIRTUALHOST,
            *TIMING,
            *CHECKS,
            SERVER_SMTP_ALERT,
            *_IGNORED,
        ),
    ),
    expected="it is left out, as by keepalived: write a real_server",
)

# --- services

SCHEDULER = Keyword(
    "lb_algo",
    Choice({name: name for name in _SCHEDULERS}),
    "How real servers are chosen: IPVS's schedulers.",
    default="wlc",
    synonyms=("lvs_sched",),
)
SERVICE_METHOD = Keyword(
    "lb_kind",
    MethodName(),
    "How packets reach real servers: DR (direct routing), NAT, or through a tunnel.",
    default=Method(Forwarding.MASQUERADING),
    synonyms=("lvs_method",),
)
PROTOCOL = Keyword(
    "protocol",
    Choice({protocol.value: protocol for protocol in Protocol}, any_case=True),
    "The transport protocol. Not for a fwmark.",
    default=Protocol.UDP,
)
IP_FAMILY = Keyword(
    "ip_family",
    Choice({"inet": False, "inet6": True}),
    "Which packets a fwmark means. Default: those of its real servers' version.",
)
PERSISTENCE_TIMEOUT = Keyword(
    "persistence_timeout",
    Optional(Integer(1, LONGEST_PERSISTENCE), DEFAULT_PERSISTENCE),
    "A client stays with its server for so many seconds; 360 if none are given. A service on "
    "all ports needs this, and gets 360.",
)
PERSISTENCE_GRANULARITY = Keyword(
    "persistence_granularity",
    Granularity(),
    "Which clients are the same one for this: those of one network. Default: one address.",
)
PERSISTENCE_ENGINE = Keyword(
    "persistence_engine", Choice({"sip": "sip"}), "What else tells clients apart: SIP's Call-ID."
)
OPS = Keyword("ops", Flag(), "Schedule each packet by itself; UDP only.", default=False)
FLAGS = (
    (Keyword("flag-1", Flag(), "The first flag of the scheduler."), None, SchedulerFlag.FLAG_1),
    (Keyword("flag-2", Flag(), "The second flag of the scheduler."), None, SchedulerFlag.FLAG_2),
    (Keyword("flag-3", Flag(), "The third flag of the scheduler."), None, SchedulerFlag.FLAG_3),
    (Keyword("sh-port", Flag(), "sh hashes the client's port too."), "sh", HASH_PORT),
    (
        Keyword("sh-fallback", Flag(), "sh takes another server for one that has no weight."),
        "sh",
        FALLBACK,
    ),
    (Keyword("mh-port", Flag(), "mh hashes the client's port too."), "mh", HASH_PORT),
    (
        Keyword("mh-fallback", Flag(), "mh takes another server for one that has no weight."),
        "mh",
        FALLBACK,
    ),
)
"""Keyword, the scheduler that it is for (None: any), what it sets."""
SERVICE_WEIGHT = Keyword(
    "weight", Integer(1, 2**31 - 1), "Default of its real servers' weight.", default=1
)
SERVICE_INHIBIT = Keyword(
    "inhibit_on_failure", Flag(), "For all its real servers: see there.", default=False
)
QUORUM = Keyword(
    "quorum",
    Integer(1, UINT32),
    "How much weight of its real servers must be fit for the service to be up.",
    default=1,
)
HYSTERESIS = Keyword(
    "hysteresis",
    Integer(0, UINT32),
    "It goes down below `quorum` less this, and up again from `quorum` plus this on.",
    default=0,
)
SORRY_SERVER = Keyword(
    "sorry_server",
    AddressAndPort(),
    "Who answers while there is no quorum, instead of all real servers.",
)
SORRY_SERVER_INHIBIT = Keyword(
    "sorry_server_inhibit",
    Flag(),
    "It stays with weight 0 while there is a quorum, and so do the real servers while there is "
    "none if they have `inhibit_on_failure`.",
    default=False,
)
SORRY_SERVER_METHOD = Keyword(
    "sorry_server_lvs_method", MethodName(), "As the service's, for the sorry_server."
)
OMEGA = Keyword(
    "omega",
    Flag(),
    "At the end of the daemon, run `notify_down` and `quorum_down` for all that is up.",
    default=False,
)
QUORUM_UP = Keyword(
    "quorum_up", Command(), "Run when the service comes up, the first time included."
)
QUORUM_DOWN = Keyword("quorum_down", Command(), "Run when the service goes down.")
HA_SUSPEND = Keyword(
    "ha_suspend",
    Flag(),
    "Its real servers are checked only while a virtual router here holds its address; what was "
    "known of them before stays. With a firewall mark they are always checked.",
    default=False,
)
DRAIN_TIMEOUT = Keyword(
    "drain_timeout",
    Seconds(0, 31 * 24 * 3600 * SECOND),
    "Of trimaran, not of keepalived: a real server that a reload removes stays with weight 0 until "
    "it has no connections, at most so long. Without this it is removed at once.",
)
VIRTUAL_SERVER = Keyword(
    "virtual_server",
    ServiceTarget(),
    "A virtual service: an address and port (none: all ports), packets with a firewall mark, or "
    "all that a virtual_server_group names. The timing words are defaults for the checks.",
    repeats=True,
    block=Block(
        "virtual_server",
        (
            SCHEDULER,
            SERVICE_METHOD,
            PROTOCOL,
            IP_FAMILY,
            PERSISTENCE_TIMEOUT,
            PERSISTENCE_GRANULARITY,
            PERSISTENCE_ENGINE,
            OPS,
            *(keyword for keyword, _, _ in FLAGS),
            SERVICE_WEIGHT,
            SERVICE_INHIBIT,
            ALPHA,
            OMEGA,
            HA_SUSPEND,
            DRAIN_TIMEOUT,
            QUORUM,
            HYSTERESIS,
            QUORUM_UP,
            QUORUM_DOWN,
            SORRY_SERVER,
            SORRY_SERVER_INHIBIT,
            SORRY_SERVER_METHOD,
            VIRTUALHOST,
            *TIMING,
            REAL_SERVER,
            SMTP_ALERT,
            *_IGNORED,
        ),
    ),
)
GROUP_ENTRY = Keyword[Members](
    "entry",
    GroupEntry(),
    "One entry a line. A range of ports is one service each; keepalived does not know it.",
    repeats=True,
)
VIRTUAL_SERVER_GROUP = Keyword(
    "virtual_server_group",
    Text("NAME"),
    "Addresses, ports and marks that make one virtual_server each, all alike.",
    repeats=True,
    block=Entries("virtual_server_group", GROUP_ENTRY),
)

LVS_TIMEOUTS = Keyword(
    "lvs_timeouts",
    ConnectionTimeouts(),
    "How long idle connections are kept: TCP's, TCP's after a FIN, UDP's; 0 as it was. What they "
    "were before comes back at the end.",
)
LVS_FLUSH_ON_STOP = Keyword(
    "lvs_flush_on_stop",
    Choice({"VS": True}),
    "Remove all services of this configuration at the end, as is always done here.",
)
LVS_FLUSH = Keyword(
    "lvs_flush",
    Flag(),
    "Remove all services from IPVS at the start.",
    ignored="ignored: services that an earlier daemon left are taken over or removed anyway, "
    "those of others stay (ipvsadm -C removes them)",
)
RS_INIT_NOTIFIES = Keyword(
    "rs_init_notifies",
    Boolean(),
    "Run `notify_up` or `notify_down` for a server's first result, too.",
    default=False,
)
LVS_SYNC_DAEMON = Keyword(
    "lvs_sync_daemon",
    SyncDaemon(),
    "Tell other directors of the connections here, and enter theirs, by IPVS's protocol.",
)
GLOBAL = (LVS_TIMEOUTS, LVS_FLUSH, LVS_FLUSH_ON_STOP, RS_INIT_NOTIFIES, LVS_SYNC_DAEMON)
"""What `global_defs` says for all services."""

TOP = (VIRTUAL_SERVER_GROUP, VIRTUAL_SERVER)
"""Blocks at the top level."""
