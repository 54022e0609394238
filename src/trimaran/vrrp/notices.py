"""What is to be told of virtual routers and sync groups: scripts, lines for FIFOs, mail.

Words, arguments and texts are those of keepalived.
"""

from dataclasses import dataclass
from enum import StrEnum

from trimaran.model.notification import Letter, Notice, Notify
from trimaran.model.script import Script
from trimaran.vrrp.actions import State


class Subject(StrEnum):
    """What a state is that of."""

    INSTANCE = "INSTANCE"
    GROUP = "GROUP"


class News(StrEnum):
    """What can happen: first the states."""

    MASTER = "MASTER"
    BACKUP = "BACKUP"
    FAULT = "FAULT"
    STOP = "STOP"
    DELETED = "DELETED"
    MASTER_RX_LOWER_PRI = "MASTER_RX_LOWER_PRI"
    MASTER_PRIORITY = "MASTER_PRIORITY"
    BACKUP_PRIORITY = "BACKUP_PRIORITY"


@dataclass(frozen=True, slots=True)
class Happened:
    """Something to be told. `first`: before, there was no state at all. A group has priority 0."""

    subject: Subject
    name: str
    news: News
    priority: int = 0
    first: bool = False


PRIORITY_NEWS = {State.MASTER: News.MASTER_PRIORITY, State.BACKUP: News.BACKUP_PRIORITY}
"""What a change of the priority is called, in which state."""
_PRIORITIES = tuple(PRIORITY_NEWS.values())
_TEXTS = {
    Subject.INSTANCE: {
        News.MASTER: "VRRP Instance is now owning VRRP VIPs",
        News.BACKUP: "VRRP Instance is no longer owning VRRP VIPs",
        News.FAULT: "VRRP Instance is no longer owning VRRP VIPs",
    },
    Subject.GROUP: {
        state: f"All VRRP group instances are now in {state} state"
        for state in (News.MASTER, News.BACKUP, News.FAULT)
    },
}


def notice(happened: Happened, notify: Notify) -> Notice | None:
    """What to tell of it, if there is anything to tell."""
    news = happened.news
    if news in _PRIORITIES and not notify.priority_changes:
        return None
    state = news not in _PRIORITIES and news is not News.MASTER_RX_LOWER_PRI
    return Notice(
        f"{happened.subject} {happened.name}",
        _scripts(happened, notify) if news not in _PRIORITIES else (),
        f'{happened.subject} "{happened.name}" {news} {happened.priority}',
        _letter(happened) if notify.mail else None,
        "state" if state else news,
    )


def of_deletion(name: str, notify: Notify) -> Notice | None:
    """What to tell of an instance that a reload has removed."""
    news = News.DELETED if notify.deletion else News.FAULT
    return notice(Happened(Subject.INSTANCE, name, news), notify)


def _scripts(happened: Happened, notify: Notify) -> tuple[Script, ...]:
    if happened.news is News.MASTER_RX_LOWER_PRI:
        return () if notify.master_rx_lower_pri is None else (notify.master_rx_lower_pri,)
    own = {
        News.MASTER: notify.master,
        News.BACKUP: notify.backup,
        News.FAULT: notify.fault,
        News.STOP: notify.stop,
        News.DELETED: notify.deleted,
    }[happened.news]
    scripts = [own] if own is not None else []
    if notify.any is not None:
        words = (happened.subject, happened.name, happened.news, str(happened.priority))
        command = (*notify.any.command, *map(str, words))
        scripts.append(Script(command, notify.any.user, notify.any.group))
    return tuple(scripts)


def _letter(happened: Happened) -> Letter | None:
    text = _TEXTS[happened.subject].get(happened.news)
    if text is None or (happened.first and happened.news is News.BACKUP):
        return None
    what = "Instance" if happened.subject is Subject.INSTANCE else "Group"
    title = f"VRRP {what} {happened.name} - Entering {happened.news} state"
    return Letter(title, f"=> {text} <=")
