"""The one error of this room."""

import errno
import os


class NetError(Exception):
    """The kernel's network refused something. The text is for an operator."""


def explain(code: int) -> str:
    """The operator's words for an errno from netlink or a socket."""
    return {
        errno.EPERM: "not permitted (root or CAP_NET_ADMIN is needed)",
        errno.EACCES: "not permitted (root or CAP_NET_ADMIN is needed)",
        errno.ENODEV: "no such interface",
        errno.ENETDOWN: "the interface is down",
        errno.ENETUNREACH: "no route",
        errno.EHOSTUNREACH: "no route",
    }.get(code) or os.strerror(code)
