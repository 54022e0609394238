"""Network namespaces by name, as `ip netns` has them."""

import os

from pyroute2 import netns

from trimaran.net.errors import NetError, explain


def enter(name: str) -> None:
    """Move this thread, and what it starts from here on, there. Raises NetError."""
    try:
        netns.setns(name, flags=os.O_RDONLY)
    except FileNotFoundError:
        raise NetError(f"there is no network namespace '{name}' (ip netns lists them)") from None
    except OSError as error:
        reason = explain(error.errno or 0)
        raise NetError(f"cannot enter the network namespace '{name}': {reason}") from error
