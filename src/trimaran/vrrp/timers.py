"""The intervals of VRRP, in nanoseconds (RFC 3768, 6.1; RFC 9568, 6.1)."""

from trimaran.model.duration import SECOND


def skew_time(version: int, priority: int, interval: int) -> int:
    """What a backup of this priority waits longer than the best possible one.

    `interval` is the master's. Version 2 skews by up to a second whatever the interval,
    version 3 by up to one interval.
    """
    scale = SECOND if version == 2 else interval
    return (256 - priority) * scale // 256


def master_down_interval(version: int, priority: int, interval: int, adverts: int = 3) -> int:
    """How long a backup hears nothing before it takes the master to be gone.

    `adverts`: how many advertisements it misses meanwhile; 3 in the RFCs.
    """
    return adverts * interval + skew_time(version, priority, interval)


def next_advertisement(due: int, now: int, interval: int) -> int:
    """When the advertisement after the one that was due at `due` and went at `now` is due.

    Deadlines are absolute, so lateness does not add up; after a gap of more than an interval
    the missed ones are not made up for.
    """
    return due + interval if now <= due + interval else now + interval
