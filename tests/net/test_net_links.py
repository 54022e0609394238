"""Watching interfaces and addresses, and what happens when events are lost."""

import asyncio
import gc
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest
from net_segment import THERE, ip, segment
from pyroute2 import AsyncIPRoute

from trimaran.net import events, links
from trimaran.net.links import Change, InterfaceAddress, Link


@pytest.fixture(autouse=True)
def _segment() -> Iterator[None]:
    with segment():
        yield


Known = dict[str, Link]


def watching(
    story: Callable[[Callable[[Callable[[Known], bool]], Awaitable[Known]]], Awaitable[None]],
) -> None:
    """Run a story that can wait until what the monitor knows fulfils a condition."""

    async def run() -> None:
        known: Known = {}
        news = asyncio.Condition()

        async def follow(changes: AsyncIterator[Change]) -> None:
            async for change in changes:
                async with news:
                    if change.before is not None:
                        del known[change.before.name]
                    if change.after is not None:
                        known[change.after.name] = change.after
                    news.notify_all()

        async def until(condition: Callable[[Known], bool]) -> Known:
            async with asyncio.timeout(5), news:
                await news.wait_for(lambda: condition(known))
            return known

        async with AsyncIPRoute() as ipr:
            task = asyncio.create_task(follow(links.watch(ipr)))
            try:
                await story(until)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def addresses_of(link: Link) -> list[str]:
    """Those of IPv4: the kernel gives a link-local one besides."""
    return [f"{a.address}/{a.prefix_length}" for a in link.addresses if a.address.version == 4]


def test_what_is_there_comes_first() -> None:
    async def story(until: Callable[[Callable[[Known], bool]], Awaitable[Known]]) -> None:
        known = await until(lambda known: {"lo", "tv0"} <= known.keys() and known["tv0"].up)
        tv0 = known["tv0"]
        assert len(tv0.mac) == 6
        assert tv0.mtu == 1500
        assert addresses_of(tv0) == ["10.99.0.1/24"]
        assert known["lo"].up

    watching(story)


def test_up_down_carrier_mtu_rename_and_deletion() -> None:
    async def story(until: Callable[[Callable[[Known], bool]], Awaitable[Known]]) -> None:
        await until(lambda known: "tv0" in known and known["tv0"].up)
        ip("link", "set", "tv0", "down")
        await until(lambda known: not known["tv0"].up)
        ip("link", "set", "tv0", "up")
        await until(lambda known: known["tv0"].up)
        ip("-n", THERE, "link", "set", "tv1", "down")
        await until(lambda known: not known["tv0"].up)  # no carrier
        ip("-n", THERE, "link", "set", "tv1", "up")
        await until(lambda known: known["tv0"].up)
        ip("link", "set", "tv0", "mtu", "1400")
        await until(lambda known: known["tv0"].mtu == 1400)
        ip("link", "set", "tv0", "name", "tv5")
        known = await until(lambda known: "tv5" in known and "tv0" not in known)
        assert addresses_of(known["tv5"]) == ["10.99.0.1/24"]
        ip("link", "del", "tv5")
        await until(lambda known: "tv5" not in known)

    watching(story)


def test_ipv6_addresses_are_usable_after_duplicate_address_detection() -> None:
    async def story(until: Callable[[Callable[[Known], bool]], Awaitable[Known]]) -> None:
        known = await until(
            lambda known: "tv0" in known and known["tv0"].primary(ipv6=True) is not None
        )
        primary = known["tv0"].primary(ipv6=True)
        assert primary is not None
        assert primary.is_link_local
        assert known["tv0"].primary({primary}, ipv6=True) is None
        assert known["tv0"].primary() == IPv4Address("10.99.0.1")
        ip("address", "add", "2001:db8::7/64", "dev", "tv0")
        added = IPv6Address("2001:db8::7")
        await until(
            lambda known: any(a.address == added and a.usable for a in known["tv0"].addresses)
        )
        ip("address", "del", "2001:db8::7/64", "dev", "tv0")
        await until(lambda known: all(a.address != added for a in known["tv0"].addresses))

    watching(story)


def test_addresses_come_and_go() -> None:
    async def story(until: Callable[[Callable[[Known], bool]], Awaitable[Known]]) -> None:
        await until(lambda known: "tv0" in known)
        ip("address", "add", "10.99.0.10/24", "dev", "tv0", "label", "tv0:10")
        known = await until(lambda known: len(addresses_of(known["tv0"])) == 2)
        assert InterfaceAddress(IPv4Address("10.99.0.10"), 24, True) in known["tv0"].addresses
        ip("address", "del", "10.99.0.10/24", "dev", "tv0")
        await until(lambda known: addresses_of(known["tv0"]) == ["10.99.0.1/24"])
        ip("address", "flush", "dev", "tv0")
        await until(lambda known: not known["tv0"].addresses)

    watching(story)


def test_a_port_that_leaves_its_bridge_is_no_interface_gone() -> None:
    async def story(until: Callable[[Callable[[Known], bool]], Awaitable[Known]]) -> None:
        await until(lambda known: "tv0" in known)
        ip("link", "add", "tvbr", "type", "bridge")
        ip("link", "set", "tv0", "master", "tvbr")
        ip("link", "set", "tv0", "nomaster")
        ip("link", "set", "tv0", "mtu", "1300")
        known = await until(lambda known: "tv0" in known and known["tv0"].mtu == 1300)
        assert addresses_of(known["tv0"]) == ["10.99.0.1/24"]

    watching(story)


def test_primary_is_the_first_address_that_is_not_virtual() -> None:
    one, two, vip = (IPv4Address(f"10.99.0.{n}") for n in (1, 2, 10))
    link = Link("eth1", 2, b"", 1500, True)
    assert link.primary({vip}) is None

    def having(*addresses: tuple[IPv4Address, bool]) -> Link:
        return Link(
            *("eth1", 2, b"", 1500, True),
            {
                (address, 24): InterfaceAddress(address, 24, secondary)
                for address, secondary in addresses
            },
        )

    assert having((vip, False), (one, True)).primary({vip}) == one
    assert having((one, True), (two, False)).primary({vip}) == two
    assert having((vip, False)).primary({vip}) is None
    assert having((vip, False)).primary() == vip, "an owner's own"


STORM = 3000


ADDRESSES = [
    f"10.{97 + n // 65536}.{n // 256 % 256}.{n % 256}/32" for n in range(1, STORM + 1)
]  # fmt: skip


def batch(added: Sequence[str]) -> bytes:
    return "\n".join(f"address add {address} dev tv0" for address in added).encode()


def test_a_storm_of_events_neither_loses_anything_nor_holds_the_loop_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The buffer is made small here, and nobody reads it during the first half: it overflows."""
    dumps = 0

    async def dump(ipr: AsyncIPRoute) -> dict[int, Link]:
        nonlocal dumps
        dumps += 1
        return await whole(ipr)

    whole = links.links
    monkeypatch.setattr(links, "links", dump)

    async def story() -> float:
        loop = asyncio.get_running_loop()
        known: dict[int, Link] = {}
        worst = 0.0

        async def pulse() -> None:
            nonlocal worst
            while True:
                before = loop.time()
                await asyncio.sleep(0.001)
                worst = max(worst, loop.time() - before - 0.001)

        async def follow() -> None:
            async with AsyncIPRoute() as ipr:
                async for change in links.watch(ipr, buffer=20_000):
                    if change.after is not None:
                        known[change.after.index] = change.after

        tasks = [asyncio.create_task(follow())]
        while not known:
            await asyncio.sleep(0.01)
            assert not tasks[0].done(), tasks[0].exception()
        command = ("ip", "-batch", "-")
        subprocess.run(command, input=batch(ADDRESSES[: STORM // 2]), check=True)
        tasks.append(asyncio.create_task(pulse()))
        storm = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE)
        await storm.communicate(batch(ADDRESSES[STORM // 2 :]))
        assert storm.returncode == 0
        truth = {*ADDRESSES, "10.99.0.1/24"}
        seen: set[str] = set()
        async with asyncio.timeout(30):
            while seen != truth:
                await asyncio.sleep(0.05)
                seen = {a for link in known.values() if link.name == "tv0"
                        for a in addresses_of(link)}  # fmt: skip
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return worst

    gc.disable()  # as in the speaker, which keeps the collector away while VRRP is at work
    try:
        worst = asyncio.run(story())
    finally:
        gc.enable()
    assert dumps > 1
    assert worst < 0.25, "about 0.02 on an idle machine"


def test_the_event_socket_has_a_large_buffer_and_closes() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with events.EventSocket(events.LINKS) as socket:
        size = socket._socket.getsockopt(1, 8)  # SOL_SOCKET, SO_RCVBUF
        assert size >= 8 << 20
    assert len(os.listdir("/proc/self/fd")) == before
