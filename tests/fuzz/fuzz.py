"""Runs targets under atheris, guided by which of trimaran's lines an input reaches.

    python tests/fuzz/fuzz.py --seconds 60 [TARGET ...]    each in a process of its own
    python tests/fuzz/fuzz.py --replay TARGET FILE         one input, to see what it does

What makes a target raise, or takes it longer than five seconds, is kept in build/fuzz/TARGET.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
FOUND = HERE.parents[1] / "build" / "fuzz"
_LONGEST_INPUT = 2048
_HANG_SECONDS = 5


def main() -> int:
    """Entry point; the exit status is 1 if an input was found that a target does not stand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="for all of them together")
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"))
    parser.add_argument("--inside", metavar="TARGET", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        _fuzz(arguments.inside, arguments.seconds)
    from targets import TARGETS

    if arguments.replay:
        target, file = arguments.replay
        TARGETS[target](Path(file).read_bytes())
        return 0
    names = arguments.targets or list(TARGETS)
    each = max(arguments.seconds // len(names), 1)
    return 1 if [name for name in names if not _run(name, each)] else 0


def _run(name: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own, and say what came of it."""
    (FOUND / name).mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, "--inside", name, "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stderr.splitlines()
    runs = next((line for line in lines if line.startswith("Done ")), "no end was reached")
    print(f"fuzz: {name}: {runs}", flush=True)
    if done.returncode != 0:
        print(*lines[-40:], sep="\n", flush=True)
    return done.returncode == 0


def _fuzz(name: str, seconds: int) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["trimaran"]):
        from targets import TARGETS
    found = FOUND / name
    options = [
        *(f"-max_total_time={seconds}", f"-timeout={_HANG_SECONDS}", f"-max_len={_LONGEST_INPUT}"),
        *(f"-artifact_prefix={found}{os.sep}found-", "-print_final_stats=0"),
        *(str(found), str(HERE / "corpus" / name)),
    ]
    atheris.Setup([name, *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
