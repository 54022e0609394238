"""Words that health checks have in common: when they are made, and how they connect."""

from typing import Any

from trimaran.conf.schema import Block, Keyword
from trimaran.conf.values import UINT32, Address, Boolean, Flag, Integer, InterfaceName, Seconds
from trimaran.model.duration import MICROSECOND, SECOND
from trimaran.model.ip import IPAddress

LONGEST_TIMER = UINT32 * MICROSECOND

DELAY_LOOP = Keyword(
    "delay_loop",
    Seconds(MICROSECOND, LONGEST_TIMER),
    "Time between checks.",
    default=60 * SECOND,
)
RETRY = Keyword(
    "retry", Integer(1, UINT32), "Failures in a row, after the first, until down.", default=1
)
DELAY_BEFORE_RETRY = Keyword(
    "delay_before_retry",
    Seconds(0, LONGEST_TIMER),
    "Time between a failure and the next check.",
    default=SECOND,
)
CONNECT_TIMEOUT = Keyword(
    "connect_timeout",
    Seconds(MICROSECOND, 4294 * SECOND),
    "Time for a connection to open, and for each part of an answer.",
    default=5 * SECOND,
)
WARMUP = Keyword(
    "warmup",
    Seconds(0, LONGEST_TIMER),
    "The first check starts after a random share of this. keepalived's default is delay_loop; "
    "here it is 0, since a server gets clients only after its first success.",
    default=0,
)
TIMING = (DELAY_LOOP, RETRY, DELAY_BEFORE_RETRY, CONNECT_TIMEOUT, WARMUP)

LOG_ALL_FAILURES = Keyword(
    "log_all_failures",
    Boolean(),
    "Log each failure, not only those that change what is known. Default: "
    "checker_log_all_failures.",
    default=False,
)
CHECKER_LOG_ALL_FAILURES = Keyword(
    "checker_log_all_failures", Boolean(), "Default of `log_all_failures`.", default=False
)
CHECK_ALPHA = Keyword("alpha", Boolean(), "As the real_server's.", default=False)

CONNECT_IP = Keyword("connect_ip", Address(), "Where to connect. Default: the real server.")
CONNECT_PORT = Keyword(
    "connect_port", Integer(1, 65535), "The port to connect to. Default: the real server's."
)
BINDTO = Keyword[IPAddress]("bindto", Address(), "Source address of the connection.")
BIND_PORT = Keyword("bind_port", Integer(1, 65535), "Source port of the connection.")
BIND_IF = Keyword("bind_if", InterfaceName(), "Interface of the connection.")
FWMARK = Keyword("fwmark", Integer(0, UINT32), "Firewall mark of the check's packets.")
_CONNECTION = (CONNECT_IP, CONNECT_PORT, BINDTO, BIND_PORT, BIND_IF, FWMARK, CONNECT_TIMEOUT)


def retry_word(default: int) -> Keyword[int]:
    """`retry` of a kind of check, which may be 0."""
    return Keyword("retry", Integer(0, UINT32), RETRY.about, default=default)


CHECK_RETRY = retry_word(1)


def check(
    name: str,
    about: str,
    *own: Keyword[Any],
    retry: Keyword[int] = CHECK_RETRY,
    delay: Keyword[int] = DELAY_BEFORE_RETRY,
    connects: bool = True,
    block_optional: bool = True,
) -> Keyword[bool]:
    """The row of a kind of check: `own` are the words that only it has."""
    words = (
        *own,
        *(_CONNECTION if connects else ()),
        retry,
        delay,
        WARMUP,
        DELAY_LOOP,
        CHECK_ALPHA,
        LOG_ALL_FAILURES,
    )
    return Keyword(
        name,
        Flag(),
        about,
        repeats=True,
        block_optional=block_optional,
        block=Block(f"virtual_server/real_server/{name}", words),
    )
