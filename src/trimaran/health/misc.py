"""How a MISC_CHECK is judged: by the exit status of its program."""

from trimaran.health.verdict import Verdict
from trimaran.model.check import MiscCheck
from trimaran.model.duration import SECOND


def judge(check: MiscCheck, status: int) -> Verdict:
    """Judge an exit status; negative: the signal that ended the program.

    With `dynamic`, 0 leaves the weight as it is, and 2 to 255 set it to 0 to 253.
    """
    if status < 0:
        return Verdict(False, f"{check.script.command[0]} was ended by signal {-status}")
    if status == 0:
        return Verdict(True, "exit status 0")
    if check.dynamic and status > 1:
        return Verdict(True, f"exit status {status}: weight {status - 2}", weight=status - 2)
    return Verdict(False, f"exit status {status}")


def unfinished(check: MiscCheck) -> Verdict:
    """Judge a program that still ran when its time was over."""
    return Verdict(
        False, f"{check.script.command[0]} took longer than {check.timeout / SECOND:g} s"
    )


def unstarted(check: MiscCheck, why: str) -> Verdict:
    """Judge a program that could not be started, which says nothing about the server."""
    return Verdict(None, f"cannot run {check.script.command[0]}: {why}")
