"""Where a kernel thread's time goes: perf's samples of it (cpu-clock), by what it was doing.

The clock's interrupt cannot come while interrupts are off: what is done then, a wake-up or a switch
of threads, is sampled where they are let in again, in the function that had turned them off.
"""

import collections
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

RATE = 4999  # samples a second, no multiple of the kernel's tick
OTHERS = "the rest"
PROGRAM = "bpf_prog"
"""For the kernel's names of BPF programs, which a tag follows."""
GROUPS: tuple[tuple[str, frozenset[str]], ...] = (
    ("its own sleep and switches", frozenset({"schedule", "preempt_schedule_irq"})),
    ("waking the receiver's thread", frozenset({"__napi_schedule", "netif_rx"})),
    (
        "giving back the sender's buffer",
        frozenset({"consume_skb", "tcp_wfree", "__sock_wfree", "skb_release_data", "kfree_skbmem"}),
    ),
    ("copying the packet to a page", frozenset({"skb_pp_cow_data"})),
    ("the XDP program", frozenset({PROGRAM})),
    (
        "sending on",
        frozenset({"xdp_do_redirect", "xdp_do_flush", "veth_xdp_xmit", "veth_xdp_tx"}),
    ),
    ("taking in", frozenset({"veth_poll"})),
)
"""What a thread does → functions; a sample is of the first that has one in its call chain."""


def group(chain: list[str]) -> str:
    """What a sample is of, by the functions that are being called, the innermost first."""
    functions = {PROGRAM if name.startswith(f"{PROGRAM}_") else name for name in chain}
    for name, those in GROUPS:
        if functions & those:
            return name
    return OTHERS


def read(path: Path) -> dict[str, float]:
    """Share of each group in a recording; the groups in their order."""
    command = ["perf", "script", "--input", str(path), "--fields", "ip,sym"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    chains = [
        [words[1] for line in block.splitlines() if len(words := line.split()) > 1]
        for block in text.split("\n\n")
    ]
    found = collections.Counter(group(chain) for chain in chains if chain)
    if found.total() < RATE // 10:
        raise OSError(f"perf took {found.total()} samples only")
    return {name: found[name] / found.total() for name in (*(n for n, _ in GROUPS), OTHERS)}


@contextlib.contextmanager
def recorded(thread: int, path: Path) -> Iterator[None]:
    """What a thread does meanwhile goes to a file of perf's."""
    options = ["--quiet", "--event", "cpu-clock:k", "--freq", str(RATE), "-g"]
    command = ["perf", "record", *options, "--tid", str(thread), "--output", str(path)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not path.exists():  # which perf makes just before it begins
            if process.poll() is not None:
                raise OSError("perf record does not run here")
            time.sleep(0.05)
        time.sleep(0.2)
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(timeout=20)


def sample(thread: int, directory: Path, work: Callable[[], object]) -> dict[str, float]:
    """Shares of the groups in what the thread does while `work` is done."""
    path = directory / f"samples-{os.getpid()}"
    with recorded(thread, path):
        work()
    shares = read(path)
    path.unlink()
    return shares


def table(columns: dict[str, tuple[dict[str, float], float]], unit: str) -> str:
    """Columns (shares, and what a whole is) as a table of what each group takes."""
    lines = [f"{'of which, ' + unit:34}" + "".join(f"{name[:18]:>19}" for name in columns)]
    for name in (*(n for n, _ in GROUPS), OTHERS):
        values = "".join(
            f"{shares[name] * whole:12.1f}{shares[name]:7.0%}" for shares, whole in columns.values()
        )
        lines.append(f"{name:34}{values}")
    return "\n".join(lines)
