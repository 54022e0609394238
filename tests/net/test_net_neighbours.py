"""Routes and neighbours as the kernel gives them."""

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest
from net_segment import THERE, inside, ip, segment
from pyroute2 import AsyncIPRoute

from trimaran.net import neighbours
from trimaran.net.announce import Announcer
from trimaran.net.errors import NetError
from trimaran.net.neighbours import Neighbour, Route

HERE_ADDRESS, PEER, NOBODY = (IPv4Address(f"10.99.0.{n}") for n in (1, 2, 99))


@pytest.fixture(autouse=True)
def _segment() -> Iterator[None]:
    with segment():
        yield


def test_routes_on_the_link_through_a_router_and_to_this_host() -> None:
    ip("route", "add", "10.50.0.0/16", "via", str(PEER), "mtu", "1400")
    ip("route", "add", "10.51.0.0/16", "via", str(PEER), "src", "10.99.0.1")
    far, farther = IPv4Address("10.50.1.1"), IPv4Address("10.51.1.1")

    async def story() -> None:
        index = socket.if_nametoindex("tv0")
        async with AsyncIPRoute() as ipr:
            route = await neighbours.route_to(ipr, PEER)
            assert route == Route(index, PEER, HERE_ADDRESS, 1500, local=False)
            route = await neighbours.route_to(ipr, far)
            assert route == Route(index, PEER, HERE_ADDRESS, 1400, local=False)
            route = await neighbours.route_to(ipr, farther)
            assert route == Route(index, PEER, HERE_ADDRESS, 1500, local=False)
            route = await neighbours.route_to(ipr, HERE_ADDRESS)
            assert route.local
            assert route.next_hop == HERE_ADDRESS

    asyncio.run(story())


@pytest.mark.parametrize(
    ("route", "destination", "message"),
    [
        ((), "11.0.0.1", "cannot reach 11.0.0.1: no route"),
        (("blackhole",), "11.0.0.1", "cannot reach 11.0.0.1: "),
        (("unreachable",), "11.0.0.1", "cannot reach 11.0.0.1: no route"),
        ((), "10.99.0.255", "cannot reach 10.99.0.255: not the address of one host"),
    ],
)
def test_no_way_to_go_is_an_error_in_words(
    route: tuple[str, ...], destination: str, message: str
) -> None:
    if route:
        ip("route", "add", *route, "11.0.0.0/8")

    async def story() -> None:
        async with AsyncIPRoute() as ipr:
            with pytest.raises(NetError) as error:
                await neighbours.route_to(ipr, IPv4Address(destination))
            assert str(error.value).startswith(message)

    asyncio.run(story())


def test_a_next_hop_of_ipv6_is_an_error_in_words() -> None:
    ip("route", "add", "11.0.0.0/8", "via", "inet6", "fe80::1", "dev", "tv0")

    async def story() -> None:
        async with AsyncIPRoute() as ipr:
            with pytest.raises(NetError, match="IPv6 next hop"):
                await neighbours.route_to(ipr, IPv4Address("11.0.0.1"))

    asyncio.run(story())


def test_a_neighbour_is_resolved_kept_watched_and_released() -> None:
    async def story() -> None:
        index = socket.if_nametoindex("tv0")
        mac = bytes.fromhex(
            ip("-n", THERE, "-o", "link", "show", "tv1").split("link/ether ")[1][:17]
            .replace(":", "")
        )  # fmt: skip
        async with AsyncIPRoute() as ipr, asyncio.timeout(10):
            news = neighbours.watch(ipr)
            assert await neighbours.lookup(ipr, index, PEER) is None
            watcher = asyncio.create_task(anext(news))
            await asyncio.sleep(0.05)
            await neighbours.resolve(ipr, index, NOBODY)  # in vain, which is no error
            await neighbours.resolve(ipr, index, PEER)
            assert await watcher == Neighbour(index, PEER, mac)
            assert await neighbours.lookup(ipr, index, PEER) == mac
            assert await neighbours.lookup(ipr, index, NOBODY) is None
            assert "managed" in ip("neigh", "show", str(PEER))
            await neighbours.resolve(ipr, index, PEER)
            assert await neighbours.lookup(ipr, index, PEER) == mac, "asking again keeps it"

            ip("-n", THERE, "link", "set", "tv1", "address", "02:00:00:00:00:77")
            with inside(THERE):
                moved = bytes.fromhex("020000000077")
                announcer = Announcer("tv1", socket.if_nametoindex("tv1"), moved)
            announcer.send(PEER)
            announcer.close()
            assert await anext(news) == Neighbour(index, PEER, moved)

            await neighbours.release(ipr, index, PEER)
            assert "managed" not in ip("neigh", "show", str(PEER))
            assert await neighbours.lookup(ipr, index, PEER) is not None
            ip("neigh", "del", str(PEER), "dev", "tv0")
            assert await anext(news) == Neighbour(index, PEER, None)
            await news.aclose()

    asyncio.run(story())


def test_resolving_on_no_interface_is_an_error_in_words() -> None:
    async def story() -> None:
        async with AsyncIPRoute() as ipr:
            with pytest.raises(NetError, match=r"cannot resolve 10\.99\.0\.2: no such interface"):
                await neighbours.resolve(ipr, 999, PEER)

    asyncio.run(story())


def test_an_entry_that_an_operator_made_for_good_is_left_alone() -> None:
    async def story() -> None:
        index = socket.if_nametoindex("tv0")
        ip("neigh", "add", str(NOBODY), "lladdr", "02:00:00:00:00:99", "dev", "tv0")
        async with AsyncIPRoute() as ipr:
            await neighbours.resolve(ipr, index, NOBODY)
            await neighbours.release(ipr, index, NOBODY)
            assert await neighbours.lookup(ipr, index, NOBODY) == bytes.fromhex("020000000099")
        assert "PERMANENT" in ip("neigh", "show", str(NOBODY))

    asyncio.run(story())
