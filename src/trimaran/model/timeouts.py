"""Timeouts of connections that hold for all virtual services."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The three timeouts that `ipvsadm --set` changes, in seconds."""

    tcp: int = 900
    tcp_fin: int = 120
    udp: int = 300


NO_TIMEOUTS = Timeouts(0, 0, 0)
"""Nothing said: 0 is a timeout that stays as it was."""
