"""From what a file says of a virtual router's times to values."""

from typing import TypeVar

from trimaran.conf.report import Report
from trimaran.conf.schema import Keyword, Setting
from trimaran.conf.table import timing as table
from trimaran.model.router import Announcements, InitialState, Manners

T = TypeVar("T")


def announcements(
    instance: Setting[str], global_defs: Setting[bool], *, ipv6: bool
) -> Announcements:
    """When and how often a master announces its addresses."""
    least = global_defs[table.VRRP_MIN_GARP]

    def said(own: Keyword[int], general: Keyword[int], minimum: int) -> int:
        values = (instance.get(own), global_defs.get(general), minimum if least else None)
        found = next((value for value in values if value is not None), None)
        return global_defs[general] if found is None else found

    lower_repeat = _either(
        instance.get(table.GARP_LOWER_PRIO_REPEAT),
        global_defs.get(table.VRRP_GARP_LOWER_PRIO_REPEAT),
    )
    lower_delay = _either(
        instance.get(table.GARP_LOWER_PRIO_DELAY),
        global_defs.get(table.VRRP_GARP_LOWER_PRIO_DELAY),
    )
    return Announcements(
        repeat=said(table.GARP_MASTER_REPEAT, table.VRRP_GARP_MASTER_REPEAT, 1),
        delay=said(table.GARP_MASTER_DELAY, table.VRRP_GARP_MASTER_DELAY, 0),
        refresh=said(table.GARP_MASTER_REFRESH, table.VRRP_GARP_MASTER_REFRESH, 0),
        refresh_repeat=said(
            table.GARP_MASTER_REFRESH_REPEAT, table.VRRP_GARP_MASTER_REFRESH_REPEAT, 1
        ),
        lower_repeat=lower_repeat,
        lower_delay=lower_delay,
        interval=global_defs[table.VRRP_GNA_INTERVAL if ipv6 else table.VRRP_GARP_INTERVAL],
    )


def manners(
    instance: Setting[str],
    global_defs: Setting[bool],
    state: InitialState,
    report: Report,
) -> Manners:
    """How it deals with other masters; what is wrong with that is reported."""
    delay = instance.last(table.PREEMPT_DELAY)
    if delay is not None and delay.value and state is InitialState.MASTER:
        report.warning(
            delay.word,
            "preempt_delay is ignored: it needs 'state BACKUP'",
            "write 'state BACKUP', or remove preempt_delay",
        )
    delayed = instance[table.PREEMPT_DELAY] if state is InitialState.BACKUP else 0
    return Manners(
        preempt_delay=delayed,
        down_adverts=_said(
            instance.get(table.DOWN_TIMER_ADVERTS), global_defs[table.VRRP_DOWN_TIMER_ADVERTS]
        ),
        answers_lower=not _said(
            instance.get(table.LOWER_PRIO_NO_ADVERT), global_defs[table.VRRP_LOWER_PRIO_NO_ADVERT]
        ),
        last_word=_said(
            instance.get(table.HIGHER_PRIO_SEND_ADVERT),
            global_defs[table.VRRP_HIGHER_PRIO_SEND_ADVERT],
        ),
        owner_alone=_said(
            instance.get(table.OWNER_IGNORE_ADVERTS), global_defs[table.VRRP_OWNER_IGNORE_ADVERTS]
        ),
    )


def _said(own: T | None, default: T) -> T:
    return default if own is None else own


def _either(first: int | None, second: int | None) -> int | None:
    return second if first is None else first
