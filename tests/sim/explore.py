"""Runs story after story (`stories`), and says how to replay one in which something was broken.

python tests/sim/explore.py --seconds 60          from a seed of the clock's
python tests/sim/explore.py --seed 4711 --trace   that story alone, action by action
"""

import argparse
import multiprocessing
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from invariants import Broken
from stories import Story, Told

_HOUR = 3600 * 10**9


def main() -> int:
    """Entry point; the exit status is 1 if an invariant did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long; default: 60")
    parser.add_argument("--first", type=int, help="the first seed; default: of the clock's")
    parser.add_argument("--seed", type=int, help="run this story alone")
    parser.add_argument("--trace", action="store_true", help="show what the machines do")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return _replay(arguments.seed, trace=arguments.trace)
    first = time.time_ns() // 10**6 % 10**9 if arguments.first is None else arguments.first
    return _explore(first, arguments.seconds)


def _replay(seed: int, *, trace: bool) -> int:
    story = Story(seed)
    if trace:
        story.cluster.trace = []
    try:
        told = story.tell()
    except Broken as broken:
        print(*(story.cluster.trace or ()), f"seed {seed}: {broken}", sep="\n")
        return 1
    print(*(story.cluster.trace or ()), f"seed {seed}: {told}", sep="\n")
    return 0


def _explore(first: int, seconds: float) -> int:
    """Stories on all CPUs until the time is over, or something is broken."""
    processes = multiprocessing.cpu_count()
    print(
        f"simulation: {seconds:g} s of stories on {processes} CPUs, from seed {first} on",
        flush=True,
    )
    began = time.monotonic()
    with multiprocessing.Pool(processes) as pool:
        work = [(first + number, processes, began + seconds) for number in range(processes)]
        found = pool.starmap(_many, work)
    told = [one for each, _ in found for one in each]
    minutes = (time.monotonic() - began) / 60
    hours = sum(one.simulated for one in told) / _HOUR
    busy = sum(one.busy for one in told) / _HOUR
    print(
        f"{len(told):,} stories, {hours:,.0f} cluster-hours ({hours / minutes:,.0f} a minute; all "
        f"but {busy:,.1f} of them skipped as calm), {sum(one.events for one in told):,} events, "
        f"{sum(one.changes for one in told):,} changes of mastership"
    )
    broken = [said for _, said in found if said]
    print(*broken or ("no invariant was broken",), sep="\n")
    return 1 if broken else 0


def _many(first: int, step: int, end: float) -> tuple[list[Told], str]:
    """What stories cost, and the first one that broke something."""
    told: list[Told] = []
    seed = first
    while time.monotonic() < end:
        try:
            told.append(Story(seed).tell())
        except Broken as broken:
            replay = f"replay: .venv/bin/python tests/sim/explore.py --seed {seed} --trace"
            return told, f"seed {seed}: {broken}\n  {replay}"
        seed += step
    return told, ""


if __name__ == "__main__":
    sys.exit(main())
