"""Health checks, as `real_server` blocks describe them."""

from dataclasses import dataclass

from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress


@dataclass(frozen=True, slots=True)
class CheckTiming:
    """When a check runs: all durations in nanoseconds (defaults: keepalived's)."""

    delay_loop: int = 60 * SECOND
    retry: int = 1
    delay_before_retry: int = 1 * SECOND
    warmup: int = 0
    """The first check starts after a random share of this; 0: at once."""


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """`TCP_CHECK`: the server is fit if a TCP connection to it opens in time.

    Equal checks are one probe: the value says all that a probe depends on.
    """

    address: IPAddress
    port: int
    bind_address: IPAddress | None = None
    connect_timeout: int = 5 * SECOND
    timing: CheckTiming = CheckTiming()
