"""The pure parts of the dataplane: differences, rates, stretches of lists."""

from ipaddress import IPv4Address

import numpy as np
import pytest

from trimaran.dataplane import estimator
from trimaran.dataplane.base import DataplaneError, Destination, Service, Settings
from trimaran.dataplane.difference import difference
from trimaran.dataplane.xdp.extents import Extents
from trimaran.model.service import Protocol, ServerKey, ServiceKey

VIP = IPv4Address("192.168.1.10")
HTTP = ServiceKey(Protocol.TCP, VIP, 80)
DNS = ServiceKey(Protocol.UDP, VIP, 53)


def service(key: ServiceKey, **weights: int) -> Service:
    destinations = tuple(
        Destination(ServerKey(IPv4Address(f"192.168.1.{name[1:]}"), key.port), weight)
        for name, weight in weights.items()
    )
    return Service(key, Settings("rr"), destinations)


def lines(desired: list[Service], actual: list[Service]) -> list[str]:
    return [str(step) for step in difference(desired, actual)]


def test_equal_means_no_steps_whatever_the_order() -> None:
    desired = [service(HTTP, s201=1, s202=2), service(DNS)]
    assert lines(desired, [service(DNS), service(HTTP, s202=2, s201=1)]) == []


def test_new_before_gone() -> None:
    assert lines([service(DNS, s1=1)], [service(HTTP, s1=1)]) == [
        "UDP 192.168.1.10:53: service added, scheduler rr",
        "UDP 192.168.1.10:53: server 192.168.1.1:53 added, weight 1",
        "TCP 192.168.1.10:80: service removed",
    ]


def test_add_then_edit_then_remove_within_a_service() -> None:
    assert lines([service(HTTP, s1=0, s3=1)], [service(HTTP, s1=1, s2=1)]) == [
        "TCP 192.168.1.10:80: server 192.168.1.3:80 added, weight 1",
        "TCP 192.168.1.10:80: server 192.168.1.1:80 now has weight 0",
        "TCP 192.168.1.10:80: server 192.168.1.2:80 removed",
    ]


def test_rates_equal_the_kernels() -> None:
    """The run of ipvs-semantics 5.2: deltas in two seconds, and what was shown after each."""
    average = np.zeros(5, dtype=np.int64)
    shown = []
    for delta in (31, 36, 35, 37, 16, 0, 0, 0):
        average = estimator.estimate(average, np.full(5, delta))
        shown.append(estimator.shown(average).tolist())
    assert [row[0] for row in shown] == [4, 7, 10, 12, 11, 8, 6, 5]


def test_constant_rate_is_reached() -> None:
    average = np.zeros(5, dtype=np.int64)
    for _ in range(60):
        average = estimator.estimate(average, np.array([200, 2000, 0, 2_000_000, 0]))
    assert estimator.shown(average).tolist() == [100, 1000, 0, 1_000_000, 0]


def test_released_stretches_are_free_only_after_settling() -> None:
    extents = Extents(10, used=[(2, 3)])
    assert extents.take(5) == 5
    assert extents.take(2) == 0
    extents.release(2, 3)
    with pytest.raises(DataplaneError, match="no room"):
        extents.take(1)
    extents.settle()
    assert extents.take(3) == 2


def test_neighbouring_stretches_merge() -> None:
    extents = Extents(6)
    for first in (extents.take(2), extents.take(2), extents.take(2)):
        extents.release(first, 2)
    extents.settle()
    assert extents.take(6) == 0
