"""A director whose program is run on frames by BPF_PROG_TEST_RUN: no interface, no network."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from frames import Director
from own_network import own_network

from trimaran.dataplane.base import Behaviour, Timeouts
from trimaran.dataplane.xdp import libbpf
from trimaran.dataplane.xdp.behaviour import write_behaviour
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.layout import ICMP_BUDGET
from trimaran.dataplane.xdp.loader import Loaded, load, set_lifetimes
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.dataplane.xdp.tables import BUDGETS, FRAGMENTS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def _program() -> None:
    """The compiled program; these tests are the kernel's to judge, so they need root."""
    if os.geteuid():
        pytest.skip("needs root")
    subprocess.run(["make", "--silent", "-C", str(ROOT / "bpf")], check=True)


@pytest.fixture(scope="session")
def loaded() -> Iterator[Loaded]:
    loaded = load(Capacity(1 << 10, services=64, destinations=256, flows6=1 << 10), print)
    yield loaded
    XdpDataplane(loaded).close(remove=True)


def empty(loaded: Loaded) -> XdpDataplane:
    """An owner of the tables with nothing in them."""
    tables = loaded.tables
    XdpDataplane(loaded).apply([])
    for name in ("flows", "flows6", "destinations", "counters", "loads", "templates", "ledger"):
        getattr(tables, name)[...] = 0
    tables.events["count"] = 0
    tables.live["service_filter"] = 0  # as in tables made anew: there are no connections
    maps = tables.descriptors()
    full = np.array((0, 1 << 31), dtype=ICMP_BUDGET)  # the program knows how much that is
    for cpu in range(libbpf.map_info(maps[BUDGETS]).max_entries):
        libbpf.update(maps[BUDGETS], cpu.to_bytes(4, "little"), full.tobytes())
    for key in list(libbpf.keys(maps[FRAGMENTS], libbpf.map_info(maps[FRAGMENTS]).key_size)):
        libbpf.delete(maps[FRAGMENTS], key)
    set_lifetimes(tables, Timeouts())
    write_behaviour(tables, Behaviour())
    return XdpDataplane(loaded)


@pytest.fixture
def director(loaded: Loaded) -> Director:
    """A director with empty tables (loading the program anew for each test takes too long)."""
    return Director(empty(loaded))


@pytest.fixture(scope="module")
def interface(loaded: Loaded) -> Iterator[int]:
    """The one interface of a namespace with routes, which the tests of the module are in."""
    with own_network(loaded.programs.main) as interface:
        yield interface


@pytest.fixture
def gateway(loaded: Loaded, interface: int) -> Director:
    """A director that routes, as it must for masqueraded servers."""
    return Director(empty(loaded), interface)
