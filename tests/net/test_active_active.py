"""The demo of active-active directors: real packets on shaped links, short and whole."""

import io
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from watching import fresh_prefix

from trimaran.lab import active_active, record
from trimaran.lab.host import wait_until
from trimaran.lab.report import Result
from trimaran.lab.trial import Trial, Variant, one_death


def tried(trial: Trial, directory: Path) -> tuple[bool, str, Result]:
    """The verdict, what was told, and the figures."""
    told = io.StringIO()
    good = active_active.run(fresh_prefix(), trial, [told], directory)
    print(told.getvalue())
    figures = (directory / "active-active.json").read_bytes()
    return good, told.getvalue(), msgspec.json.decode(figures, type=Result)


def only(*variants: Variant) -> Trial:
    return replace(one_death(), variants=variants)


def test_six_planned_vips_lose_nothing_and_one_vip_shows_that_the_links_are_shaped(
    tmp_path: Path,
) -> None:
    single, *_, planned = one_death().variants
    good, told, result = tried(only(single, replace(planned, losses=(("lb1",),))), tmp_path)
    assert good
    assert told.endswith("demo: PASS\n")
    link = result.variants[0].states[0].links["lb1"]
    assert link.measured == pytest.approx(1, abs=0.03)
    assert link.missing / link.sent == pytest.approx(1 / 3, abs=0.03)
    before, dead, back = result.variants[1].states
    assert [len(state.links) for state in (before, dead, back)] == [3, 2, 3]
    assert dead.missing == 0
    assert 0 < dead.takeover < 1
    assert {f"{name}.log" for name in result.directors} < {p.name for p in tmp_path.iterdir()}


def test_interrupted_it_leaves_nothing(tmp_path: Path) -> None:
    prefix = fresh_prefix()
    command = [sys.executable, "-m", "trimaran", "lab", "demo", "active-active"]
    demo = subprocess.Popen(
        [*command, "--prefix", prefix, "--output", str(tmp_path)], stdout=subprocess.PIPE
    )
    try:
        log = record.directory_of(prefix) / "client2" / "load-1.json"
        wait_until("the load begins", log.exists, 30)
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=20)
    finally:
        demo.kill()
        demo.wait()
    assert demo.returncode == 128 + signal.SIGINT
    assert not record.directory_of(prefix).exists()
    assert list(record.NETNS.glob(f"{prefix}-*")) == []


@pytest.mark.long
def test_careless_lists_do_not_pass_for_planned_ones(tmp_path: Path) -> None:
    careless = next(
        v for v in one_death().variants if v.name.startswith("2 VIPs, backup: the next")
    )
    claimed = replace(careless, losses=(("lb1",),), planned=True)
    good, told, _ = tried(only(claimed), tmp_path)
    assert not good
    assert "FAILED  lb1 dead: lb2" in told
    assert told.endswith("demo: FAIL\n")


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("options", [(), ("--survive", "2"), ("--rack",)])
def test_the_whole_demo(options: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trimaran", "lab", "demo", "active-active", *options]
    done = subprocess.run(
        [*command, "--prefix", fresh_prefix(), "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=360,
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "demo: PASS"), done.stdout
    assert (tmp_path / "active-active.html").stat().st_size > 10_000
