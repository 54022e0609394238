"""What the tests of the daemon share: frames as a host sees them, and short cuts to its state."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from trimaran.lab.host import LabHost, wait_until

VIP = "192.168.1.10"
Frame = dict[str, Any]

_numbers = count(1)


def fresh_prefix() -> str:
    """A lab prefix that names this test process; see `_sweep`."""
    return f"trimaran-test-{os.getpid()}-{next(_numbers)}"


class Watch:
    """VRRP and ARP frames that come in on a host, since the watch began."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def frames(self, **wanted: object) -> list[Frame]:
        """The frames of which all these fields are so, in order."""
        lines = self._log.read_text().rpartition("\n")[0].splitlines()
        found = (json.loads(line) for line in lines)
        return [f for f in found if all(f.get(k) == v for k, v in wanted.items())]

    def wait_for(self, count: int, seconds: float, **wanted: object) -> list[Frame]:
        """At least so many of such frames. Raises LabError if they do not come in time."""
        return wait_until(
            f"{count} frames {wanted}",
            lambda: found if len(found := self.frames(**wanted)) >= count else None,
            seconds,
        ) or []  # fmt: skip


@contextmanager
def watch(host: LabHost, seconds: float = 60) -> Iterator[Watch]:
    """Watch the wire at a host until the end of the block."""
    log = Path(f"watch-{len(list(host.directory.glob('watch-*')))}.jsonl")
    script = str(Path(__file__).with_name("capture.py"))
    process = host.start([sys.executable, script, str(seconds)], log)
    watching = Watch(host.directory / log)
    wait_until("the watch begins", lambda: watching.frames(kind="ready"), 5)
    try:
        yield watching
    finally:
        process.kill()
        process.wait()


def router(director: LabHost) -> dict[str, Any]:
    """The director's only virtual router, as `trimaran status` shows it; empty without one."""
    status = director.status()
    return status["virtual_routers"][0] if status and status["virtual_routers"] else {}


def wait_for_state(director: LabHost, state: str, seconds: float = 8) -> None:
    """Wait until the virtual router is in this state."""
    wait_until(
        f"{director.name} is {state}", lambda: router(director).get("state") == state, seconds
    )


def holds_vip(director: LabHost) -> bool:
    """Whether the kernel has the VIP on eth1."""
    return f"inet {VIP}/" in director.output(["ip", "address", "show", "dev", "eth1"])


def child_pid(director: LabHost, name: str) -> int:
    """The pid of a child of the director's daemon."""
    status = director.status() or {"processes": []}
    return next(p["pid"] for p in status["processes"] if p["name"] == name)


def reconfigure(director: LabHost, *changes: tuple[str, str]) -> None:
    """Replace texts in the director's configuration file (each must be there)."""
    path = director.directory / "trimaran.conf"
    text = path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


def curl(client: LabHost, times: int = 1, address: str = VIP) -> list[str]:
    """Answers to requests, one new connection each; LabError if one fails."""
    return [
        client.output(["curl", "-sS", "-m", "3", f"http://{address}/"]).strip()
        for _ in range(times)
    ]
