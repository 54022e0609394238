"""How slow this machine is, for those who lose patience: supervision, and the lab."""

import os

SLOWNESS = float(os.environ.get("TRIMARAN_SLOW", "1"))
"""1 on ordinary hardware, 20 in the lab's emulated machine. What a protocol or a check promises
is never multiplied by this, only what is allowed on top of it."""
