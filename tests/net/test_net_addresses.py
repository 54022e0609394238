"""Adding, removing and listing virtual addresses in a real kernel."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from net_segment import ip, segment
from pyroute2 import AsyncIPRoute

from trimaran.model.address import Attributes, VirtualAddress
from trimaran.net import addresses
from trimaran.net.errors import NetError

VIP = VirtualAddress(IPv4Address("10.99.0.10"), 24, "tv0", "tv0:10")
OTHER = IPv4Address("10.98.0.10")
SIXTH = VirtualAddress(IPv6Address("2001:db8::10"), 64, "tv0")


@pytest.fixture(autouse=True)
def _segment() -> Iterator[None]:
    with segment():
        yield


async def ipv4(ipr: AsyncIPRoute) -> set[VirtualAddress]:
    return {a for a in await addresses.present(ipr, "tv0") if a.address.version == 4}


def test_an_address_is_added_listed_and_removed_as_configured() -> None:
    async def story() -> None:
        async with AsyncIPRoute() as ipr:
            assert await addresses.add(ipr, VIP) is True
            listing = ip("-4", "-o", "address", "show", "dev", "tv0")
            assert "inet 10.99.0.10/24 scope global secondary tv0:10" in listing
            assert await addresses.add(ipr, VIP) is False, "again changes nothing"
            own = VirtualAddress(IPv4Address("10.99.0.1"), 24, "tv0")
            assert await ipv4(ipr) == {own, VIP}
            assert await addresses.remove(ipr, VIP) is True
            assert await addresses.remove(ipr, VIP) is False, "again changes nothing"
            assert await ipv4(ipr) == {own}

    asyncio.run(story())


def test_many_addresses_without_label_and_with_other_prefixes() -> None:
    vips = [
        VirtualAddress(IPv4Address("10.98.0.0") + n, prefix, "tv0")
        for n, prefix in [(1, 32), (2, 16), (2, 24), (3, 31)]
    ]

    async def story() -> None:
        async with AsyncIPRoute() as ipr:
            for vip in vips:
                await addresses.add(ipr, vip)
            assert await addresses.present(ipr, "tv0") >= set(vips)
            for vip in vips:
                assert await addresses.remove(ipr, vip) is True

    asyncio.run(story())


def test_a_missing_device_is_an_error_in_words_for_adding_only() -> None:
    lost = replace(VIP, device="tv9")

    async def story() -> None:
        async with AsyncIPRoute() as ipr:
            with pytest.raises(NetError) as error:
                await addresses.add(ipr, lost)
            assert str(error.value) == "cannot add 10.99.0.10/24 to tv9: no such interface"
            assert await addresses.remove(ipr, lost) is False
            assert await addresses.present(ipr, "tv9") == frozenset()

    asyncio.run(story())


def test_what_the_kernel_refuses_is_an_error_in_words() -> None:
    async def story() -> None:
        async with AsyncIPRoute() as ipr:
            with pytest.raises(NetError, match=r"cannot add 10\.99\.0\.10/33 to tv0: "):
                await addresses.add(ipr, replace(VIP, prefix_length=33))

    asyncio.run(story())


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        (Attributes(scope=253), "scope link"),
        (Attributes(broadcast=IPv4Address("10.98.0.255")), "brd 10.98.0.255"),
        (Attributes(peer=IPv4Address("10.77.0.1")), "inet 10.98.0.10 peer 10.77.0.1/24"),
        (Attributes(prefix_route=False), "noprefixroute"),
        (Attributes(preferred=0), "deprecated"),
    ],
)
def test_what_ip_address_can_set(attributes: Attributes, shown: str) -> None:
    # In a subnet of its own: the kernel wants one scope for all addresses of one.
    vip = replace(VIP, address=OTHER, label=None, attributes=attributes)

    async def story() -> None:
        async with AsyncIPRoute() as ipr:
            assert await addresses.add(ipr, vip) is True
            listing = ip("-4", "address", "show", "dev", "tv0", "to", "10.98.0.10")
            assert shown in listing
            assert await addresses.remove(ipr, vip) is True

    asyncio.run(story())


@pytest.mark.parametrize(
    ("vip", "shown"),
    [
        (SIXTH, "inet6 2001:db8::10/64 scope global nodad"),
        (
            replace(SIXTH, prefix_length=128, attributes=Attributes(preferred=0)),
            "inet6 2001:db8::10/128 scope global nodad deprecated",
        ),
        (
            replace(SIXTH, attributes=Attributes(prefix_route=False, home=True)),
            "inet6 2001:db8::10/64 scope global nodad home noprefixroute",
        ),
    ],
)
def test_ipv6_addresses_are_there_at_once(vip: VirtualAddress, shown: str) -> None:
    """Without duplicate address detection, which would take a second."""

    async def story() -> None:
        async with AsyncIPRoute() as ipr:
            assert await addresses.add(ipr, vip) is True
            listing = ip("-6", "address", "show", "dev", "tv0", "scope", "global")
            assert " ".join(listing.split()).find(shown) > 0, listing
            assert "tentative" not in listing
            assert await addresses.add(ipr, vip) is False
            assert await addresses.remove(ipr, vip) is True

    asyncio.run(story())
