"""Planned configurations as keepalived.conf: read back, they give the same model.

Only what `plan.directors` says is written; a model may hold more than a plan decides.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from trimaran.conf.values import seconds
from trimaran.model.check import TcpCheck
from trimaran.model.config import Config
from trimaran.model.router import VirtualRouter
from trimaran.model.service import Forwarding, RealServer, VirtualService

_METHODS = {Forwarding.DIRECT_ROUTING: "DR"}


def keepalived_text(config: Config, comment: Iterable[str] = ()) -> str:
    """The text of one director's configuration; `comment`: lines to stand at its head."""
    lines = [*(f"# {line}" for line in comment), ""]
    lines += _block("global_defs", [f"router_id {config.router_id}"])
    for router in config.virtual_routers:
        lines += ["", *_block(f"vrrp_instance {router.name}", _router(router))]
    for group, members in groupby(config.virtual_services, key=attrgetter("group")):
        lines += _services(group, list(members))
    return "\n".join(lines).lstrip("\n") + "\n"


def _services(group: str | None, services: Sequence[VirtualService]) -> Iterator[str]:
    """Those of a group are alike: written once, so that a change is made once."""
    if group is not None:
        members = [f"{service.key.address} {service.key.port}" for service in services]
        yield from ("", *_block(f"virtual_server_group {group}", members))
        yield from ("", *_block(f"virtual_server group {group}", _service(services[0])))
        return
    for service in services:
        key = service.key
        yield from ("", *_block(f"virtual_server {key.address} {key.port}", _service(service)))


def _block(head: str, body: Iterable[str]) -> Iterator[str]:
    yield f"{head} {{"
    for line in body:
        yield f"  {line}"
    yield "}"


def _router(router: VirtualRouter) -> Iterator[str]:
    yield f"state {router.initial_state}"
    yield f"interface {router.interface}"
    yield f"virtual_router_id {router.vrid}"
    yield f"priority {router.priority}"
    yield f"version {router.version}"
    yield f"advert_int {seconds(router.advertisement_interval)}"
    yield from _block("virtual_ipaddress", [f"{vip} dev {vip.device}" for vip in router.addresses])


def _service(service: VirtualService) -> Iterator[str]:
    yield f"lb_algo {service.scheduler}"
    yield f"lb_kind {_METHODS[service.forwarding]}"
    yield f"protocol {service.key.protocol}"
    for server in service.real_servers:
        yield from _block(f"real_server {server.key.address} {server.key.port}", _server(server))


def _server(server: RealServer) -> Iterator[str]:
    yield f"weight {server.weight}"
    for check in server.checks:
        assert isinstance(check, TcpCheck)  # a plan has no others
        yield from _block("TCP_CHECK", _check(check))


def _check(check: TcpCheck) -> Iterator[str]:
    yield f"connect_timeout {seconds(check.connect_timeout)}"
    yield f"delay_loop {seconds(check.timing.delay_loop)}"
