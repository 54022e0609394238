"""Keywords of health checks: a block for each kind of them."""

from typing import Any

from trimaran.conf.schema import Keyword
from trimaran.conf.table.bfd import BFD_CHECK
from trimaran.conf.table.check_words import CHECKER_LOG_ALL_FAILURES, TIMING, check
from trimaran.conf.table.file_checks import FILE_CHECK
from trimaran.conf.table.http_checks import HTTP_GET, SSL, SSL_GET
from trimaran.conf.table.misc_checks import MISC_CHECK
from trimaran.conf.table.other_checks import DNS_CHECK, PING_CHECK, SMTP_CHECK, UDP_CHECK

__all__ = ["CHECKS", "GLOBAL", "TCP_CHECK", "TIMING", "TOP"]

TCP_CHECK = check("TCP_CHECK", "The server is fit if a TCP connection to it opens in time.")

CHECKS: tuple[Keyword[bool], ...] = (
    TCP_CHECK,
    HTTP_GET,
    SSL_GET,
    MISC_CHECK,
    FILE_CHECK,
    SMTP_CHECK,
    DNS_CHECK,
    UDP_CHECK,
    PING_CHECK,
    BFD_CHECK,
)
"""The blocks of checks that a `real_server` may have."""

GLOBAL: tuple[Keyword[Any], ...] = (CHECKER_LOG_ALL_FAILURES,)
"""What `global_defs` says for all checks."""

TOP: tuple[Keyword[Any], ...] = (SSL,)
"""Blocks at the top level."""
