"""`make bench-dataplane`: all that measures the XDP dataplane, and what became of the ratios.

The figures of a run are compared with those recorded in recorded.json, and differences printed;
they fail nothing, since even ratios move by a tenth or two on a shared machine. `--record` writes
the run's over them. Needs root and `tools/setup bench` and `tools/setup vm`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
RECORDED = HERE / "recorded.json"
BENCHES = ("xdp", "instructions", "forwarding", "new_connections")
MEANING = {
    "xdp": "x floor, BPF_PROG_TEST_RUN (less is better)",
    "instructions": "instructions in the VM, net of a MAC swap (less is better)",
    "forwarding": "share of a MAC swap, veth (more is better)",
    "new_connections": "microseconds of CPU (less is better)",
}
NOTABLE = dict.fromkeys(BENCHES, 0.15) | {"instructions": 0.03}
"""A change that is worth a look. Instructions are counted, not timed."""

Figures = dict[str, dict[str, float]]


def measure() -> Figures:
    """Run each bench, which prints its own table; the figures that it leaves."""
    found: Figures = {}
    with tempfile.TemporaryDirectory(prefix="trimaran-bench-") as directory:
        for name in BENCHES:
            left = Path(directory, f"{name}.json")
            command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(left)]
            if subprocess.run(command, timeout=900).returncode:
                sys.exit(f"dataplane: {name}.py failed")
            found[name] = json.loads(left.read_text())
            print(flush=True)
    return found


def compare(now: Figures, before: Figures) -> list[str]:
    """A line for each figure that has changed notably, is new, or is not there any more."""
    lines = []
    for bench in BENCHES:
        old, new = before.get(bench, {}), now[bench]
        for name in {**old, **new}:
            if name not in old or name not in new:
                lines.append(f"{bench}: {name}: {'new' if name in new else 'not measured'}")
            elif abs(new[name] / old[name] - 1) > NOTABLE[bench]:
                change = new[name] / old[name] - 1
                lines.append(
                    f"{bench}: {name}: {old[name]:.2f} -> {new[name]:.2f} ({change:+.0%})"
                    f" {MEANING[bench]}"
                )
    return lines


def main() -> None:
    """Measure, compare, and record if so asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="keep this run's figures")
    arguments = parser.parse_args()
    now = measure()
    subprocess.run([sys.executable, str(HERE / "configuration.py")], timeout=600, check=True)
    before = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    lines = compare(now, before)
    print(f"\nagainst {RECORDED.name}: " + ("nothing has changed notably" if not lines else ""))
    print("".join(f"  {line}\n" for line in lines), end="")
    if arguments.record:
        RECORDED.write_text(json.dumps(now, indent=1) + "\n")


if __name__ == "__main__":
    main()
