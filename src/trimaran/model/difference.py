"""What a new configuration changes, in words: what `trimaran reload` and the log say."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, TypeVar

from trimaran.model.address import VirtualAddress
from trimaran.model.config import Config
from trimaran.model.duration import MILLISECOND
from trimaran.model.ip import IPAddress
from trimaran.model.router import VirtualRouter
from trimaran.model.service import ServerKey, ServiceKey, VirtualService

Item = TypeVar("Item", VirtualRouter, VirtualService)
_LISTED = {"virtual_routers", "virtual_services"}


def changes(before: Config, after: Config) -> Iterator[str]:
    """A line for each virtual router, service, real server and setting that is not the same."""
    yield from _listed(
        {router.name: router for router in before.virtual_routers},
        {router.name: router for router in after.virtual_routers},
        _router,
    )
    yield from _listed(
        {service.key: service for service in before.virtual_services},
        {service.key: service for service in after.virtual_services},
        _service,
    )
    for field in fields(Config):
        if field.name not in _LISTED:
            change = _change(field.name, getattr(before, field.name), getattr(after, field.name))
            yield from (f"global: {line}" for line in change)


def _listed(
    before: Mapping[Any, Item],
    after: Mapping[Any, Item],
    compare: Callable[[Item, Item], Iterator[str]],
) -> Iterator[str]:
    for key, item in after.items():
        if key not in before:
            yield f"{_title(item)} added"
        elif (present := before[key]) is not item and present != item:
            yield from compare(present, item)
    for key, item in before.items():
        if key not in after:
            yield f"{_title(item)} removed"


def _title(item: VirtualRouter | VirtualService) -> str:
    if isinstance(item, VirtualService):
        return str(item.key)
    return f"virtual router {item.name}"


def _router(before: VirtualRouter, after: VirtualRouter) -> Iterator[str]:
    yield f"{_title(after)}: {', '.join(_fields(before, after))}"


def _service(before: VirtualService, after: VirtualService) -> Iterator[str]:
    name = str(after.key)
    if changed := list(_fields(before, after, but="real_servers")):
        yield f"{name}: {', '.join(changed)}"
    servers = {server.key: server for server in before.real_servers}
    for server in after.real_servers:
        present = servers.pop(server.key, None)
        if present is None:
            yield f"{name}: server {server.key} added, weight {server.weight}"
        elif changed := list(_fields(present, server)):
            yield f"{name}: server {server.key}: {', '.join(changed)}"
    yield from (f"{name}: server {key} removed" for key in servers)


def _fields(before: Any, after: Any, but: str = "") -> Iterator[str]:
    for field in fields(after):
        if field.name != but:
            yield from _change(field.name, getattr(before, field.name), getattr(after, field.name))


def _change(name: str, before: Any, after: Any) -> Iterator[str]:
    """How one setting changed: with both values where they are short and mean something."""
    name = name.replace("_", " ")
    if before == after:
        return
    if _is_addresses(before) and _is_addresses(after):
        yield from (f"{address} added" for address in after if address not in before)
        yield from (f"{address} removed" for address in before if address not in after)
    elif _is_plain(before) and _is_plain(after):
        yield f"{name} {_word(before)} -> {_word(after)}"
    else:
        yield f"{name} changed"


def _is_addresses(value: Iterable[Any]) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, VirtualAddress) for one in value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) < MILLISECOND  # others are durations in nanoseconds
    return value is None or isinstance(value, str | Enum | IPAddress | ServerKey | ServiceKey)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value in (None, "") else str(value)
