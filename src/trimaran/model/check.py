"""Health checks, as `real_server` blocks describe them.

Equal checks are one probe: the value says all that a probe depends on. Checks of all kinds
travel together on the bus, which needs a tag that tells them apart: so they are structs, and not
dataclasses as the rest of the model.
"""

from dataclasses import dataclass

import msgspec

from trimaran.model.duration import SECOND
from trimaran.model.ip import IPAddress
from trimaran.model.script import Script


@dataclass(frozen=True, slots=True)
class CheckTiming:
    """When a check runs: all durations in nanoseconds (defaults: keepalived's)."""

    delay_loop: int = 60 * SECOND
    retry: int = 1
    delay_before_retry: int = 1 * SECOND
    warmup: int = 0
    """The first check starts after a random share of this; 0: at once."""
    log_all_failures: bool = False
    """Each failure is logged, not only those that change what is known."""


class NetworkCheck(msgspec.Struct, frozen=True):
    """What all checks have in common that talk to a server. `connect_timeout` is for each step:
    to connect, and to wait for each part of an answer. `mark`: SO_MARK, 0 is none."""

    address: IPAddress
    port: int
    bind_address: IPAddress | None = None
    connect_timeout: int = 5 * SECOND
    timing: CheckTiming = CheckTiming()
    bind_port: int = 0
    bind_interface: str = ""
    mark: int = 0


class TcpCheck(NetworkCheck, frozen=True, tag=True):
    """`TCP_CHECK`: the server is fit if a TCP connection to it opens in time."""


@dataclass(frozen=True, slots=True)
class Regex:
    """`regex`: what the body of an answer must match, or with `inverted` must not.

    `options`: names of PCRE2's. A match must start at an offset from `first` to `last` (bytes;
    None: anywhere from `first` on).
    """

    pattern: str
    inverted: bool = False
    options: tuple[str, ...] = ()
    first: int = 0
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Url:
    """A page to ask for, and what makes its answer a good one.

    `status`: ranges of codes, both ends included. `digest`: the MD5 of the body, in lower-case
    hexadecimal. `host`: what the request asks for; "": the address and port.
    """

    path: str
    host: str = ""
    status: tuple[tuple[int, int], ...] = ((200, 299),)
    digest: str | None = None
    regex: Regex | None = None
    tls_compliant: bool = False
    """A connection that ends without TLS's own farewell is a failure."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How `SSL_GET` speaks TLS. `verify`: whether the server's certificate must be good, by the
    authorities in the file `authorities` ("": those of this host)."""

    server_name: str = ""
    verify: bool = False
    authorities: str = ""
    certificate: str = ""
    key: str = ""
    password: str = ""


class HttpCheck(NetworkCheck, frozen=True, tag=True, kw_only=True):
    """`HTTP_GET`, and with `tls` `SSL_GET`: the server is fit if all its pages are good.

    `protocol`: "1.0", "1.0C" and "1.0K" (with `Connection: close`, `keep-alive`) or "1.1".
    """

    urls: tuple[Url, ...]
    protocol: str = "1.0"
    tls: Tls | None = None


class MiscCheck(msgspec.Struct, frozen=True, tag=True):
    """`MISC_CHECK`: the server is fit if a program says so; `timeout` in nanoseconds.

    `dynamic`: its exit status says the weight too.
    """

    script: Script
    timeout: int = 60 * SECOND
    dynamic: bool = False
    timing: CheckTiming = CheckTiming()


class SmtpCheck(NetworkCheck, frozen=True, tag=True, kw_only=True):
    """`SMTP_CHECK`: the server is fit if it greets, and takes our `HELO name`."""

    name: str = "trimaran"


class DnsCheck(NetworkCheck, frozen=True, tag=True, kw_only=True):
    """`DNS_CHECK`: the server is fit if it answers a query for `name` without an error."""

    name: str = "."
    record: str = "SOA"


class UdpCheck(NetworkCheck, frozen=True, tag=True, kw_only=True):
    """`UDP_CHECK`: the server is fit if no ICMP error answers `payload`; with a `reply`, if a
    datagram like it does.

    `reply`: what a reply starts with, for each byte its value and which bits of it count (a
    mask); empty: any; None: none is needed. Its length is in `lengths`, both ends included.
    """

    payload: bytes = b""
    reply: tuple[tuple[int, int], ...] | None = None
    lengths: tuple[int, int] = (0, 255)


class PingCheck(NetworkCheck, frozen=True, tag=True):
    """`PING_CHECK`: the server is fit if it answers an ICMP echo request in time."""


class FileCheck(msgspec.Struct, frozen=True, tag=True):
    """`FILE_CHECK`: a number in a file says what a server is fit for.

    With `weight` 0, the number 0 is good and any other is not. Else the number times `weight` is
    added to the server's weight.
    """

    path: str
    weight: int = 0
    timing: CheckTiming = CheckTiming()


class BfdCheck(msgspec.Struct, frozen=True, tag=True):
    """`BFD_CHECK`: the server is fit while the BFD session of this name is up.

    No attempt is ever made: the session's own process says when that changes.
    """

    session: str


Probed = TcpCheck | HttpCheck | MiscCheck | SmtpCheck | DnsCheck | UdpCheck | PingCheck | FileCheck
"""The checks that are made again and again."""
Check = Probed | BfdCheck

_KEYWORDS: dict[type, str] = {
    TcpCheck: "TCP_CHECK",
    MiscCheck: "MISC_CHECK",
    SmtpCheck: "SMTP_CHECK",
    DnsCheck: "DNS_CHECK",
    UdpCheck: "UDP_CHECK",
    PingCheck: "PING_CHECK",
    FileCheck: "FILE_CHECK",
}


def title(check: Check) -> str:
    """How messages name a check: its keyword, and what it checks."""
    match check:
        case HttpCheck(tls=tls):
            return f"{'HTTP' if tls is None else 'SSL'}_GET of {check.address} port {check.port}"
        case NetworkCheck():
            return f"{_KEYWORDS[type(check)]} of {check.address} port {check.port}"
        case MiscCheck():
            return f"MISC_CHECK by {' '.join(check.script.command)}"
        case FileCheck():
            return f"FILE_CHECK of {check.path}"
        case BfdCheck():
            return f"BFD_CHECK of {check.session}"
