"""The timeouts that a configuration sets, as long as it does."""

from collections.abc import Sequence
from typing import Protocol

from trimaran.model.timeouts import NO_TIMEOUTS, Timeouts


class _Dataplane(Protocol):
    def timeouts(self) -> Timeouts: ...
    def set_timeouts(self, timeouts: Timeouts) -> None: ...


class ConfiguredTimeouts:
    """Sets a dataplane's timeouts when the configuration's change, and not otherwise: whoever
    changes them by hand has the last word until then. Errors are `DataplaneError`."""

    def __init__(self, dataplane: _Dataplane) -> None:
        self._dataplane = dataplane
        self._wanted = NO_TIMEOUTS
        self._before: Timeouts | None = None

    def want(self, wanted: Timeouts) -> Sequence[str]:
        """Take what the configuration says, 0 for what it does not; returns lines for the log."""
        if wanted == self._wanted:
            return ()
        before = self._before or self._dataplane.timeouts()
        self._before = before
        timeouts = Timeouts(
            wanted.tcp or before.tcp, wanted.tcp_fin or before.tcp_fin, wanted.udp or before.udp
        )
        self._dataplane.set_timeouts(timeouts)
        self._wanted = wanted
        return (f"timeouts: tcp {timeouts.tcp} tcpfin {timeouts.tcp_fin} udp {timeouts.udp}",)

    def restore(self) -> Sequence[str]:
        """Put back what was there before the configuration said anything."""
        return self.want(NO_TIMEOUTS)
