"""How a UDP_CHECK is judged: by the datagram that answers, or that no error does."""

import errno

from trimaran.health import tcp
from trimaran.health.verdict import Verdict
from trimaran.model.check import UdpCheck
from trimaran.model.duration import SECOND


def judge(check: UdpCheck, reply: bytes) -> Verdict:
    """Judge a datagram that came where one is wanted."""
    low, high = check.lengths
    if not low <= len(reply) <= high:
        return Verdict(False, f"a reply of {len(reply)} bytes, not of {low} to {high}")
    wanted = check.reply or ()
    if len(reply) < len(wanted):
        return Verdict(False, f"a reply of {len(reply)} bytes, shorter than what is wanted")
    for position, (byte, pattern) in enumerate(zip(reply, wanted, strict=False)):
        value, mask = pattern
        if byte & mask != value:
            return Verdict(False, f"byte {position} of the reply is {byte:#04x}")
    return Verdict(True, f"a reply of {len(reply)} bytes")


def unanswered(check: UdpCheck) -> Verdict:
    """Judge that neither a datagram nor an error has come in time."""
    if check.reply is None:
        return Verdict(True, "no error")
    return Verdict(False, f"no reply within {check.connect_timeout / SECOND:g} s")


def judge_error(error: int) -> Verdict:
    """Judge the error number that sending or receiving ended with."""
    if error == errno.ECONNREFUSED:
        return Verdict(False, "port unreachable")
    return tcp.judge(error)
