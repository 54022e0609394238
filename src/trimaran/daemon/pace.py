"""How slow this machine is, for those who lose patience: supervision, and the lab."""

import os
import time

from trimaran.model.config import Config
from trimaran.model.duration import SECOND


def _slowness(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 1 <= value <= 1000:
        raise SystemExit(f"trimaran: TRIMARAN_SLOW={text}: want a number from 1 to 1000")
    return value


SLOWNESS = _slowness(os.environ.get("TRIMARAN_SLOW", "1"))
"""1 on ordinary hardware, 20 in the lab's emulated machine. What a protocol or a check promises
is never multiplied by this, only what is allowed on top of it."""


def seconds_to_wait(config: Config) -> float:
    """For how long virtual routers take no part yet, at the start of the daemon."""
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return max(config.startup_delay / SECOND, config.delay_after_boot / SECOND - since_boot)
