"""Two network namespaces joined by a veth pair, for tests of `trimaran.net`.

The test's own thread enters the first one: what it opens there belongs there.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from trimaran.lab.lab import remove_namespace

HERE, THERE = f"tv-{os.getpid()}-here", f"tv-{os.getpid()}-there"
_CLONE_NEWNET = 0x40000000


def ip(*words: str) -> str:
    """Run iproute2 in the namespace of the test."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@contextmanager
def segment() -> Iterator[None]:
    """tv0 (10.99.0.1/24) here, tv1 (10.99.0.2/24) there; the thread is here meanwhile."""
    _delete()
    try:
        for name in (HERE, THERE):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("link", "add", "tv0", "netns", HERE, "type", "veth", "peer", "tv1", "netns", THERE)
        for name, device, address in ((HERE, "tv0", 1), (THERE, "tv1", 2)):
            ip("-n", name, "address", "add", f"10.99.0.{address}/24", "dev", device)
            ip("-n", name, "link", "set", device, "up")
        with inside(HERE):
            yield
    finally:
        _delete()


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Be in a namespace for a while: sockets opened meanwhile stay there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    target = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _enter(target)
        yield
    finally:
        _enter(home)
        os.close(home)
        os.close(target)


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _delete() -> None:
    for name in (HERE, THERE):
        remove_namespace(name)
