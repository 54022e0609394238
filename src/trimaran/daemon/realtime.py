"""Making a process that nothing delays: scheduling class, locked memory, no collector pauses."""

import ctypes
import gc
import os

_MCL_CURRENT = 1
_MCL_FUTURE = 2

# Above ordinary work, below the kernel's own threads (migration, watchdog: 99; irq threads: 50).
_PRIORITY = 40


def become_realtime() -> list[str]:
    """SCHED_RR and mlockall(2) for this process; returns what could not be had, and why."""
    refused = []
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_PRIORITY))
    except OSError as error:
        refused.append(f"real-time scheduling (SCHED_RR): {error.strerror}")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) != 0:
        refused.append(f"locked memory (mlockall): {os.strerror(ctypes.get_errno())}")
    return refused


def keep_collector_quick() -> None:
    """Let garbage collection look only at what is made from now on: it takes microseconds."""
    gc.collect()
    gc.freeze()


def keep_collector_away() -> None:
    """Stop automatic garbage collection; what lives now is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.disable()
