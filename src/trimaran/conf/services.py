"""From what the file says in `virtual_server` blocks to virtual services."""

from collections.abc import Hashable, Sequence
from typing import Any

from trimaran.conf import table
from trimaran.conf.report import Report
from trimaran.conf.schema import Setting, nearest
from trimaran.conf.tokens import Word
from trimaran.conf.values import Endpoint
from trimaran.model.check import CheckTiming, TcpCheck
from trimaran.model.service import RealServer, ServerKey, ServiceKey, VirtualService


def virtual_services(
    blocks: Sequence[Setting[Endpoint]], report: Report
) -> tuple[VirtualService, ...]:
    """The virtual services of a file that have real servers; what is wrong is reported."""
    seen: dict[Hashable, Word] = {}
    services = (_virtual_service(block, seen, report) for block in blocks)
    return tuple(service for service in services if service and service.real_servers)


def _virtual_service(
    block: Setting[Endpoint], seen: dict[Hashable, Word], report: Report
) -> VirtualService | None:
    if block.value is None:
        return None
    address, port = block.value
    real_servers = _real_servers(block, port, report)
    protocol = block.get(table.PROTOCOL)
    if protocol is None:
        return None
    key = ServiceKey(protocol, address, port)
    report.once(seen, key, block.at, f"virtual_server {key}")
    scheduler = block.get(table.SCHEDULER)
    forwarding = block.get(table.FORWARDING)
    if scheduler is None or forwarding is None:
        return None
    return VirtualService(key, scheduler, forwarding, real_servers)


def _real_servers(
    service: Setting[Endpoint], service_port: int, report: Report
) -> tuple[RealServer, ...]:
    seen: dict[Hashable, Word] = {}
    servers = []
    for block in service.all(table.REAL_SERVER):
        if block.value is None:
            continue
        address, port = block.value
        if port != service_port:
            # Direct routing leaves packets as they are, the port too.
            report.warning(
                block.at,
                f"real_server port {port} is not the service's: {service_port} is used, as by "
                "keepalived",
                f"write port {service_port}: lvs_method DR cannot change ports",
            )
        key = ServerKey(address, service_port)
        report.once(seen, key, block.at, f"real_server {key}")
        checks = tuple(
            _tcp_check(check, block, service, key) for check in block.all(table.TCP_CHECK)
        )
        servers.append(RealServer(key, block[table.WEIGHT], checks))
    return tuple(servers)


def _tcp_check(
    check: Setting[bool], server: Setting[Endpoint], service: Setting[Endpoint], key: ServerKey
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
