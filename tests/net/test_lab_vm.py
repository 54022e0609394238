"""The VM bench, seen from outside: what comes out of it, and that a hang is cut."""

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trimaran.lab.vm import kernel, machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    """`python -m trimaran.lab.vm ...` as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "trimaran.lab.vm", *words], capture_output=True, text=True
    )


def test_a_command_comes_back_whole(tmp_path: Path) -> None:
    """Both outputs, the exit status and the shared directory; nothing else outlives the VM."""
    lost = Path("/var/tmp", f"trimaran-vm-{os.getpid()}")
    script = f"""
        echo "it's me"; echo not me >&2; pwd; echo kept >{tmp_path}/kept; echo lost >{lost}
        head -c 200000 /dev/zero | tr '\\0' x; exit 7
    """
    done = bench("--share", str(tmp_path), "--timeout", "120", "sh", "-c", script)
    assert done.returncode == 7
    assert done.stdout == f"it's me\n{Path.cwd()}\n" + "x" * 200_000
    booting, up, pace, *rest = [x for x in done.stderr.splitlines() if "waiting for" not in x]
    assert booting.startswith("vm: booting linux-image-")
    assert "Linux 6." in up
    assert "Debian" in up
    assert re.fullmatch(r"vm: everything may take \d+ times as long as on ordinary hardware", pace)
    assert rest == ["not me"]
    assert (tmp_path / "kept").read_text() == "kept\n"
    assert not lost.exists()


def test_a_hang_is_cut() -> None:
    """And the end of the console is told: here what the command wrote there before it hung."""
    patience = 10.0
    while True:
        said, begin = io.BytesIO(), time.monotonic()
        with pytest.raises(machine.VmCut) as cut:
            machine.run(
                ["sh", "-c", "echo before; echo I hang here >/dev/console; sleep 1000"],
                timeout=patience,
                stdout=said,
                stderr=io.BytesIO(),
            )
        assert time.monotonic() - begin >= patience
        assert str(cut.value).startswith(f"cut after {patience:g} s; the end of its console:")
        if said.getvalue():
            break
        patience *= 2  # it had not booted yet: a busy machine
    assert said.getvalue() == b"before\n"
    assert "I hang here" in str(cut.value)


def test_a_kernel_that_dies_is_reported_at_once() -> None:
    done = bench("--timeout", "300", "sh", "-c", "echo c >/proc/sysrq-trigger; sleep 300")
    assert done.returncode == 1
    assert "vm: the VM died; the end of its console:" in done.stderr
    assert "Kernel panic - not syncing" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_vm_at_a_time() -> None:
    """The second waits, and says so, until the first has ended."""
    with kernel.locked("vm.lock"):
        second = subprocess.Popen(
            [sys.executable, "-m", "trimaran.lab.vm", "--timeout", "120", "echo", "done"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert second.stderr is not None
        assert second.stderr.readline() == "vm: waiting for /var/cache/trimaran/vm.lock\n"
        assert second.poll() is None
    out, err = second.communicate()
    assert (second.returncode, out) == (0, "done\n")
    assert err.startswith("vm: booting ")


def test_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trimaran", "lab", "--vm", "demo", "--directors", "keepalived"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "trimaran lab: directors keepalived: want one each for lb1, lb2" in done.stderr
