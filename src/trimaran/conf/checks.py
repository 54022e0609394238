"""From what the file says in blocks of checks to health checks."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from trimaran.conf import other_checks
from trimaran.conf.bfd import bfd_check
from trimaran.conf.check_blocks import CheckBlock
from trimaran.conf.file_checks import file_check
from trimaran.conf.http_checks import http_check, ssl_check
from trimaran.conf.misc_checks import misc_check
from trimaran.conf.report import Report
from trimaran.conf.schema import Keyword, Setting
from trimaran.conf.table import check_words as words
from trimaran.conf.table import checks as table
from trimaran.conf.table import other_checks as others
from trimaran.conf.table.bfd import BFD_CHECK, BFD_INSTANCE
from trimaran.conf.table.file_checks import FILE_CHECK
from trimaran.conf.table.http_checks import HTTP_GET, SSL, SSL_GET
from trimaran.conf.table.misc_checks import MISC_CHECK
from trimaran.conf.table.notify import SMTP_ALERT_CHECKER, SMTP_ALERT_DEFAULT
from trimaran.conf.table.tracking import TRACK_FILE
from trimaran.conf.targets import Endpoint
from trimaran.model.check import Check, TcpCheck
from trimaran.model.service import ServerKey


def hand_down(
    file: Setting[bool], global_defs: Setting[Any], services: Iterable[Setting[Any]]
) -> None:
    """Put what the file says for all services into each: who reads them looks for it there."""
    everywhere: tuple[tuple[Keyword[Any], Sequence[Setting[Any]]], ...] = (
        (words.LOG_ALL_FAILURES, global_defs.all(words.CHECKER_LOG_ALL_FAILURES)),
        (SSL, file.all(SSL)),
        (SMTP_ALERT_CHECKER, global_defs.all(SMTP_ALERT_DEFAULT)),
        (SMTP_ALERT_CHECKER, global_defs.all(SMTP_ALERT_CHECKER)),
        (TRACK_FILE, file.all(TRACK_FILE)),
        (BFD_INSTANCE, file.all(BFD_INSTANCE)),
    )
    for service in services:
        for keyword, settings in everywhere:
            for setting in settings:
                service.add(keyword, setting)


def checks(
    server: Setting[Endpoint], service: Setting[Any], key: ServerKey, report: Report
) -> tuple[Check, ...]:
    """The checks of one `real_server` block, each once; what is wrong is reported."""
    made = (
        make(CheckBlock(check, server, service, key, report))
        for keyword, make in _KINDS
        for check in server.all(keyword)
    )
    return tuple(dict.fromkeys(check for check in made if check is not None))


def starts_down(server: Setting[Endpoint]) -> bool:
    """Whether one of a server's checks says `alpha`."""
    return any(check[words.CHECK_ALPHA] for kind in table.CHECKS for check in server.all(kind))


def _tcp_check(block: CheckBlock) -> TcpCheck:
    return TcpCheck(**block.connection(block.timing()))


_KINDS: tuple[tuple[Keyword[bool], Callable[[CheckBlock], Check | None]], ...] = (
    (table.TCP_CHECK, _tcp_check),
    (HTTP_GET, http_check),
    (SSL_GET, ssl_check),
    (MISC_CHECK, misc_check),
    (FILE_CHECK, file_check),
    (others.SMTP_CHECK, other_checks.smtp_check),
    (others.DNS_CHECK, other_checks.dns_check),
    (others.UDP_CHECK, other_checks.udp_check),
    (others.PING_CHECK, other_checks.ping_check),
    (BFD_CHECK, bfd_check),
)
