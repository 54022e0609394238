"""Runs inside the lab's switch: what clients offered, and what became of it at shaped ports.

    python -m trimaran.lab.meter CLIENT[,CLIENT...] PORT...

A `Reading` a line (JSON) every `INTERVAL` on a fixed grid, until it is ended or after `LONGEST`.
"""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from pyroute2 import IPRoute

from trimaran.lab.load import LONGEST
from trimaran.model.duration import MILLISECOND, SECOND

INTERVAL = 500 * MILLISECOND


class Count(msgspec.Struct, frozen=True):
    """Of one port since it was shaped: bytes that went out through it, packets dropped."""

    bytes: int
    drops: int


class Reading(msgspec.Struct, frozen=True):
    """The counts of all ports at an instant, in nanoseconds of CLOCK_MONOTONIC."""

    at: int
    ports: dict[str, Count]
    offered: int
    """Bytes that all clients have sent."""


def _read(kernel: IPRoute, ports: dict[int, str], clients: list[Path]) -> Reading:
    counts = {}
    at = time.monotonic_ns()
    for queue in kernel.get_qdiscs():
        if queue["index"] in ports and queue["parent"] == 0xFFFFFFFF:  # TC_H_ROOT
            stats: dict[str, Any] = queue.get_attr("TCA_STATS")
            counts[ports[queue["index"]]] = Count(stats["bytes"], stats["drop"])
    return Reading(at, counts, sum(int(client.read_text()) for client in clients))


def main(senders: str, *names: str) -> None:
    """Read the ports until the end."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    clients = [Path(f"/sys/class/net/{name}/statistics/rx_bytes") for name in senders.split(",")]
    with IPRoute() as kernel:
        ports = {kernel.link_lookup(ifname=name)[0]: name for name in names}
        due = time.monotonic_ns()
        latest = due + LONGEST
        while due < latest:
            sys.stdout.buffer.write(msgspec.json.encode(_read(kernel, ports, clients)) + b"\n")
            sys.stdout.buffer.flush()
            due += INTERVAL
            time.sleep(max(0, due - time.monotonic_ns()) / SECOND)


if __name__ == "__main__":
    main(*sys.argv[1:])
