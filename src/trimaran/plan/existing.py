"""The lists that existing configurations mean, and where elections would not follow them."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from trimaran.model.config import Config
from trimaran.model.ip import IPAddress
from trimaran.model.router import VirtualRouter
from trimaran.model.tracking import Track, TrackerKind
from trimaran.plan.priorities import HIGHEST
from trimaran.plan.wording import listed

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
_SHOWN = 3
_Members = Mapping[str, VirtualRouter]


@dataclass(frozen=True, slots=True)
class Existing:
    """What the directors do together. A VIP here is a VRID: its addresses move as one."""

    vips: tuple[str, ...]
    """What messages call each VIP: `VRID 1 (192.168.1.10)`."""
    addresses: tuple[tuple[IPAddress, ...], ...]
    """The addresses of each VIP."""
    lists: tuple[tuple[str, ...], ...]
    """The hosts of each by priority, all healthy; equal ones as the files came."""
    findings: tuple[str, ...]
    """Why a holder may be another than the first live host of the list."""


def existing(configs: Mapping[str, Config]) -> Existing:
    """Put together what each host's configuration says. Raises ValueError if no VIP is in them."""
    groups = _groups(configs)
    if not groups:
        raise ValueError("no virtual router with an address is in these files")
    names = [_name(key, members) for key, members in groups.items()]
    named = dict(zip(names, groups.values(), strict=True))
    found: dict[str, list[str]] = {}
    for name, members in named.items():
        for finding in _findings(members, list(configs)):
            found.setdefault(finding, []).append(name)
    findings = [f"{_few(where)}: {finding}" for finding, where in found.items()]
    findings += [*_shared_addresses(named), *_different_services(configs)]
    return Existing(
        vips=tuple(names),
        addresses=tuple(tuple(_addresses(members)) for members in groups.values()),
        lists=tuple(
            tuple(sorted(members, key=lambda host: -_healthy(members[host])))
            for members in groups.values()
        ),
        findings=tuple(findings),
    )


def _groups(configs: Mapping[str, Config]) -> dict[tuple[int, str], dict[str, VirtualRouter]]:
    """The members of each VRID by host; the interface counts where a file has a VRID twice."""
    routers = [
        (host, router)
        for host, config in configs.items()
        for router in config.virtual_routers
        if router.addresses
    ]
    seen = [(host, router.vrid) for host, router in routers]
    twice = {vrid for host, vrid in seen if seen.count((host, vrid)) > 1}
    groups: dict[tuple[int, str], dict[str, VirtualRouter]] = {}
    for host, router in routers:
        key = (router.vrid, router.interface if router.vrid in twice else "")
        groups.setdefault(key, {})[host] = router
    return dict(sorted(groups.items()))


def _name(key: tuple[int, str], members: _Members) -> str:
    vrid, interface = key
    where = f" on {interface}" if interface else ""
    return f"VRID {vrid}{where} ({', '.join(map(str, _addresses(members)))})"


def _addresses(members: _Members) -> list[IPAddress]:
    return [vip.address for vip in next(iter(members.values())).addresses]


def _findings(members: _Members, hosts: list[str]) -> Iterator[str]:
    if missing := [host for host in hosts if host not in members]:
        yield (
            f"{listed(missing)} {_is(missing)} not in it, so its list is shorter than the others: "
            "put every director into every VRID"
        )
    for priority, equals in _by(members, _healthy).items():
        if len(equals) > 1:
            yield (
                f"{listed(equals)} have the same priority {priority}, so who holds it depends on "
                "what happened before: give each director its own"
            )
    if owners := [host for host, router in members.items() if router.priority > HIGHEST]:
        yield (
            f"{listed(owners)} {_has(owners)} priority 255: the owner takes the address without "
            f"listening first, and weights do not touch it: write {HIGHEST} or less"
        )
    if sticky := [host for host, router in members.items() if not router.preempt]:
        yield (
            f"nopreempt on {listed(sticky)}: whoever came first keeps it, so that one host may "
            "hold every VIP after an ordinary start: remove nopreempt"
        )
    yield from _differences(members)
    yield from _weights(members)


def _differences(members: _Members) -> Iterator[str]:
    """What must be the same on all directors, or two of them are masters at once."""
    aspects: dict[str, Callable[[VirtualRouter], Hashable]] = {
        "addresses": lambda router: frozenset(vip.address for vip in router.addresses),
        "advert_int": lambda router: router.advertisement_interval,
        "version": lambda router: router.version,
        "auth_pass": lambda router: router.password,
    }
    for name, aspect in aspects.items():
        groups = list(_by(members, aspect).values())
        if len(groups) > 1:
            some, others = groups[0], [host for group in groups[1:] for host in group]
            yield f"{name} on {listed(others)} is not that on {listed(some)}: make it the same"


def _weights(members: _Members) -> Iterator[str]:
    """A sick director must fall below every healthy one, without reaching the clamp at 1."""
    ranks = [_healthy(router) for router in members.values()]
    spread = max(ranks) - min(ranks)
    for host, router in members.items():
        weights = [abs(each.weight) for each in _weighted(router)]
        if not weights:
            continue
        if min(weights) <= spread:
            yield (
                f"{host} loses {min(weights)} of its priority with what it tracks, but the "
                f"priorities lie {spread} apart: it may hold the VIP although a healthy director "
                "is there: take a weight of -127 and priorities from 128 to 254"
            )
        if _healthy(router) - sum(weights) < 1:
            yield (
                f"{host} falls below priority 1 with all that it tracks, and 1 counts for all: "
                "the order among the sick is lost: take one weight of -127 and priorities from "
                "128 to 254"
            )


def _healthy(router: VirtualRouter) -> int:
    """The priority while all that it tracks is well."""
    if router.priority > HIGHEST:
        return router.priority
    gained = sum(
        max(0, -each.weight if each.reverse else each.weight) for each in _weighted(router)
    )
    return min(HIGHEST, router.priority + gained)


def _weighted(router: VirtualRouter) -> Iterator[Track]:
    """What moves its priority by a known amount; a file may hold any number."""
    for track in router.tracked:
        if track.weight and track.tracker.kind is not TrackerKind.FILE:
            yield track


def _shared_addresses(groups: Mapping[str, _Members]) -> Iterator[str]:
    holders: dict[IPAddress, dict[str, None]] = {}
    for name, members in groups.items():
        for router in members.values():
            for vip in router.addresses:
                holders.setdefault(vip.address, {})[name.split(" (")[0]] = None
    for address, names in holders.items():
        if len(names) > 1:
            yield f"{address} is in {listed(list(names))}: two hosts would hold it at once"


def _different_services(configs: Mapping[str, Config]) -> Iterator[str]:
    groups = list(_by(configs, lambda config: frozenset(config.virtual_services)).values())
    if len(groups) > 1:
        others = [host for group in groups[1:] for host in group]
        yield (
            f"the virtual services of {listed(others)} are not those of {listed(groups[0])}: what "
            "a VIP offers would change with its holder"
        )


def _by(members: Mapping[str, T], aspect: Callable[[T], K]) -> dict[K, list[str]]:
    """The hosts that have an aspect in common."""
    groups: dict[K, list[str]] = {}
    for host, member in members.items():
        groups.setdefault(aspect(member), []).append(host)
    return groups


def _few(names: list[str]) -> str:
    hidden = len(names) - _SHOWN
    return listed([*names[:_SHOWN], f"{hidden} more"] if hidden > 1 else names)


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _has(names: list[str]) -> str:
    return "has" if len(names) == 1 else "have"
