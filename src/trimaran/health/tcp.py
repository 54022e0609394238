"""How a TCP_CHECK is judged: by the error number that connect(2) ended with."""

import errno

from trimaran.health.verdict import Verdict
from trimaran.model.check import NetworkCheck
from trimaran.model.duration import SECOND

_UNFIT = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.ETIMEDOUT: "no answer",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTDOWN: "host down",
    errno.ENOPROTOOPT: "protocol unreachable",
    errno.EACCES: "administratively prohibited",
    errno.EPERM: "dropped by this host's own firewall",
}
"""Errors that are an answer, or the lack of one: the server cannot be reached."""

_OWN_FAULT = {
    errno.EMFILE: "this process has no file descriptors left",
    errno.ENFILE: "this host has no file descriptors left",
    errno.ENOBUFS: "this host has no socket buffers left",
    errno.ENOMEM: "this host has no memory left",
    errno.EADDRNOTAVAIL: "this host has no local port left",
    errno.EAGAIN: "this host has no local port left",
}
"""Errors of this host, which say nothing about the server."""


def judge(error: int) -> Verdict:
    """Judge a finished connect by its error number; 0 is success."""
    if error == 0:
        return Verdict(True, "connected")
    if error in _OWN_FAULT:
        return Verdict(None, _OWN_FAULT[error])
    name = errno.errorcode.get(error, "unknown")
    return Verdict(False, _UNFIT.get(error, f"connect failed with error {error} ({name})"))


def judge_bind(check: NetworkCheck, error: int) -> Verdict:
    """Judge a failed bind(2) to the check's own source (`bindto`, `bind_port`, `bind_if`)."""
    if error == errno.ENODEV:
        return Verdict(False, f"cannot bind to {check.bind_interface}: there is no such interface")
    if error == errno.EADDRINUSE:
        return Verdict(None, f"port {check.bind_port} of this host is in use")
    if error == errno.EADDRNOTAVAIL:
        return Verdict(False, f"cannot bind to {check.bind_address}: not an address of this host")
    return judge(error)


def unanswered(check: NetworkCheck) -> Verdict:
    """Judge a connect that was still open when its time was over."""
    return Verdict(False, f"no answer within {check.connect_timeout / SECOND:g} s")


def connected_to_itself() -> Verdict:
    """Judge a connect that met itself, as one to a port of this host where nobody listens may.

    When the source port that the kernel picks is the very port that is checked, the connection
    opens to itself (RFC 9293, 3.5: simultaneous open).
    """
    return Verdict(False, "nothing listens (connected to itself)")
