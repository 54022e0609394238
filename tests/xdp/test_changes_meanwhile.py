"""Changes while packets come on the other CPUs: none of them sees half of one."""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from frames import HTTP, SYN, TX, VIP, Director, server, tcp

from trimaran.dataplane.base import Destination, Service, Settings
from trimaran.model.service import Protocol, ServiceKey

CHANGES, PACKETS = 300, 2000
OTHER = ServiceKey(Protocol.TCP, VIP, 81)
ALWAYS = server(101)
"""Is in the service at every moment. (None weighs 0: sh and mh would refuse its clients.)"""


@contextmanager
def packets(director: Director) -> Iterator[list[tuple[int, int]]]:
    """SYNs of ever new clients to the service, on a thread of its own: verdicts and servers."""
    ends: list[tuple[int, int]] = []
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            number = len(ends)
            source = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            verdict, out = director.send(tcp(SYN, source=source))
            ends.append((verdict, 100 + out[5]))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield ends
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(os.cpu_count() == 1, reason="needs two CPUs")
@pytest.mark.parametrize("scheduler", ["rr", "wrr", "wlc", "mh", "sh", "lblcr"])
def test_each_packet_finds_a_server_that_is_or_was_there(
    director: Director, scheduler: str
) -> None:
    chance = random.Random(scheduler)
    others = range(102, 106)

    def services() -> list[Service]:
        """The server of all times, others that come and go, and a service that does."""
        come = chance.sample(others, chance.randrange(len(others) + 1))
        found = [
            Destination(ALWAYS),
            *(Destination(server(n), chance.randrange(1, 9)) for n in come),
        ]
        chance.shuffle(found)
        wanted = [Service(HTTP, Settings(scheduler), tuple(found))]
        if chance.random() < 0.5:
            wanted.append(Service(OTHER, Settings("rr"), (Destination(server(106, 81)),)))
        return wanted

    director.plane.apply([Service(HTTP, Settings(scheduler), (Destination(ALWAYS),))])
    with packets(director) as ends:
        changes = 0
        while changes < CHANGES or len(ends) < PACKETS:
            director.plane.apply(services())
            assert director.plane.left_out() == ()
            changes += 1
    assert {verdict for verdict, _ in ends} == {TX}
    assert {last for _, last in ends} <= {101, *others}
