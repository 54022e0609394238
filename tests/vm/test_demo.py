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
    command = [sys.executable, "-m", "trimaran", "lab", "demo", "--prefix", "demo"]
    with subprocess.Popen(
        [*command, *options.split()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout is not None
        last = ""
        for last in demo.stdout:
            print(last, end="")  # also told if the demo is cut
    assert (last, demo.returncode) == ("demo: PASS\n", 0)
