"""The signals that a steward obeys, which wait until one runs."""

import asyncio
import signal
from collections.abc import Callable

_OBEYED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def hold_signals() -> None:
    """Keep the signals that a steward obeys waiting until one runs.

    To be called before anything is made that a sudden end would leave behind.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _OBEYED)


def obey_signals(
    loop: asyncio.AbstractEventLoop, stop: Callable[[], None], reload: Callable[[], object]
) -> None:
    """SIGTERM and SIGINT call `stop`, SIGHUP `reload`; also for those that waited."""
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OBEYED)
