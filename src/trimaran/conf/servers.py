"""From what the file says in `real_server` blocks, and of sorry servers, to real servers."""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from trimaran.conf.checks import checks, starts_down
from trimaran.conf.report import Report
from trimaran.conf.schema import Keyword, Setting, nearest
from trimaran.conf.table import services as table
from trimaran.conf.table.notify import SMTP_ALERT_CHECKER
from trimaran.conf.targets import Endpoint, Method
from trimaran.conf.tokens import Word
from trimaran.model.check import Check, NetworkCheck, PingCheck
from trimaran.model.service import Forwarding, RealServer, ServerKey, SorryServer


class Place(NamedTuple):
    """What of its service a real server depends on. `port` 0: all, or a mark."""

    version: int
    port: int
    marked: bool
    method: Method


def real_server(
    block: Setting[Endpoint],
    service: Setting[Any],
    place: Place,
    seen: dict[Hashable, Word],
    report: Report,
) -> RealServer:
    """One real server; `seen` holds those before it. What is wrong is reported."""
    assert block.value is not None
    method = block.get(table.METHOD) or place.method
    key = _key(block, place, method, report)
    report.once(seen, key, block.at, f"real_server {key}")
    checked = checks(block, service, ServerKey(key.address, block.value.port or key.port), report)
    if any(_lacks_port(check) for check in checked):
        report.error(
            block.at,
            f"{block.title} has no port to check: its service is on all ports",
            "write 'connect_port' in the check, or a port here",
        )
    return RealServer(
        key,
        nearest(table.WEIGHT, block, service),
        checked,
        forwarding=method.forwarding,
        tunnel=method.tunnel,
        upper_threshold=block[table.UPPER_THRESHOLD],
        lower_threshold=_lower_threshold(block, report),
        inhibit_on_failure=nearest(table.INHIBIT_ON_FAILURE, block, service),
        alpha=nearest(table.ALPHA, block, service) or starts_down(block),
        notify_up=block.get(table.NOTIFY_UP),
        notify_down=block.get(table.NOTIFY_DOWN),
        mail=mail(service, block.get(table.SERVER_SMTP_ALERT), default=True),
    )


def mail(service: Setting[Any], said: bool | None, *, default: bool) -> bool:
    """Whether mail is sent of something in a service that says so, or does not say."""
    if said is not None:
        return said
    everywhere = service.get(SMTP_ALERT_CHECKER)
    return default if everywhere is None else everywhere


def _lacks_port(check: Check) -> bool:
    if isinstance(check, PingCheck) or not isinstance(check, NetworkCheck):
        return False
    return check.port == 0


def sorry_server(
    service: Setting[Any], place: Place, servers: Sequence[RealServer], report: Report
) -> SorryServer | None:
    """The sorry server of a service, if there is one. What is wrong is reported."""
    setting = service.last(table.SORRY_SERVER)
    options: tuple[Keyword[Any], ...] = (table.SORRY_SERVER_INHIBIT, table.SORRY_SERVER_METHOD)
    for keyword in options:
        alone = service.last(keyword)
        if alone is not None and setting is None:
            report.warning(alone.word, f"{alone.word.text} is ignored: there is no sorry_server")
    if setting is None or setting.value is None:
        return None
    method = service.get(table.SORRY_SERVER_METHOD) or place.method
    key = _key(setting, place, method, report)
    if any(server.key == key for server in servers):
        report.error(setting.at, f"sorry_server {key} is a real_server too", "remove one of them")
    inhibit = service[table.SORRY_SERVER_INHIBIT]
    return SorryServer(key, method.forwarding, method.tunnel, inhibit)


def _key(block: Setting[Endpoint], place: Place, method: Method, report: Report) -> ServerKey:
    assert block.value is not None
    address, port = block.value.address, block.value.port
    if address.version != place.version and method.forwarding is not Forwarding.TUNNEL:
        report.error(
            block.at,
            f"{address} is not an IPv{place.version} address, as its service's",
            "only 'lvs_method TUN' reaches servers of the other version",
        )
    nat = method.forwarding is Forwarding.MASQUERADING
    if nat and not place.marked:
        return ServerKey(address, port or place.port)
    if port and not place.port and (nat or not place.marked):
        report.warning(
            block.at,
            f"port {port} is for checks only: packets of a service on all ports keep theirs, as "
            "with keepalived",
        )
    elif port not in (0, place.port) and not place.marked:
        # Such packets arrive as they are, the port too.
        report.warning(
            block.at,
            f"{block.word.text} port {port} is not the service's: {place.port} is used, as by "
            "keepalived",
            f"write port {place.port}: only lvs_method NAT can change ports",
        )
    return ServerKey(address, place.port)


def _lower_threshold(block: Setting[Endpoint], report: Report) -> int:
    lower, upper = block[table.LOWER_THRESHOLD], block[table.UPPER_THRESHOLD]
    setting = block.last(table.LOWER_THRESHOLD)
    if setting is not None and lower > upper:
        report.error(
            setting.at,
            f"lthreshold {lower} is more than uthreshold {upper}",
            f"write at most {upper}, or a higher uthreshold",
        )
    return lower
