"""The phrases that reasons and refusals share."""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction


def percent(share: Fraction) -> str:
    """`share` in words of four digits, enough to tell it from a limit nearby."""
    return f"{float(share * 100):.4g} %"


def enough(share: Fraction) -> str:
    """A limit that `share` is within: `82.65 %` for 82.6446 %."""
    return f"{math.ceil(share * 10_000) / 100:g} %"


def listed(names: Sequence[str]) -> str:
    """The names as a phrase."""
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def after(lost: tuple[str, ...]) -> str:
    """The state as a phrase."""
    return f"after the loss of {listed(lost)}" if lost else "with nothing lost"


def plural(number: int, what: str) -> str:
    """The number with its noun."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def by_number(refusals: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    """Why numbers of VIPs will not do, a line for each reason, in the order of the numbers."""
    numbers: dict[str, list[int]] = {}
    for vips, reason in refusals:
        numbers.setdefault(reason, []).append(vips)
    return tuple(
        f"{_ranges(group)} VIP{'' if group == [1] else 's'}: {reason}"
        for reason, group in numbers.items()
    )


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers, runs of them drawn together."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)
