"""Who holds which VIP with nothing lost, where that is settled before the lists are made.

In both functions `held` says who holds each VIP so far, None where nobody does, and the result
differs from it in as few VIPs as possible.
"""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

Held = Sequence[int | None]


def dealt(
    held: Held, low: Sequence[int], high: Sequence[int], speeds: Sequence[Fraction]
) -> list[int]:
    """Holders of equal VIPs, each host with between `low` and `high` of them."""
    hosts = range(len(speeds))
    now = Counter(held)
    numbers = [min(max(now[host], low[host]), high[host]) for host in hosts]
    while missing := len(held) - sum(numbers):
        step = 1 if missing > 0 else -1

        def preference(host: int, step: int = step) -> tuple[int, Fraction]:
            """First where it keeps a VIP from moving, then where loads become more even."""
            return step * (now[host] - numbers[host]), -step * numbers[host] / speeds[host]

        room = [host for host in hosts if low[host] <= numbers[host] + step <= high[host]]
        numbers[max(room, key=preference)] += step

    kept: Counter[int | None] = Counter()
    result: list[int | None] = []
    for host in held:
        stays = host is not None and kept[host] < numbers[host]
        result.append(host if stays else None)
        kept[host] += stays
    waiting = (host for host in hosts for _ in range(numbers[host] - kept[host]))
    return [next(waiting) if host is None else host for host in result]


def levelled(
    held: Held, units: Sequence[int], speeds: Sequence[Fraction], *, even: bool, active: bool
) -> list[int]:
    """Holders of unequal VIPs: even as far as single VIPs can be moved, or every host active.

    VIPs that nobody holds go, heaviest first, to where they weigh least (longest processing
    time first).
    """
    hosts = range(len(speeds))
    result = list(held)
    loads = [
        sum(weight for weight, holder in zip(units, held, strict=True) if holder == host)
        for host in hosts
    ]
    for vip in sorted(range(len(units)), key=lambda vip: -units[vip]):
        if result[vip] is None:
            host = min(hosts, key=lambda host: (loads[host] + units[vip]) / speeds[host])
            result[vip] = host
            loads[host] += units[vip]

    while even:
        top = max(hosts, key=lambda host: loads[host] / speeds[host])
        options = [
            (
                max((loads[top] - units[vip]) / speeds[top], (loads[to] + units[vip]) / speeds[to]),
                vip,
                to,
            )
            for vip, holder in enumerate(result)
            if holder == top
            for to in hosts
            if to != top
        ]
        if not options or min(options)[0] >= loads[top] / speeds[top]:
            break
        _, vip, to = min(options)
        loads[top] -= units[vip]
        loads[to] += units[vip]
        result[vip] = to

    counts = Counter(result)
    for idle in (host for host in hosts if active and not counts[host]):
        spare = [vip for vip, holder in enumerate(result) if counts[holder] > 1]
        vip = min(spare, key=lambda vip: units[vip])
        counts[result[vip]] -= 1
        counts[idle] += 1
        result[vip] = idle
    return [holder for holder in result if holder is not None]
