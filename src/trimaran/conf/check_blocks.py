"""What all kinds of checks say in the same words.

Timing words hold for the checks below the block they stand in; the innermost counts.
"""

from dataclasses import dataclass
from typing import Any, TypedDict

from trimaran.conf.report import Report
from trimaran.conf.schema import Keyword, Setting, nearest
from trimaran.conf.table import check_words as words
from trimaran.model.check import CheckTiming
from trimaran.model.ip import IPAddress
from trimaran.model.service import ServerKey


class Connection(TypedDict):
    """What `NetworkCheck`s have in common, by their names there."""

    address: IPAddress
    port: int
    bind_address: IPAddress | None
    connect_timeout: int
    timing: CheckTiming
    bind_port: int
    bind_interface: str
    mark: int


@dataclass(frozen=True, slots=True)
class CheckBlock:
    """A block of a check, the blocks around it, and whose check it is."""

    check: Setting[bool]
    server: Setting[Any]
    service: Setting[Any]
    key: ServerKey
    report: Report

    @property
    def blocks(self) -> tuple[Setting[Any], ...]:
        """From the innermost on."""
        return self.check, self.server, self.service

    def timing(
        self,
        retry: Keyword[int] = words.CHECK_RETRY,
        delay: Keyword[int] = words.DELAY_BEFORE_RETRY,
    ) -> CheckTiming:
        """When to check; by the rows for the kind of check, where their defaults differ."""
        return CheckTiming(
            delay_loop=nearest(words.DELAY_LOOP, *self.blocks),
            retry=nearest(retry, *self.blocks),
            delay_before_retry=nearest(delay, *self.blocks),
            warmup=nearest(words.WARMUP, *self.blocks),
            log_all_failures=nearest(words.LOG_ALL_FAILURES, *self.blocks),
        )

    def connection(self, timing: CheckTiming) -> Connection:
        """How to connect."""
        check = self.check
        connect_ip = check.get(words.CONNECT_IP)
        return Connection(
            address=self.key.address if connect_ip is None else connect_ip,
            port=check.get(words.CONNECT_PORT) or self.key.port,
            bind_address=check.get(words.BINDTO),
            connect_timeout=nearest(words.CONNECT_TIMEOUT, *self.blocks),
            timing=timing,
            bind_port=check.get(words.BIND_PORT) or 0,
            bind_interface=check.get(words.BIND_IF) or "",
            mark=check.get(words.FWMARK) or 0,
        )
