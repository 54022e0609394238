"""The connection table: full, under a flood, under two CPUs, swept."""

import os
import random
import threading
from collections import Counter

import numpy as np
import pytest
from frames import ACK, DROP, FIN, PASS, RST, SYN, TX, Director, tcp

from trimaran.dataplane.xdp.layout import Event


def client(number: int) -> dict[str, str]:
    return {"source": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}


def consistent(director: Director) -> None:
    """ActiveConn and InActConn of every server are what the table holds."""
    held = Counter(
        (flow.destination, flow.state in {"SYN_RECV", "ESTABLISHED"}) for flow in director.flows()
    )
    for view in director.service().destinations:
        key = view.destination.key
        assert view.active_connections == held[key, True]
        assert view.inactive_connections == held[key, False]


def test_capacity_fits_with_room_to_spare(director: Director) -> None:
    director.serve(101, 102)
    for number in range(1 << 10):
        director.send(tcp(SYN, **client(number)))
        director.send(tcp(ACK, **client(number)))
    assert len(director.flows()) > 0.995 * (1 << 10)
    consistent(director)


def test_connections_stay_near_as_long_as_there_is_room(director: Director) -> None:
    director.serve(101, 102)
    slots = director.plane.tables.flows
    near = slots[: len(slots) // 8]
    for number in range(len(near) // 4):
        director.send(tcp(SYN, **client(number)))
    assert np.count_nonzero(near["control"]) > 0.9 * (len(near) // 4)
    for number in range(4 * len(near)):
        director.send(tcp(SYN, **client(number)))
    assert np.count_nonzero(near["control"]) > 0.9 * len(near)
    assert len(director.flows()) == 4 * len(near)
    consistent(director)


def test_a_full_table_forwards_new_flows_consistently(director: Director) -> None:
    director.serve(101, 102, 103)
    for number in range(4 << 10):
        director.send(tcp(SYN, **client(number)))
        director.send(tcp(ACK, **client(number)))
    assert director.plane.events()[Event.HASHED] > 1000
    assert len(director.flows()) > 2000  # of 2048 slots
    before = director.plane.events()[Event.HASHED]
    for number in range(5 << 10, (5 << 10) + 200):
        first = director.chosen(tcp(SYN, **client(number)))
        assert first
        assert {director.chosen(tcp(ACK, **client(number))) for _ in range(3)} == {first}
    assert director.plane.events()[Event.HASHED] > before
    consistent(director)


def test_a_full_table_is_said_once(director: Director) -> None:
    director.serve(101, 102, 103)
    assert director.poll() == []
    said = []
    for number in range(6 << 10):
        director.send(tcp(SYN, **client(number)))
        director.send(tcp(ACK, **client(number)))
        if number % 256 == 0:
            said += director.poll(0.001)
    assert len(said) == 1
    assert said[0].startswith("the table of connections is full: new ones are forwarded by a hash")
    director.expire_all()
    assert director.poll() == director.poll() == []


def test_a_flood_evicts_no_established_connection(director: Director) -> None:
    director.serve(101, 102)
    known = {}
    for number in range(500):
        known[number] = director.chosen(tcp(SYN, **client(number)))
        director.send(tcp(ACK, **client(number)))
    for number in range(1 << 16, (1 << 16) + 6000):
        assert director.send(tcp(SYN, **client(number)))[0] == TX
    assert director.plane.events()[Event.EVICTED] > 3000
    for number, chosen in known.items():
        assert director.chosen(tcp(ACK, **client(number))) == chosen
    consistent(director)


def test_expired_entries_are_free_and_swept(director: Director) -> None:
    director.serve(101)
    for number in range(300):
        director.send(tcp(SYN, **client(number)))
    director.expire_all()
    assert director.flows() == []
    assert director.counts(101) == (300, 0)
    assert director.send(tcp(ACK, **client(1)))[0] == PASS
    assert director.chosen(tcp(SYN, **client(2))) == 101
    consistent_after = director.counts(101)
    assert consistent_after in {(300, 0), (301, 0)}
    director.poll()
    assert director.counts(101) == (1, 0)
    consistent(director)


@pytest.mark.skipif(os.cpu_count() == 1, reason="needs two CPUs")
@pytest.mark.parametrize(
    "connections",
    [1000, pytest.param(1_000_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
)
def test_two_cpus_never_lose_count(director: Director, connections: int) -> None:
    """Random packets of few flows on all CPUs at once, with sweeps and evictions among them, until
    so many connections have begun and ended."""
    director.serve(101, 102, 103)
    frames = [
        tcp(flags, ttl=64, **client(number))
        for number in range(40)
        for flags in (SYN, SYN, ACK, FIN | ACK, RST)
    ]
    stop = threading.Event()
    verdicts: Counter[int] = Counter()

    def run(cpu: int) -> None:
        os.sched_setaffinity(0, {cpu})
        rng = random.Random(cpu)
        mine: Counter[int] = Counter()
        while not stop.is_set():
            mine[director.send(rng.choice(frames))[0]] += 1
        verdicts.update(mine)

    cpus = sorted(os.sched_getaffinity(0))
    # Entries live for an eighth of a second: expiry races with everything else.
    director.plane.tables.live["lifetime"][:] = 3
    threads = [threading.Thread(target=run, args=(cpu,)) for cpu in cpus]
    for thread in threads:
        thread.start()
    while director.plane.tables.counted()[:, 0].sum() < connections:
        threading.Event().wait(0.1)
        director.poll()
    stop.set()
    for thread in threads:
        thread.join()
    assert verdicts[TX] > 1000
    assert verdicts[DROP] == 0
    keys = Counter((flow.client, flow.client_port) for flow in director.flows())
    assert max(keys.values(), default=1) == 1
    threading.Event().wait(0.3)
    director.poll()
    assert not director.plane.tables.loads["connections"].any()
    assert not np.any(director.plane.tables.flows["control"])
