"""A kernel timer as a file descriptor (timerfd_create(2)).

asyncio's own timers are rounded to the millisecond of epoll_wait and were measured 15 times
later than this (shared/ecosystem.md). Python wraps timerfd from 3.13 on.

The clock is CLOCK_BOOTTIME, which goes on while the machine is suspended: others' clocks do.
"""

import ctypes
import os
import time
from collections.abc import Callable
from contextlib import suppress

_CLOCK_BOOTTIME = time.CLOCK_BOOTTIME
_TFD_NONBLOCK = os.O_NONBLOCK
_TFD_CLOEXEC = os.O_CLOEXEC
_TFD_TIMER_ABSTIME = 1
_SECOND = 1_000_000_000
_NOTICEABLE = 1_000_000
"""The two clocks are not read at the same instant."""


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


_libc = ctypes.CDLL(None, use_errno=True)


def clock() -> int:
    """Nanoseconds; it never goes back."""
    return time.clock_gettime_ns(_CLOCK_BOOTTIME)


class Suspension:
    """Notices that the machine was suspended: CLOCK_MONOTONIC stood still meanwhile."""

    def __init__(
        self, clock: Callable[[], int] = clock, awake: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._clock, self._awake = clock, awake
        self._slept = self._total()

    def ended(self) -> int:
        """For how long (nanoseconds) it was suspended since this was asked last; mostly 0."""
        before, self._slept = self._slept, self._total()
        slept = self._slept - before
        return slept if slept > _NOTICEABLE else 0

    def _total(self) -> int:
        return self._clock() - self._awake()


class TimerFd:
    """One timer on CLOCK_BOOTTIME, readable when the instant it was set to has come."""

    def __init__(self) -> None:
        self._fd = _libc.timerfd_create(_CLOCK_BOOTTIME, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def fileno(self) -> int:
        return int(self._fd)

    def set(self, deadline: int | None) -> None:
        """Arm for an instant of `clock` (one in the past fires at once), or disarm."""
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
