"""How many instructions a packet takes, beside the floor and a bare balancer: see xdp.py.

In the VM, whose CPU counts: QEMU's -icount lets its clocks go on by a nanosecond an instruction,
and nothing else. So a figure has no noise (but for the seed by which new flows get their places),
and a change of one is a change of the code, or of the compiler. It says nothing of caches: no
ratio of speeds follows from it. Needs root and `tools/setup vm`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from trimaran.dataplane.base import DataplaneError
from trimaran.lab.errors import LabError
from trimaran.lab.vm import machine
from xdp import CASES, ROOT, clear, under_test, xdpbench

COUNTED = (
    "TCP established, 1 flow",
    "same, in an IPIP tunnel",
    "same, masqueraded",
    "a masqueraded server's reply",
    "IPv6 established, 1 flow",
    "TCP new flows",
    "UDP new flows",
    "IPv6 new flows",
    "not a held VIP",
    "held VIP, no service",
)
FLOWS = 1 << 18
BURSTS, PACKETS = 3, 20_000


def net(results: dict[str, dict[str, float]], name: str) -> float:
    """Of a program, without harness and MAC swap; the least, since interrupts only add."""
    return results[name]["min"] - results["floor"]["min"]


def count() -> dict[str, float]:
    """In the VM: each case, printed; trimaran's figures."""
    found: dict[str, float] = {}
    with under_test(FLOWS) as (director, targets):
        for case in CASES:
            if case.name not in COUNTED:
                continue
            clear(director, targets, case)
            results = xdpbench(targets, case, case.frame, BURSTS, PACKETS)
            found[case.name] = net(results, "trimaran")
            anchors = f"{net(results, 'anchor'):.0f}" if case.anchored else ""
            floor = results["floor"]["min"]
            print(f"{case.name:29}{floor:10.0f}{anchors:>10}{found[case.name]:10.0f}", flush=True)
    return found


def main() -> None:
    """On this machine: run itself in the VM. There: count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write trimaran's figures there, too")
    arguments = parser.parse_args()
    if machine.MARK in os.environ:
        found = count()
        if arguments.json:
            arguments.json.write_text(json.dumps(found))
        return
    subprocess.run(["make", "--silent", "-C", str(ROOT / "bench" / "xdpbench")], check=True)
    print("instructions: a packet, in the VM; floor with its harness, the others net of it")
    print(f"{'':29}{'floor':>10}{'anchor':>10}{'trimaran':>10}", flush=True)
    with tempfile.TemporaryDirectory(prefix="trimaran-bench-") as name:
        left = Path(name, "figures")
        command = [sys.executable, __file__, "--json", str(left)]
        if status := machine.run(command, timeout=900, share=Path(name), counted=True):
            sys.exit(status)
        if arguments.json:
            arguments.json.write_text(left.read_text())


if __name__ == "__main__":
    try:
        main()
    except (DataplaneError, LabError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"instructions: {error}")
