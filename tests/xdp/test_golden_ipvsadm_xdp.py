"""Golden sessions of the real ipvsadm, played on XDP with real packets, without a daemon.

A session is played up to the first thing in it that XDP cannot do, which it must say.
"""

import io
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from golden_bench import Bench
from golden_ipvsadm import Session, Step, look_back, look_up, masked, session, sessions

from trimaran.cli.ipvsadm import listing
from trimaran.cli.ipvsadm.main import main
from trimaran.cli.xdp import xdp

FAR_ENOUGH = {
    "01-empty": 19,
    "02-tcp-dr-basic": 7,
    "04-tun": 21,
    "05-ipv6": 25,
    "07-persistence": 18,
    "08-thresholds": 24,
    "10-sctp": 19,
    "11-schedulers": 14,
    "14-errors-service": 34,
    "16-weights": 12,
    "17-timeouts": 16,
    "19-order": 16,
    "20-conn-dr": 22,
    "22-conn-persist": 16,
    "23-stats": 18,
    "25-names": 14,
    "26-option-conflicts": 23,
    "28-trash-and-readd": 18,
    "32-quiesce": 17,
}
"""How many steps XDP must get through, at least."""

LEFT_OUT = {
    "07-persistence": re.compile(r"--pe |:506\d"),
    "19-order": re.compile(r"-f -?\d|FWM"),
}
"""Firewall marks, and what persistence engines look into, among others: all but these is played."""

DO_NOT_APPLY = {
    "13-save-restore": "each of its inputs has a firewall mark",
    "29-sip-pe": "a persistence engine from the first command on",
    "31-unprivileged": "what IPVS's netlink family says to those who may not",
}

KERNELS_OWN = "cat /proc/"
SYSCTL = "sysctl -w net.ipv4.vs."
KERNEL_HAS_NOT = "-s twos"
"""A scheduler that the golden kernel is built without, and XDP has."""


def on_xdp(step: Step) -> Step:
    """What cannot be the same: the size of the table, and what is left out."""
    text = re.sub(r"\(size=\d+\)", "(size=N)", masked(step).stdout)
    if left_out := LEFT_OUT.get(step.session):
        lines = text.splitlines(keepends=True)
        text = "".join(line for line in lines if not left_out.search(line))
    return replace(masked(step), stdout=text)


def set_by_sysctl(step: Step) -> Step:
    """`sysctl -w net.ipv4.vs.NAME=VALUE`, in trimaran's words."""
    setting = step.command.removeprefix(SYSCTL)
    done = CliRunner().invoke(xdp, ["set", setting])
    assert setting.replace("=", " = ") in done.output.splitlines()
    return replace(step, status=done.exit_code)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench(f"trimaran-golden-{os.getpid()}-") as bench:
        yield bench


@pytest.fixture
def player(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Session]:
    monkeypatch.setattr(socket, "gethostbyname", look_up)
    monkeypatch.setattr(socket, "gethostbyaddr", look_back)
    listing.host_name.cache_clear()

    def run(arguments: list[str], lines: io.StringIO) -> int:
        return main(["--dataplane", "xdp", *arguments], lines=lines)

    def inject(arguments: list[str]) -> None:
        bench.inject(arguments)
        time.sleep(0.01)  # the packet is on its way

    with bench.inside():
        attached = CliRunner().invoke(xdp, ["attach", "eth1"])
        assert attached.exit_code == 0, attached.output
        yield Session(run, inject, tmp_path)
        assert CliRunner().invoke(xdp, ["detach"]).exit_code == 0


def test_every_session_is_played_or_does_not_apply() -> None:
    assert sorted([*FAR_ENOUGH, *DO_NOT_APPLY]) == sessions()


@pytest.mark.parametrize("name", FAR_ENOUGH)
def test_session(name: str, player: Session) -> None:
    played = 0
    for step in session(name):
        if step.command.startswith(KERNELS_OWN):
            continue
        if name in LEFT_OUT and LEFT_OUT[name].search(step.command):
            continue
        if KERNEL_HAS_NOT in step.command:
            break
        by_sysctl = step.command.startswith(SYSCTL)
        got = set_by_sysctl(step) if by_sysctl else player.run(step)
        if "the XDP dataplane cannot" in got.stderr:
            break
        assert on_xdp(got) == on_xdp(step)
        played += 1
    assert played >= FAR_ENOUGH[name]
