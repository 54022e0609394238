"""The generic netlink socket, on the one family that every kernel has: the controller's own."""

import errno
from collections.abc import Iterator

import pytest

from trimaran.dataplane.base import Refused
from trimaran.dataplane.ipvs import attributes, modules
from trimaran.dataplane.ipvs.netlink import GenericNetlink, NetlinkError
from trimaran.dataplane.ipvs.operator import IpvsOperator
from trimaran.dataplane.ipvs.requests import Request

GET_FAMILY = 3
_ID, _NAME = 1, 2


def ask(name: str) -> Request:
    return Request(GET_FAMILY, attributes.text(_NAME, name))  # type: ignore[arg-type]


@pytest.fixture
def controller() -> Iterator[GenericNetlink]:
    opened = GenericNetlink("nlctrl")
    yield opened
    opened.close()


def test_requests_and_dumps(controller: GenericNetlink) -> None:
    (reply,) = controller.request(ask("nlctrl"))
    assert attributes.number(attributes.parse(reply)[_ID]) == 16
    everything = controller.dump(Request(GET_FAMILY))  # type: ignore[arg-type]
    names = [attributes.string(attributes.parse(reply)[_NAME]) for reply in everything]
    assert "nlctrl" in names
    assert len(names) == len(set(names)) > 1


def test_a_family_that_is_not_there() -> None:
    with pytest.raises(NetlinkError) as refused:
        GenericNetlink("nonesuch")
    assert refused.value.errno == errno.ENOENT


def test_the_kernels_words_are_passed_on(controller: GenericNetlink) -> None:
    with pytest.raises(NetlinkError) as refused:
        controller.request(Request(GET_FAMILY, attributes.binary(_NAME, b"x" * 100)))  # type: ignore[arg-type]
    assert refused.value.errno in (errno.ERANGE, errno.EINVAL)
    assert "ttribute" in refused.value.text


def test_of_many_requests_each_refused_one_is_heard(controller: GenericNetlink) -> None:
    names = ["nonesuch" if number % 3 else "nlctrl" for number in range(1000)]
    refused = controller.send_all([ask(name) for name in names])
    assert set(refused) == {number for number in range(1000) if number % 3}
    assert {error.errno for error in refused.values()} == {errno.ENOENT}
    assert controller.send_all([]) == {}
    assert len(controller.request(ask("nlctrl"))) == 1


def test_a_kernel_without_ipvs_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimaran.dataplane.ipvs.family.NAME", "nonesuch")
    monkeypatch.setattr(modules, "load", lambda module: f"Module {module} not found")
    with pytest.raises(Refused, match="this kernel has no IPVS: Module ip_vs not found") as why:
        IpvsOperator.open()
    assert why.value.errno == errno.ENOPROTOOPT


def test_why_a_module_cannot_be_loaded() -> None:
    assert "trimaran_nonesuch" in (modules.load("trimaran_nonesuch") or "")
