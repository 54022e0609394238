"""From what the file says in blocks of checks to health checks."""

from typing import Any

from trimaran.conf.schema import Setting, nearest
from trimaran.conf.table import checks as table
from trimaran.conf.targets import Endpoint
from trimaran.model.check import CheckTiming, TcpCheck
from trimaran.model.service import ServerKey


def checks(
    server: Setting[Endpoint], service: Setting[Any], key: ServerKey
) -> tuple[TcpCheck, ...]:
    """The checks of one `real_server` block."""
    return tuple(_tcp_check(check, server, service, key) for check in server.all(table.TCP_CHECK))


def _tcp_check(
    check: Setting[bool], server: Setting[Endpoint], service: Setting[Any], key: ServerKey
) -> TcpCheck:
    """Timing words hold for the checks below the block they stand in; the innermost counts."""
    blocks: tuple[Setting[Any], ...] = (check, server, service)
    connect_ip = check.get(table.CONNECT_IP)
    return TcpCheck(
        address=key.address if connect_ip is None else connect_ip,
        port=check.get(table.CONNECT_PORT) or key.port,
        bind_address=check.get(table.BINDTO),
        connect_timeout=nearest(table.CONNECT_TIMEOUT, *blocks),
        timing=CheckTiming(
            delay_loop=nearest(table.DELAY_LOOP, *blocks),
            retry=nearest(table.RETRY, *blocks),
            delay_before_retry=nearest(table.DELAY_BEFORE_RETRY, *blocks),
            warmup=nearest(table.WARMUP, *blocks),
        ),
    )
