"""Keywords of `global_defs`: what holds for the whole director."""

from trimaran.conf.schema import Block, Keyword
from trimaran.conf.scripts import Account
from trimaran.conf.table import checks, notify, services, vrrp
from trimaran.conf.values import Flag, Text


def _ignored(about: str, why: str, *forms: str) -> tuple[Keyword[str], ...]:
    """Keywords without which the director does the same for its clients; `why` is said."""
    named = (form.partition(" ") for form in forms)
    return tuple(Keyword(name, Text(usage), about, ignored=why) for name, _, usage in named)


ROUTER_ID = Keyword("router_id", Text("NAME"), "Name of this director.")
RELOAD_CHECK_CONFIG = Keyword(
    "reload_check_config",
    Text("[LOGFILE]"),
    "Check the new configuration before a reload.",
    ignored="not needed, ignored: a reload never takes a file that has errors",
)
SCRIPT_USER = Keyword(
    "script_user",
    Account(),
    "Whom scripts run as. Default: keepalived_script if there is such a user, else root.",
)
ENABLE_SCRIPT_SECURITY = Keyword(
    "enable_script_security",
    Flag(),
    "Run no script as root that, or whose directories, others than root can write.",
    default=False,
)
_IGNORED = (
    *_ignored(
        "Less mail.",
        "not needed, ignored: mail tells of real servers, not of each of their checks",
        "no_checker_emails [on|off]",
    ),
    *_ignored(
        "SNMP.",
        "not supported, ignored: there is no SNMP agent",
        *("snmp_socket ADDRESS", "enable_traps ", "enable_snmp_vrrp ", "enable_snmp_rfc "),
        *("enable_snmp_rfcv2 ", "enable_snmp_rfcv3 ", "enable_snmp_checker "),
        *("snmp_vs_stats_update_interval SECONDS", "snmp_rs_stats_update_interval SECONDS"),
    ),
    *_ignored(
        "D-Bus.",
        "not supported, ignored: there is no D-Bus service",
        *("enable_dbus ", "dbus_service_name NAME", "dbus_no_interface_name NAME"),
    ),
    *_ignored(
        "Names of processes.",
        "ignored: processes are named trimaran and what they do",
        *("process_names ", "process_name NAME", "vrrp_process_name NAME"),
        *("checker_process_name NAME", "bfd_process_name NAME"),
    ),
    *_ignored(
        "Priority of processes.",
        "not needed, ignored: the process of VRRP runs at real-time priority, its memory locked",
        *("max_auto_priority [PRIORITY]", "min_auto_priority_delay MICROSECONDS"),
        *("vrrp_priority NICE", "vrrp_no_swap ", "vrrp_rt_priority PRIORITY"),
        *("vrrp_cpu_affinity CPU ...", "vrrp_rlimit_rttime MICROSECONDS"),
        *("checker_priority NICE", "checker_no_swap ", "checker_rt_priority PRIORITY"),
        *("checker_cpu_affinity CPU ...", "checker_rlimit_rttime MICROSECONDS"),
        *("bfd_priority NICE", "bfd_no_swap ", "bfd_rt_priority PRIORITY"),
        *("bfd_cpu_affinity CPU ...", "bfd_rlimit_rttime MICROSECONDS"),
    ),
    *_ignored(
        "Buffers of sockets.",
        "not needed, ignored: what a buffer has lost is read again",
        *("vrrp_netlink_cmd_rcv_bufs BYTES", "vrrp_netlink_cmd_rcv_bufs_force [on|off]"),
        *("vrrp_netlink_monitor_rcv_bufs BYTES", "vrrp_netlink_monitor_rcv_bufs_force [on|off]"),
        *("process_monitor_rcv_bufs BYTES", "process_monitor_rcv_bufs_force [on|off]"),
        *("lvs_netlink_cmd_rcv_bufs BYTES", "lvs_netlink_cmd_rcv_bufs_force [on|off]"),
        *("lvs_netlink_monitor_rcv_bufs BYTES", "lvs_netlink_monitor_rcv_bufs_force [on|off]"),
    ),
    *_ignored(
        "Dumps of the state.",
        "ignored: there are no dumps, 'trimaran status --json' tells the state",
        *("data_use_instance [on|off]", "json_version 1|2", "state_dump_file PATH"),
        *("stats_dump_file PATH", "json_dump_file PATH"),
    ),
    *_ignored(
        "Groups by nftables.",
        "ignored: each entry of a group is a service of its own, which serves the same packets",
        *("nftables_ipvs [TABLE]", "nftables_ipvs_priority PRIORITY"),
        "nftables_ipvs_start_fwmark FWMARK",
    ),
    *_ignored(
        "Copies of the configuration.",
        "ignored: no copy of the configuration is made",
        *("config_save_dir DIRECTORY", "tmp_config_directory DIRECTORY"),
    ),
    *_ignored(
        "Rules of a firewall.",
        "ignored: the rules of no_accept are in an nftables table of trimaran's own",
        *("vrrp_iptables [CHAIN [CHAIN]]", "vrrp_ipsets [on|off|SET ...]", "nftables [TABLE]"),
        *("nftables_priority PRIORITY", "nftables_counters ", "nftables_ifindex "),
    ),
    *_ignored(
        "Advertisements of others.",
        "not needed, ignored: virtual routers of others on the segment are always told of",
        "log_unknown_vrids ",
    ),
    *_ignored("Files.", "ignored: no file is written that it would matter for", "umask MASK"),
    *_ignored("Tests of keepalived.", "ignored: it is for tests", "random_seed NUMBER"),
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
            *vrrp.GLOBAL,
            *notify.GLOBAL,
            *checks.GLOBAL,
            *services.GLOBAL,
            SCRIPT_USER,
            ENABLE_SCRIPT_SECURITY,
            RELOAD_CHECK_CONFIG,
            *_IGNORED,
        ),
    ),
)
_RUN_DIRECTORY = "ignored: several daemons on a host need a --run-dir each"
NET_NAMESPACE = Keyword(
    "net_namespace",
    Text("NAME"),
    "The network namespace that the daemon works in, as `ip netns` names it. A reload cannot "
    "change it.",
)
TOP = (
    NET_NAMESPACE,
    GLOBAL_DEFS,
    Keyword("instance", Text("NAME"), "Name of this daemon.", ignored=_RUN_DIRECTORY),
    Keyword("use_pid_dir", Flag(), "Where PID files are.", ignored=_RUN_DIRECTORY),
    Keyword(
        "child_wait_time",
        Text("SECONDS"),
        "How long a stop may take.",
        ignored="ignored: a stop takes less than a second, and up to five more if scripts do",
    ),
)
"""What stands at the top level."""
