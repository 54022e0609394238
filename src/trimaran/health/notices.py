"""Who is to be told when real servers and services come up or go down."""

from collections.abc import Iterable, Iterator, Mapping

from trimaran.model.notification import Letter, Notice
from trimaran.model.service import ServerKey, ServiceKey, VirtualService

Fitness = Mapping[tuple[ServiceKey, ServerKey], bool]
Quorate = Mapping[ServiceKey, bool]


_WORDS = {True: "UP", False: "DOWN"}
_QUORUM = {True: "=> Quorum gained <=", False: "=> Quorum lost <="}


def of_servers(
    services: Iterable[VirtualService], before: Fitness, after: Fitness, *, first_results: bool
) -> Iterator[Notice]:
    """What real servers' changes call for: `notify_up`, `notify_down`, a line, mail.

    A server of which nothing was known counts as up, with `alpha` as down, as it does for
    keepalived; with `first_results` its first result is told whatever it is.
    """
    for service in _each_group_once(services):
        for server in service.real_servers:
            key = (service.key, server.key)
            now, was = after.get(key), before.get(key)
            if now is None or now == was:
                continue
            if was is None and not first_results and now is not server.alpha:
                continue
            script = server.notify_up if now else server.notify_down
            here, there = _place(service, server.key), _place(service, service.key)
            yield Notice(
                f"real server {server.key} of {service.name}",
                () if script is None else (script,),
                f"RS {here} {there} {_WORDS[now]}",
                Letter(
                    f"Realserver {here} of virtual server {there} - {_WORDS[now]}",
                    f"=> CHECK {'succeed' if now else 'failed'} on service <=",
                )
                if server.mail
                else None,
            )


def of_quorums(
    services: Iterable[VirtualService], before: Quorate, after: Quorate
) -> Iterator[Notice]:
    """What changes of quorums call for: `quorum_up`, `quorum_down`, a line, mail; the first state
    is told."""
    for service in _each_group_once(services):
        now = after.get(service.key)
        if now is not None and now != before.get(service.key):
            script = service.quorum_up if now else service.quorum_down
            here = _place(service, service.key)
            first = service.key not in before
            yield Notice(
                f"quorum of {service.name}",
                () if script is None else (script,),
                f"VS {here} {_WORDS[now]}",
                Letter(f"Virtualserver {here} - {_WORDS[now]}", _QUORUM[now])
                if service.mail and not (first and now)
                else None,
            )


def _place(service: VirtualService, key: ServiceKey | ServerKey) -> str:
    """A service or a real server of it, as keepalived writes it: `[10.0.0.1]:tcp:80`."""
    if isinstance(key, ServiceKey) and key.mark:
        return f"FWM {key.mark}"
    return f"[{key.address}]:{service.key.protocol.lower()}:{key.port}"


def of_the_end(
    services: Iterable[VirtualService], fitness: Fitness, quorate: Quorate
) -> Iterator[Notice]:
    """What the end of the daemon calls for where `omega` says so: everything goes down."""
    ending = [service for service in services if service.omega]
    down = {key: False for key, up in fitness.items() if up}
    yield from of_servers(ending, fitness, down, first_results=False)
    gone = {key: False for key, up in quorate.items() if up}
    yield from of_quorums(ending, quorate, gone)


def _each_group_once(services: Iterable[VirtualService]) -> Iterator[VirtualService]:
    """The entries of a group have the same servers: one of them speaks for all."""
    seen: set[tuple[str, str]] = set()
    for service in services:
        block = (service.group or "", service.key.protocol if service.group else str(service.key))
        if block not in seen:
            seen.add(block)
            yield service
