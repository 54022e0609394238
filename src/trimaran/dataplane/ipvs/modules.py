"""Loading of kernel modules by modprobe(8)."""

import os
import subprocess

_SECONDS = 30
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def load(module: str) -> str | None:
    """Load a module and what it depends on; why not, if it cannot be had."""
    try:
        done = subprocess.run(
            ["modprobe", "--", module],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env={**os.environ, "PATH": _PATH, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        return "there is no modprobe (Debian: apt install kmod)"
    except subprocess.TimeoutExpired:
        return f"modprobe {module} did not end in {_SECONDS} s"
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines()
    return said[-1] if said else f"modprobe {module}: exit status {done.returncode}"
