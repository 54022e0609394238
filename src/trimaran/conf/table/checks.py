"""Keywords of health checks: when they are made, and one block for each kind of them."""

from typing import Any

from trimaran.conf.schema import Block, Keyword
from trimaran.conf.values import UINT32, Address, Flag, Integer, Seconds
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
CHECK_RETRY = Keyword("retry", Integer(0, UINT32), RETRY.about, default=1)
DELAY_BEFORE_RETRY = Keyword(
    "delay_before_retry",
    Seconds(0, LONGEST_TIMER),
    "Time between a failure and the next check.",
    default=SECOND,
)
CONNECT_TIMEOUT = Keyword(
    "connect_timeout",
    Seconds(MICROSECOND, 4294 * SECOND),
    "Time for a connection to open.",
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

CONNECT_IP = Keyword("connect_ip", Address(), "Where to connect. Default: the real server.")
CONNECT_PORT = Keyword(
    "connect_port", Integer(1, 65535), "The port to connect to. Default: the real server's."
)
BINDTO = Keyword[IPAddress]("bindto", Address(), "Source address of the connection.")
TCP_CHECK = Keyword(
    "TCP_CHECK",
    Flag(),
    "The server is fit if a TCP connection to it opens in time.",
    repeats=True,
    block_optional=True,
    block=Block(
        "virtual_server/real_server/TCP_CHECK",
        (
            CONNECT_IP,
            CONNECT_PORT,
            BINDTO,
            CONNECT_TIMEOUT,
            CHECK_RETRY,
            DELAY_BEFORE_RETRY,
            WARMUP,
            DELAY_LOOP,
        ),
    ),
)

CHECKS = (TCP_CHECK,)
"""The blocks of checks that a `real_server` may have."""

GLOBAL: tuple[Keyword[Any], ...] = ()
"""What `global_defs` says for all checks."""

TOP: tuple[Keyword[Any], ...] = ()
"""Blocks at the top level."""
