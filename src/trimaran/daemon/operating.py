"""Changing the XDP dataplane by hand: through the daemon that owns it, or in its stead.

A daemon knows the tables as it left them, so changes go through it. Where there is none, this
process owns the tables for as long as it takes, and tells the dataplane once what a daemon would
keep telling it (`surroundings`).
"""

import asyncio
import errno
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from trimaran.daemon import changes, control
from trimaran.daemon.changes import Outcome, Wanted
from trimaran.daemon.encoding import decoder
from trimaran.dataplane.base import Refused, SyncDaemon, SyncRole, Timeouts
from trimaran.dataplane.steps import Operator, Step
from trimaran.dataplane.xdp.operator import XdpOperator, no_synchronisation
from trimaran.dataplane.xdp.ownership import hold_tables
from trimaran.dataplane.xdp.view import XdpView
from trimaran.model.service import ServiceKey

PATIENCE_SECONDS: Final = 5.0

_outcome = decoder(Outcome)


@contextmanager
def open_xdp(control_socket: Path, warn: Callable[[str], None]) -> Iterator[Operator]:
    """The XDP dataplane of this network namespace. Raises `DataplaneError`.

    `warn` is told of real servers that cannot be reached.
    """
    view = XdpView.open()
    with closing(view.tables):
        if control.listens(control_socket):
            yield _ThroughDaemon(view, control_socket)
            return
        by_hand = _ByHand(view)
        try:
            yield by_hand
        finally:
            for line in by_hand.close():
                warn(line)


class _ThroughDaemon(XdpView):
    """Reads the tables itself, and has the daemon change them."""

    def __init__(self, view: XdpView, path: Path) -> None:
        super().__init__(view.tables)
        self._path = path

    def execute(self, step: Step) -> None:
        self._ask(changes.step(step))

    def zero(self, service: ServiceKey | None) -> None:
        self._ask(changes.zero(service))

    def flush(self) -> None:
        self._ask(changes.flush())

    def set_timeouts(self, timeouts: Timeouts) -> None:
        self._ask(changes.set_timeouts(timeouts))

    def start_sync(self, daemon: SyncDaemon) -> None:
        raise no_synchronisation()

    def stop_sync(self, role: SyncRole) -> None:
        raise no_synchronisation()

    def _ask(self, wanted: Wanted) -> None:
        request = {"command": changes.COMMAND, "kind": wanted.kind, "value": wanted.value}
        try:
            outcome: Outcome = _outcome.decode(control.ask(self._path, request))
        except control.ControlError as error:
            raise Refused(errno.EOPNOTSUPP, str(error)) from error
        except msgspec.MsgspecError as error:
            raise Refused(
                errno.EOPNOTSUPP, "the daemon that runs here is of another version"
            ) from error
        outcome.check()


class _ByHand(XdpView):
    """Owns the tables from the first change on."""

    def __init__(self, view: XdpView) -> None:
        super().__init__(view.tables)
        self._owner: XdpOperator | None = None

    def _own(self) -> XdpOperator:
        if self._owner is None:
            self._lock = hold_tables(PATIENCE_SECONDS)
            self._owner = XdpOperator.open()
        return self._owner

    def execute(self, step: Step) -> None:
        self._own().execute(step)

    def zero(self, service: ServiceKey | None) -> None:
        self._own().zero(service)

    def flush(self) -> None:
        self._own().flush()

    def set_timeouts(self, timeouts: Timeouts) -> None:
        self._own().set_timeouts(timeouts)

    def start_sync(self, daemon: SyncDaemon) -> None:
        raise no_synchronisation()

    def stop_sync(self, role: SyncRole) -> None:
        raise no_synchronisation()

    def close(self) -> list[str]:
        """End ownership; a line for each real server that cannot be reached."""
        if self._owner is None:
            return []
        # Costly to import, and of no use to who only reads.
        from trimaran.daemon.surroundings import settle

        with self._lock, closing(self._owner.tables):
            return asyncio.run(settle(self._owner))
