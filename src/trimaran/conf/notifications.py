"""From what the file says of notifications to the model."""

from collections.abc import Hashable
from typing import Any

from trimaran.conf.report import Report
from trimaran.conf.schema import Keyword, Setting
from trimaran.conf.table import notify as table
from trimaran.conf.tokens import Word
from trimaran.model.notification import Channels, Fifo, Mail, Notify
from trimaran.model.script import Script, TimedScript


def notify(block: Setting[Any], global_defs: Setting[bool]) -> Notify:
    """Who is told of a `vrrp_instance`, or of a `vrrp_sync_group`."""
    changes = block.get(table.NOTIFY_PRIORITY_CHANGES)
    return Notify(
        master=block.get(table.NOTIFY_MASTER),
        backup=block.get(table.NOTIFY_BACKUP),
        fault=block.get(table.NOTIFY_FAULT),
        stop=block.get(table.NOTIFY_STOP),
        deleted=block.get(table.NOTIFY_DELETED),
        any=block.get(table.NOTIFY),
        master_rx_lower_pri=block.get(table.NOTIFY_MASTER_RX_LOWER_PRI),
        deletion=block.last(table.NOTIFY_DELETED) is not None,
        priority_changes=(
            global_defs[table.VRRP_NOTIFY_PRIORITY_CHANGES] if changes is None else changes
        ),
        mail=bool(
            _first(
                block.get(table.SMTP_ALERT),
                global_defs.get(table.SMTP_ALERT_VRRP),
                global_defs.get(table.SMTP_ALERT_DEFAULT),
            )
        ),
    )


def channels(global_defs: Setting[bool], report: Report) -> Channels:
    """By which ways events leave the daemon; what is wrong is reported."""
    seen: dict[Hashable, Word] = {}
    both, routers, services = (
        _fifo(global_defs, path, reader, seen, report)
        for path, reader in (table.NOTIFY_FIFO, table.VRRP_NOTIFY_FIFO, table.LVS_NOTIFY_FIFO)
    )
    return Channels(
        both=both,
        routers=routers,
        services=services,
        states_on_reload=global_defs[table.FIFO_WRITE_VRRP_STATES_ON_RELOAD],
        mail=_mail(global_defs, report),
    )


def timed(
    global_defs: Setting[bool], words: tuple[Keyword[Script], Keyword[int]]
) -> TimedScript | None:
    """A script of the daemon's start or end."""
    script, timeout = global_defs.get(words[0]), global_defs[words[1]]
    return TimedScript(script, timeout) if script else None


def _fifo(
    global_defs: Setting[bool],
    path: Keyword[tuple[str, str | None, str | None]],
    reader: Keyword[Script],
    seen: dict[Hashable, Word],
    report: Report,
) -> Fifo | None:
    setting, program = global_defs.last(path), global_defs.last(reader)
    if setting is None and program is not None:
        report.error(
            program.word,
            f"{reader.name} has nothing to read: there is no {path.name}",
            f"write '{path.name} PATH' too",
        )
    if setting is None or setting.value is None:
        return None
    report.once(seen, setting.value[0], setting.at, f"FIFO {setting.value[0]}")
    return Fifo(*setting.value, reader=program.value if program else None)


def _mail(global_defs: Setting[bool], report: Report) -> Mail | None:
    block = global_defs.last(table.NOTIFICATION_EMAIL)
    server = global_defs.last(table.SMTP_SERVER)
    if block is None or server is None:
        present = block or server
        if present is not None:
            lacking = table.SMTP_SERVER if server is None else table.NOTIFICATION_EMAIL
            report.warning(
                present.word,
                f"no mail is sent: there is no {lacking.name}",
                f"write '{lacking.form(lacking.name)}' too",
            )
        return None
    recipients = [
        address
        for entry in block.all(table.NOTIFICATION_EMAIL_ADDRESS)
        for address in entry.value or ()
    ]
    if server.value is None or not recipients:
        return None
    host, port = server.value
    return Mail(
        tuple(dict.fromkeys(recipients)),
        global_defs.get(table.NOTIFICATION_EMAIL_FROM) or "",
        host,
        port,
        global_defs.get(table.SMTP_HELO_NAME) or "",
        global_defs[table.SMTP_CONNECT_TIMEOUT],
        not global_defs[table.NO_EMAIL_FAULTS],
    )


def _first(*said: bool | None) -> bool | None:
    return next((one for one in said if one is not None), None)
