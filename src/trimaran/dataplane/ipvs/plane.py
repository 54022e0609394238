"""The kernel's IPVS as a dataplane: desired services against actual ones.

IPVS tells nobody of changes, and to read all of it costs nearly as much as to write it. So what
it holds of ours is remembered: compared with what is desired whenever that changes, and looked
at again, a few services at a time, for what others did (`review`). Services that trimaran has
not made are theirs, neither read nor touched, unless they are asked for here.
"""

import errno
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from trimaran.dataplane.base import Service, ServiceView
from trimaran.dataplane.difference import difference
from trimaran.dataplane.ipvs import modules, refusals, replies, requests
from trimaran.dataplane.ipvs.family import Command
from trimaran.dataplane.ipvs.netlink import GenericNetlink, NetlinkError
from trimaran.dataplane.ipvs.operator import IpvsOperator, explained, reason
from trimaran.dataplane.ipvs.requests import Request
from trimaran.dataplane.steps import AddService, EditService, Step
from trimaran.model.service import ServerKey, ServiceKey

_Refusals = list[tuple[Step, NetlinkError]]


class ForeignChanges(StrEnum):
    """What becomes of changes that others make to our services."""

    REPAIR = "repair"
    KEEP = "keep"
    """Left alone until the service is to change anyway: then it becomes as desired."""


class IpvsDataplane(IpvsOperator):
    """`dataplane.base.Dataplane` by the kernel's IPVS.

    `owned`: the services that an earlier owner has made. `note` is told whenever these change,
    before one is added and after one is gone, so that they can be removed whatever happens.
    """

    def __init__(
        self,
        netlink: GenericNetlink,
        *,
        owned: Iterable[ServiceKey] = (),
        note: Callable[[Collection[ServiceKey]], None] = lambda keys: None,
        foreign_changes: ForeignChanges = ForeignChanges.REPAIR,
    ) -> None:
        super().__init__(netlink)
        self._owned = set(owned)
        self._note = note
        self._foreign_changes = foreign_changes
        self._asked: tuple[Service, ...] = ()
        self._left_out: tuple[str, ...] = ()
        # What the kernel has of ours, as far as we know; None: to be read.
        self._known: dict[ServiceKey, Service] | None = None
        # Services found otherwise (one or none) that stay so: ForeignChanges.KEEP.
        self._kept: dict[ServiceKey, list[Service]] = {}
        self._to_review: deque[ServiceKey] = deque()

    def apply(self, services: Sequence[Service]) -> Sequence[str]:
        """As `Dataplane.apply`. A service that is there already is taken over with all that it
        counts; one of ours that is not asked for any more is removed. What the kernel refuses is
        left out, with a line the first time; everything else is applied."""
        asked = tuple(services)
        if asked == self._asked and self._known is not None and not self._left_out:
            return ()
        self._asked = asked
        keys = {service.key for service in asked}
        self._own(self._owned | keys)
        known, taken, refused = self._approach(asked)
        problems: dict[str, str] = {}
        if refused:
            # Modules can be loaded; and others may have changed what we thought to know.
            problems = _load_what_lacks(refused)
            known, more, refused = self._approach(asked)
            taken += more
        self._own(keys | known.keys())
        before, self._left_out = set(self._left_out), _left_out(refused, problems)
        return [str(step) for step in taken] + [s for s in self._left_out if s not in before]

    def review(self, most: int) -> Sequence[str]:
        """Looks whether the next few services of ours are as they were left. What others have
        changed is put right, or reported once and left alone; lines about that."""
        if self._known is None:
            return self.apply(self._asked)
        lines: list[str] = []
        for _ in range(min(most, len(self._known))):
            key = self._next_to_review(self._known)
            left, found = [self._known[key]], self._read(key)
            if not difference(left, found):
                self._kept.pop(key, None)
            elif self._foreign_changes is ForeignChanges.REPAIR:
                self._known = None  # who has changed one may have changed all
                return [f"{line} (others had changed it)" for line in self.apply(self._asked)]
            elif self._kept.get(key) != found:
                self._kept[key] = found
                lines += [f"{step} (by others: kept so)" for step in difference(found, left)]
        return lines

    def connections_of(
        self, servers: Iterable[tuple[ServiceKey, ServerKey]]
    ) -> dict[tuple[ServiceKey, ServerKey], int]:
        """How many connections these have, active and inactive."""
        wanted = tuple(servers)
        counts = dict.fromkeys(wanted, 0)
        for key in {service for service, _ in wanted}:
            view = self.service(key)
            for found in view.destinations if view else ():
                place = (key, found.destination.key)
                if place in counts:
                    counts[place] = found.active_connections + found.inactive_connections
        return counts

    def left_out(self) -> Sequence[str]:
        """What the last `apply` had to leave out: the same `apply` may be able to later."""
        return self._left_out

    def release(self) -> Sequence[str]:
        """Removes all services of ours; a line for each."""
        return self.apply(())

    def _own(self, keys: set[ServiceKey]) -> None:
        if keys != self._owned:
            self._owned = keys
            self._note(keys)

    def _approach(
        self, asked: Sequence[Service]
    ) -> tuple[dict[ServiceKey, Service], list[Step], _Refusals]:
        """Takes those steps towards the services that the kernel does not refuse.

        What is known to be there now; the steps taken; those refused, with why.
        """
        known = self._known
        if known is None:
            known = self._read_all()
            self._kept.clear()
        self._known = None  # until it is known what was done
        wanted = {service.key: service for service in asked}
        for key in [key for key in self._kept if wanted.get(key) != known[key]]:
            _put(known, key, self._kept.pop(key))
        steps = difference(asked, list(known.values()))
        with explained("IPVS"):
            errors = self._netlink.send_all([requests.request(step) for step in steps])
        refused = [(steps[position], error) for position, error in errors.items()]
        for key in {step.service for step, _ in refused}:
            _put(wanted, key, self._read(key))
        self._known = wanted
        return wanted, [s for place, s in enumerate(steps) if place not in errors], refused

    def _next_to_review(self, known: Mapping[ServiceKey, Service]) -> ServiceKey:
        while True:
            if not self._to_review:
                self._to_review.extend(known)
            if (key := self._to_review.popleft()) in known:
                return key

    def _read_all(self) -> dict[ServiceKey, Service]:
        """The services of ours that the kernel has."""
        views = self._dump(Request(Command.GET_SERVICE), replies.read_service)
        return {
            view.key: self._complete(view)
            for view in views
            if view is not None and view.key in self._owned
        }

    def _read(self, key: ServiceKey) -> list[Service]:
        """One service, if there is such a one."""
        view = self._find(key)
        return [] if view is None else [self._complete(view)]

    def _complete(self, view: ServiceView) -> Service:
        request = Request(Command.GET_DEST, requests.service_key(view.key))
        destinations = self._dump(request, replies.read_destination)
        return Service(view.key, view.settings, tuple(destinations))


def _put(services: dict[ServiceKey, Service], key: ServiceKey, found: list[Service]) -> None:
    services.pop(key, None)
    services |= {service.key: service for service in found}


def _load_what_lacks(refused: _Refusals) -> dict[str, str]:
    """Tries to load the modules of schedulers and persistence engines that the kernel does not
    have; for those that cannot be had, by module, why. (The kernel tries so itself, in silence,
    with the program in /proc/sys/kernel/modprobe.)"""
    problems = {}
    for module in dict.fromkeys(
        module
        for step, error in refused
        if isinstance(step, AddService | EditService) and error.errno == errno.ENOENT
        for module in _modules(step)
    ):
        if problem := modules.load(module):
            problems[module] = problem
    return problems


def _modules(step: AddService | EditService) -> list[str]:
    engine = step.settings.persistence_engine
    return [f"ip_vs_{step.settings.scheduler}", *([f"ip_vs_pe_{engine}"] if engine else [])]


def _left_out(refused: _Refusals, problems: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each step that failed, but those that failed for lack of their service."""
    lines = []
    lacking = {step.service for step, _ in refused if isinstance(step, AddService)}
    for step, error in refused:
        if error.errno == errno.ESRCH and step.service in lacking:
            continue
        why = reason(step, error)
        if isinstance(step, AddService | EditService):
            why += "".join(f" ({problems[m]})" for m in _modules(step) if m in problems)
        lines.append(f"{refusals.what(step)} left out: {why}")
    return tuple(lines)
