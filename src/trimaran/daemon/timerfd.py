"""A kernel timer as a file descriptor (timerfd_create(2)).

asyncio's own timers are rounded to the millisecond of epoll_wait and were measured 15 times
later than this (shared/ecosystem.md). Python wraps timerfd from 3.13 on.
"""

import ctypes
import os
from contextlib import suppress

_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK = os.O_NONBLOCK
_TFD_CLOEXEC = os.O_CLOEXEC
_TFD_TIMER_ABSTIME = 1
_SECOND = 1_000_000_000


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


_libc = ctypes.CDLL(None, use_errno=True)


class TimerFd:
    """One timer on CLOCK_MONOTONIC, readable when the instant it was set to has come."""

    def __init__(self) -> None:
        self._fd = _libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def fileno(self) -> int:
        return int(self._fd)

    def set(self, deadline: int | None) -> None:
        """Arm for an instant of `time.monotonic_ns` (one in the past fires at once), or disarm."""
        spec = _Itimerspec()
        if deadline is not None:
            # A zero value would disarm: an instant that long ago is as good at 1 ns.
            seconds, nanoseconds = divmod(max(deadline, 1), _SECOND)
            spec.value = _Timespec(seconds, nanoseconds)
        if _libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def clear(self) -> None:
        """Take note of an expiry, so that the descriptor is no longer readable."""
        with suppress(BlockingIOError):
            os.read(self._fd, 8)

    def close(self) -> None:
        os.close(self._fd)
