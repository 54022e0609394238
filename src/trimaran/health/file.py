"""How a FILE_CHECK is judged: by the number in a file."""

import re

from trimaran.health.verdict import MOST_WEIGHT, Verdict
from trimaran.model.check import FileCheck

MOST_BYTES = 64
"""Of a file that is longer, this much is read: enough for any number that counts."""
_NUMBER = re.compile(rb"\s*([+-]?[0-9]{1,20})\s*", re.ASCII)


def number(content: bytes) -> int | None:
    """The number that a file holds, None if it holds something else."""
    found = _NUMBER.fullmatch(content)
    return int(found[1]) if found else None


def judge(check: FileCheck, content: bytes | None) -> Verdict:
    """Judge what a file holds; None: there is no such file, which counts as 0.

    A number that lowers the weight by all that a weight can be takes the server out.
    """
    if content is None:
        return _judge(check, 0, f"{check.path} is not there: 0")
    value = number(content)
    if value is None:
        return Verdict(None, f"{check.path} does not hold a number")
    return _judge(check, value, f"{check.path} holds {value}")


def unreadable(check: FileCheck, why: str) -> Verdict:
    """Judge that the file cannot be read, which says nothing about the server."""
    return Verdict(None, f"cannot read {check.path}: {why}")


def _judge(check: FileCheck, value: int, reason: str) -> Verdict:
    if check.weight == 0:
        return Verdict(value == 0, reason)
    added = value * check.weight
    if added <= -MOST_WEIGHT:
        return Verdict(False, reason)
    return Verdict(True, reason, added=min(added, MOST_WEIGHT))
