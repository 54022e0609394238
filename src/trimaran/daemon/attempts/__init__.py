"""One attempt at a check of any kind but TCP's, which the checker makes itself.

An attempt is a coroutine that ends with a verdict. Each of its steps is bounded by the check's
`connect_timeout`; the whole of it by `most_nanoseconds`, which the checker sees to.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from trimaran.daemon.attempts import datagram, file, http, misc, smtp
from trimaran.daemon.attempts.failure import Failed
from trimaran.health import tcp
from trimaran.health.verdict import Verdict
from trimaran.model.check import (
    DnsCheck,
    FileCheck,
    HttpCheck,
    MiscCheck,
    NetworkCheck,
    PingCheck,
    Probed,
    SmtpCheck,
    UdpCheck,
)
from trimaran.model.duration import SECOND
from trimaran.model.script import ScriptPolicy

_OWN: dict[type, Callable[[Any], Awaitable[Verdict]]] = {
    HttpCheck: http.attempt,
    SmtpCheck: smtp.attempt,
    UdpCheck: datagram.attempt_udp,
    DnsCheck: datagram.attempt_dns,
    PingCheck: datagram.attempt_ping,
    FileCheck: file.attempt,
}


async def attempt(check: Probed, policy: ScriptPolicy) -> Verdict:
    """Make one attempt. `policy`: whom programs run as."""
    try:
        if isinstance(check, MiscCheck):
            return await misc.attempt(check, policy)
        return await _OWN[type(check)](check)
    except Failed as failure:
        return failure.verdict
    except OSError as error:
        return tcp.judge(error.errno or 0)


def most_nanoseconds(check: Probed) -> int:
    """How long an attempt may take as a whole, however lively its server is."""
    if isinstance(check, NetworkCheck):
        steps = 1
        if isinstance(check, HttpCheck):
            steps = 2 * len(check.urls)
        elif isinstance(check, SmtpCheck):
            steps = 3
        # The second is for what bounds itself by the same time, so that it comes first.
        return max(check.timing.delay_loop, steps * check.connect_timeout) + SECOND
    if isinstance(check, MiscCheck):
        return check.timeout + misc.MOST_TO_END
    return check.timing.delay_loop
