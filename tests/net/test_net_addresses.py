"""Adding, removing and listing virtual addresses in a real kernel."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from net_segment import ip, segment
from pyroute2 import AsyncIPRoute

from trimaran.model.address import VirtualAddress
from trimaran.net import addresses
from trimaran.net.errors import NetError

VIP = VirtualAddress(IPv4Address("10.99.0.10"), 24, "tv0", "tv0:10")


@pytest.fixture(autouse=True)
def _segment() -> Iterator[None]:
    with segment():
        yield


def test_an_address_is_added_listed_and_removed_as_configured() -> None:
    async def story() -> None:
        async with AsyncIPRoute() as ipr:
            assert await addresses.add(ipr, VIP) is True
            listing = ip("-4", "-o", "address", "show", "dev", "tv0")
            assert "inet 10.99.0.10/24 scope global secondary tv0:10" in listing
            assert await addresses.add(ipr, VIP) is False, "again changes nothing"
            own = VirtualAddress(IPv4Address("10.99.0.1"), 24, "tv0")
            assert await addresses.present(ipr, "tv0") == {own, VIP}
            assert await addresses.remove(ipr, VIP) is True
            assert await addresses.remove(ipr, VIP) is False, "again changes nothing"
            assert await addresses.present(ipr, "tv0") == {own}

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
