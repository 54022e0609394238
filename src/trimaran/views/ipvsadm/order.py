"""The order in which ipvsadm lists services and destinations (ipvs-semantics 7.4).

ipvsadm compares firewall marks and IPv4 addresses as `int(a - b)`: a difference of 2^31 or more
inverts the order, so that 192.168.1.10 comes before 10.0.0.1. That is no order at all (0.0.0.5
before 100.0.0.5 before 200.0.0.5 before 0.0.0.5), and what comes of it depends on how the C
library sorts: by a top-down merge sort (glibc 2.36), which is done here likewise.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from trimaran.dataplane.base import DestinationView, ServiceView
from trimaran.model.ip import IPAddress

Item = TypeVar("Item")


def sorted_services(services: Sequence[ServiceView]) -> list[ServiceView]:
    """Sort services by mark, IP version, protocol, address and port, and servers likewise."""
    return [
        replace(service, destinations=tuple(sorted_destinations(service.destinations)))
        for service in _merge_sort(services, _compare_services)
    ]


def sorted_destinations(destinations: Sequence[DestinationView]) -> list[DestinationView]:
    """Sort the destinations of a service by address and port."""
    return _merge_sort(destinations, _compare_destinations)


def _compare_services(a: ServiceView, b: ServiceView) -> int:
    first, second = a.key, b.key
    return (
        _difference(first.mark, second.mark)
        or first.address.version - second.address.version
        or first.protocol.number - second.protocol.number
        or _compare_addresses(first.address, second.address)
        or first.port - second.port
    )


def _compare_destinations(a: DestinationView, b: DestinationView) -> int:
    first, second = a.destination.key, b.destination.key
    return (
        first.address.version - second.address.version
        or _compare_addresses(first.address, second.address)
        or first.port - second.port
    )


def _compare_addresses(a: IPAddress, b: IPAddress) -> int:
    if a.version == 4:
        return _difference(int(a), int(b))
    return (int(a) > int(b)) - (int(a) < int(b))


def _difference(a: int, b: int) -> int:
    """C's `int(a - b)` of two unsigned 32-bit numbers."""
    return ((a - b + 2**31) & 0xFFFFFFFF) - 2**31


def _merge_sort(items: Sequence[Item], compare: Callable[[Item, Item], int]) -> list[Item]:
    if len(items) < 2:
        return list(items)
    middle = len(items) // 2
    left, right = _merge_sort(items[:middle], compare), _merge_sort(items[middle:], compare)
    merged: list[Item] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if compare(left[i], right[j]) <= 0:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]
