"""The demo on Debian's kernel: trimaran on either dataplane, and beside the real keepalived."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "options",
    [
        "--dataplane ipvs",
        "--dataplane xdp",
        "--directors keepalived,trimaran --dataplane ipvs",
        "--directors trimaran,keepalived --dataplane ipvs",
        "--directors keepalived,keepalived",
    ],
)
def test_the_demo_passes(options: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trimaran", "lab", "demo", "--prefix", "demo", *options.split()],
        capture_output=True,
        text=True,
    )
    print(done.stdout)
    assert done.stdout.splitlines()[-1:] == ["demo: PASS"], done.stderr
    assert done.returncode == 0
