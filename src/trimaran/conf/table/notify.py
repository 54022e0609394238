"""Keywords that say which scripts are told of a virtual router's or a sync group's states."""

from typing import Any

from trimaran.conf.schema import Entries, Keyword
from trimaran.conf.scripts import Command
from trimaran.conf.values import Boolean, Flag, Optional, Seconds, Text
from trimaran.conf.values_notify import HostAndPort, MailAddresses, PathAndAccount
from trimaran.model.duration import SECOND
from trimaran.model.script import Script


def _state(name: str, state: str) -> Keyword[Script]:
    return Keyword(name, Command(), f"Run when it becomes {state}.")


NOTIFY_MASTER = _state("notify_master", "master")
NOTIFY_BACKUP = _state("notify_backup", "backup")
NOTIFY_FAULT = _state("notify_fault", "unfit (FAULT)")
NOTIFY_STOP = Keyword("notify_stop", Command(), "Run when the daemon stops.")
NOTIFY_DELETED = Keyword[Script | None](
    "notify_deleted",
    Optional(Command(), None),
    "Run when a reload removes it, which is told as DELETED then, and else as FAULT.",
)
NOTIFY = Keyword(
    "notify",
    Command(),
    "Run after each of the others, with four arguments more: INSTANCE or GROUP, its name, its "
    "state (MASTER, BACKUP, FAULT, STOP, DELETED) and its priority (of a group: 0).",
)
NOTIFY_MASTER_RX_LOWER_PRI = Keyword(
    "notify_master_rx_lower_pri", Command(), "Run when a master hears one of lower priority."
)
NOTIFY_PRIORITY_CHANGES = Keyword(
    "notify_priority_changes",
    Boolean(),
    "Tell FIFOs of changes of the priority. Default: `vrrp_notify_priority_changes`.",
)
SMTP_ALERT = Keyword(
    "smtp_alert",
    Boolean(),
    "Send mail when its state changes. Default: `smtp_alert_vrrp`, else `smtp_alert`.",
)
GROUP_NOTIFY: tuple[Keyword[Any], ...] = (
    *(NOTIFY_MASTER, NOTIFY_BACKUP, NOTIFY_FAULT, NOTIFY_STOP, NOTIFY),
    *(NOTIFY_PRIORITY_CHANGES, SMTP_ALERT),
)
"""What a sync group may say."""
INSTANCE_NOTIFY = (*GROUP_NOTIFY, NOTIFY_DELETED, NOTIFY_MASTER_RX_LOWER_PRI)
"""What a virtual router may say."""

# --- in global_defs

VRRP_NOTIFY_PRIORITY_CHANGES = Keyword(
    "vrrp_notify_priority_changes",
    Boolean(),
    "Default of `notify_priority_changes`.",
    default=False,
)


def _fifo(
    name: str, about: str
) -> tuple[Keyword[tuple[str, str | None, str | None]], Keyword[Script]]:
    reader = f"Started by the daemon, with the path of {name} as its last argument, to read it."
    return (
        Keyword(name, PathAndAccount(), about),
        Keyword(f"{name}_script", Command(), reader),
    )


NOTIFY_FIFO = _fifo("notify_fifo", "All that the other two FIFOs are told.")
VRRP_NOTIFY_FIFO = _fifo(
    "vrrp_notify_fifo",
    'A line for each state of a virtual router or a sync group: `INSTANCE "NAME" STATE PRIORITY`.',
)
LVS_NOTIFY_FIFO = _fifo(
    "lvs_notify_fifo",
    "A line for each change of a service or a real server: `VS [ADDRESS]:tcp:PORT UP|DOWN`, `RS "
    "[ADDRESS]:tcp:PORT [ADDRESS]:tcp:PORT UP|DOWN`, where the service comes last.",
)
FIFO_WRITE_VRRP_STATES_ON_RELOAD = Keyword(
    "fifo_write_vrrp_states_on_reload",
    Flag(),
    "Tell FIFOs the states of all virtual routers and sync groups after a reload.",
    default=False,
)

NOTIFICATION_EMAIL_ADDRESS = Keyword(
    "entry", MailAddresses(), "Addresses, divided by blanks.", repeats=True
)
NOTIFICATION_EMAIL = Keyword(
    "notification_email",
    Flag(),
    "Whom mail is sent to.",
    block=Entries("global_defs/notification_email", NOTIFICATION_EMAIL_ADDRESS),
)
NOTIFICATION_EMAIL_FROM = Keyword(
    "notification_email_from",
    Text("ADDRESS"),
    "Whom mail is from. Default: `keepalived@` and this host's name.",
)
SMTP_SERVER = Keyword("smtp_server", HostAndPort(), "Who takes mail. Default port: 25.")
SMTP_HELO_NAME = Keyword(
    "smtp_helo_name", Text("NAME"), "How it is greeted. Default: this host's name."
)
SMTP_CONNECT_TIMEOUT = Keyword(
    "smtp_connect_timeout",
    Seconds(SECOND, 4294 * SECOND),
    "Time for each step of a conversation with it.",
    default=30 * SECOND,
)
SMTP_ALERT_DEFAULT = Keyword("smtp_alert", Boolean(), "Default of all other `smtp_alert`.")
SMTP_ALERT_VRRP = Keyword(
    "smtp_alert_vrrp", Boolean(), "Default of `smtp_alert` of virtual routers and sync groups."
)
SMTP_ALERT_CHECKER = Keyword(
    "smtp_alert_checker", Boolean(), "Default of `smtp_alert` of services and real servers."
)
NO_EMAIL_FAULTS = Keyword(
    "no_email_faults", Flag(), "No mail when a virtual router is unfit.", default=False
)


def _timed(name: str, when: str) -> tuple[Keyword[Script], Keyword[int]]:
    limit = Seconds(SECOND, 1000 * SECOND, decimals=0)
    about = f"How long {name} may run; it is ended then."
    return (
        Keyword(name, Command(), f"Run {when}, which waits for its end."),
        Keyword(f"{name}_timeout", limit, about, default=10 * SECOND),
    )


STARTUP_SCRIPT = _timed("startup_script", "before anything is started")
SHUTDOWN_SCRIPT = _timed("shutdown_script", "when all else has ended")
GLOBAL: tuple[Keyword[Any], ...] = (
    *(VRRP_NOTIFY_PRIORITY_CHANGES, *NOTIFY_FIFO, *VRRP_NOTIFY_FIFO, *LVS_NOTIFY_FIFO),
    *(FIFO_WRITE_VRRP_STATES_ON_RELOAD, NOTIFICATION_EMAIL, NOTIFICATION_EMAIL_FROM),
    *(SMTP_SERVER, SMTP_HELO_NAME, SMTP_CONNECT_TIMEOUT),
    *(*STARTUP_SCRIPT, *SHUTDOWN_SCRIPT),
    *(SMTP_ALERT_DEFAULT, SMTP_ALERT_VRRP, SMTP_ALERT_CHECKER, NO_EMAIL_FAULTS),
)
"""What `global_defs` says of notifications."""
