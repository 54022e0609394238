"""Did you mean ...?"""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 64
"""Longer words are no misspelt keywords, and comparing them takes long."""


def nearest_name(text: str, names: Iterable[str], cutoff: float = 0.7) -> str | None:
    """The name that a misspelt word most likely stands for; upper and lower case are one.

    `cutoff`: how alike they must be, from 0 to 1 (difflib's ratio).
    """
    if len(text) > _LONGEST:
        return None
    by_lower = {name.lower(): name for name in names}
    near = get_close_matches(text.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[near[0]] if near else None
