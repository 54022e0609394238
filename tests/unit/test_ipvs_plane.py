"""Desired against actual on a make-believe IPVS: what is asked of the kernel, and when."""

import errno
from collections.abc import Sequence
from dataclasses import replace

import pytest
from golden_netlink import ABSENT, MARK, WEB, WEB6, key, server

from trimaran.dataplane.base import DataplaneError, Service, Settings
from trimaran.dataplane.ipvs import attributes, modules, requests
from trimaran.dataplane.ipvs.family import Command, Top
from trimaran.dataplane.ipvs.netlink import GenericNetlink, NetlinkError
from trimaran.dataplane.ipvs.plane import ForeignChanges, IpvsDataplane
from trimaran.dataplane.ipvs.requests import Request
from trimaran.dataplane.steps import AddDestination, AddService, Step
from trimaran.model.service import ServiceKey

STATISTICS = attributes.nest(12, [])
COUNTS = b"".join(attributes.u32(kind, 0) for kind in (7, 8, 9))


class Kernel(GenericNetlink):
    """Services and destinations as the attributes that made them, under the bytes of their keys."""

    def __init__(self) -> None:
        self.services: dict[bytes, bytes] = {}
        self.destinations: dict[bytes, dict[bytes, bytes]] = {}
        self.asked: list[Request] = []
        self.refuse: dict[bytes, int] = {}
        self.lost = False

    def request(self, request: Request) -> list[bytes]:
        self.asked.append(request)
        if request.command != Command.GET_SERVICE:
            self._change(request)
            return []
        service = _service_key(request)
        if service not in self.services:
            raise NetlinkError(errno.ESRCH)
        return [self._shown(service)]

    def dump(self, request: Request) -> list[bytes]:
        self.asked.append(request)
        if request.command == Command.GET_SERVICE:
            return [self._shown(service) for service in self.services]
        assert request.command == Command.GET_DEST
        held = self.destinations.get(_service_key(request), {})
        return [
            attributes.nest(Top.DESTINATION, [fields, COUNTS, STATISTICS])
            for fields in reversed(held.values())
        ]

    def send_all(self, wanted: Sequence[Request]) -> dict[int, NetlinkError]:
        refused = {}
        for position, request in enumerate(wanted):
            self.asked.append(request)
            try:
                self._change(request)
            except NetlinkError as error:
                refused[position] = error
        if self.lost:
            self.lost = False
            raise NetlinkError(errno.ENOBUFS)
        return refused

    def changes(self) -> int:
        """How many changes were asked for since the last call."""
        readings = (Command.GET_SERVICE, Command.GET_DEST)
        count = sum(request.command not in readings for request in self.asked)
        self.asked.clear()
        return count

    def take(self, *steps: Step) -> None:
        """What others do."""
        for step in steps:
            self._change(requests.request(step))

    def _shown(self, service: bytes) -> bytes:
        return attributes.nest(Top.SERVICE, [self.services[service], STATISTICS])

    def _change(self, request: Request) -> None:
        service = _service_key(request)
        server = _server_key(request)
        if number := self.refuse.get(server or service):
            raise NetlinkError(number)
        present = service in self.services
        held = self.destinations.get(service, {})
        match request.command:
            case Command.NEW_SERVICE if present:
                raise NetlinkError(errno.EEXIST)
            case Command.NEW_SERVICE:
                self.services[service] = _nested(request, Top.SERVICE)
                self.destinations[service] = {}
            case _ if not present:
                raise NetlinkError(errno.ESRCH)
            case Command.SET_SERVICE:
                self.services[service] = _nested(request, Top.SERVICE)
            case Command.DEL_SERVICE:
                del self.services[service], self.destinations[service]
            case Command.NEW_DEST if server in held:
                raise NetlinkError(errno.EEXIST)
            case Command.SET_DEST | Command.DEL_DEST if server not in held:
                raise NetlinkError(errno.ENOENT)
            case Command.NEW_DEST | Command.SET_DEST:
                held[server] = _nested(request, Top.DESTINATION)
            case Command.DEL_DEST:
                del held[server]


def _nested(request: Request, kind: Top) -> bytes:
    return attributes.parse(request.attributes).get(kind, b"")


def _service_key(request: Request) -> bytes:
    """Family and mark, or family, protocol, address and port."""
    fields = attributes.parse(_nested(request, Top.SERVICE))
    return b"".join(fields.get(kind, b"") for kind in range(1, 6))


def _server_key(request: Request) -> bytes:
    """Family, address and port; nothing if no server is named."""
    fields = attributes.parse(_nested(request, Top.DESTINATION))
    return b"".join(fields.get(kind, b"") for kind in (11, 1, 2))


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def plane(kernel: Kernel) -> IpvsDataplane:
    return IpvsDataplane(kernel)


ONE, TWO = server("192.168.1.101", 80), server("192.168.1.102", 80, 2)
DNS = key("192.168.1.10", 53)
OURS = (Service(WEB, Settings("rr"), (ONE, TWO)), Service(MARK, Settings("wlc")))


def held(plane: IpvsDataplane) -> dict[ServiceKey, tuple[int, ...]]:
    return {
        view.key: tuple(d.destination.weight for d in reversed(view.destinations))
        for view in plane.services()
    }


def test_what_is_as_it_should_be_costs_nothing(kernel: Kernel, plane: IpvsDataplane) -> None:
    assert len(plane.apply(OURS)) == 4
    assert held(plane) == {WEB: (1, 2), MARK: ()}
    kernel.asked.clear()
    assert plane.apply(tuple(replace(service) for service in OURS)) == ()
    assert kernel.asked == []


def test_a_change_reads_nothing_and_asks_for_nothing_else(
    kernel: Kernel, plane: IpvsDataplane
) -> None:
    plane.apply(OURS)
    kernel.asked.clear()
    plane.apply([replace(OURS[0], destinations=(ONE, replace(TWO, weight=0))), OURS[1]])
    assert [request.command for request in kernel.asked] == [Command.SET_DEST]


def test_services_of_others_are_not_even_read(kernel: Kernel, plane: IpvsDataplane) -> None:
    kernel.take(AddService(WEB6, Settings("rr")), AddService(ABSENT, Settings("rr")))
    plane.apply(OURS)
    read = [r.attributes for r in kernel.asked if r.command == Command.GET_DEST]
    assert requests.service_key(WEB6) not in read
    plane.release()
    assert held(plane).keys() == {WEB6, ABSENT}


def test_a_service_of_others_that_is_configured_is_taken_over(
    kernel: Kernel, plane: IpvsDataplane
) -> None:
    kernel.take(AddService(WEB, Settings("wlc")), AddDestination(WEB, replace(ONE, weight=9)))
    plane.apply(OURS)
    assert held(plane)[WEB] == (1, 2)
    # Also if it is configured only later, when the kernel has been read already.
    kernel.take(AddService(DNS, Settings("wlc")))
    plane.apply([*OURS, Service(DNS, Settings("rr"), (ONE,))])
    assert held(plane)[DNS] == (1,)
    assert plane.left_out() == ()


def test_what_is_refused_is_tried_once_more_and_left_out(
    kernel: Kernel, plane: IpvsDataplane
) -> None:
    bad = server("224.0.0.1", 80)
    kernel.refuse[_server_key(requests.request(AddDestination(WEB, bad)))] = errno.EINVAL
    asked = [Service(WEB, Settings("rr"), (ONE, bad))]
    lines = plane.apply(asked)
    assert lines[-1] == f"{WEB}: server {bad.key} left out: not the address of one host"
    assert (plane.left_out(), kernel.changes()) == ((lines[-1],), 4)
    assert (plane.apply(asked), kernel.changes()) == ([], 2)
    kernel.refuse.clear()
    assert plane.apply(asked) == [f"{WEB}: server {bad.key} added, weight 1"]
    assert plane.left_out() == ()


def test_a_service_that_cannot_be_had_is_one_line_with_the_reason(
    kernel: Kernel, plane: IpvsDataplane, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []

    def load(module: str) -> str | None:
        loaded.append(module)
        return "not there" if module == "ip_vs_foo" else None

    monkeypatch.setattr(modules, "load", load)
    service = _service_key(requests.request(AddService(WEB, Settings("foo"))))
    kernel.refuse[service] = errno.ENOENT
    lines = plane.apply([Service(WEB, Settings("foo", persistence_engine="sip"), (ONE, TWO))])
    assert lines == [
        f"{WEB} left out: the kernel has no scheduler foo, or no persistence engine sip (not there)"
    ]
    assert loaded == ["ip_vs_foo", "ip_vs_pe_sip"]


def test_when_answers_are_lost_all_is_read_again(kernel: Kernel, plane: IpvsDataplane) -> None:
    plane.apply(OURS)
    kernel.lost = True
    with pytest.raises(DataplaneError, match="answer was lost"):
        plane.apply(OURS[:1])
    assert plane.apply(OURS[:1]) == []  # it had been done
    assert held(plane).keys() == {WEB}
    assert plane.review(1) == []


def test_a_review_takes_turns(kernel: Kernel, plane: IpvsDataplane) -> None:
    services = [Service(key("10.0.0.1", port), Settings("rr")) for port in range(1, 8)]
    plane.apply(services)
    kernel.asked.clear()
    for _ in range(7):
        assert plane.review(3) == []
    looked_at = [r.attributes for r in kernel.asked if r.command == Command.GET_SERVICE]
    assert len(looked_at) == 21
    assert {looked_at.count(requests.service_key(service.key)) for service in services} == {3}


def test_the_note_comes_before_a_service_and_goes_after_it(kernel: Kernel) -> None:
    notes: list[tuple[set[ServiceKey], int]] = []
    plane = IpvsDataplane(
        kernel, owned=[DNS], note=lambda keys: notes.append((set(keys), len(kernel.services)))
    )
    kernel.take(AddService(DNS, Settings("rr")))
    plane.apply(OURS)
    assert notes == [({DNS, WEB, MARK}, 1), ({WEB, MARK}, 2)]
    plane.release()
    assert notes[2:] == [(set(), 0)]


def test_a_change_that_is_kept_is_said_again_only_when_it_is_another(kernel: Kernel) -> None:
    plane = IpvsDataplane(kernel, foreign_changes=ForeignChanges.KEEP)
    plane.apply(OURS)
    three = server("192.168.1.103", 80)
    kernel.take(AddDestination(WEB, three))
    said = f"{WEB}: server {three.key} added, weight 1 (by others: kept so)"
    assert plane.review(9) == [said]
    assert plane.review(9) == []
    kernel.take(AddDestination(WEB, server("192.168.1.104", 80)))
    assert len(plane.review(9)) == 2
    kernel.changes()
    plane.apply([replace(OURS[0], destinations=(ONE,)), OURS[1]])
    assert held(plane)[WEB] == (1,)
    assert kernel.changes() == 3
