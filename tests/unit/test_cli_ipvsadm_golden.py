"""Every golden session of the real ipvsadm, played on a dataplane that obeys IPVS's rules."""

import errno
import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_ipvs import FakeIpvs
from golden_ipvsadm import HOSTS, Session, look_back, look_up, masked, session, sessions

from trimaran.cli.ipvsadm.main import main
from trimaran.dataplane.base import Refused
from trimaran.dataplane.steps import Operator

NAMES = {**HOSTS, "a-very-long-real-server-name": "192.168.1.102"}
"""Listings cut long names."""

BESIDE_IPVSADM = ("cat /proc/", "sysctl ", "sleep ")


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hosts file of the golden machine."""
    monkeypatch.setattr(socket, "gethostbyname", look_up)
    monkeypatch.setattr(socket, "gethostbyaddr", look_back)


@pytest.fixture
def fake() -> FakeIpvs:
    return FakeIpvs()


@pytest.fixture
def played(fake: FakeIpvs, tmp_path: Path) -> Session:
    @contextmanager
    def opened(dataplane: str, run_directory: Path | None) -> Iterator[Operator]:
        yield fake

    def run(arguments: list[str], lines: io.StringIO) -> int:
        return main(arguments, open_dataplane=opened, lines=lines)

    return Session(run, lambda arguments: None, tmp_path)


@pytest.mark.parametrize("name", [name for name in sessions() if "unprivileged" not in name])
def test_session(name: str, fake: FakeIpvs, played: Session) -> None:
    for step in session(name):
        if step.command.startswith(BESIDE_IPVSADM):
            continue
        fake.observe(step.stdout, NAMES)
        # The fake has its services in order of adding, the kernel by hash.
        same = masked if "--nosort" in step.command else lambda step: step
        assert same(played.run(step)) == same(step)


def test_unprivileged(capsys: pytest.CaptureFixture[str]) -> None:
    @contextmanager
    def forbidden(dataplane: str, run_directory: Path | None) -> Iterator[Operator]:
        raise Refused(errno.EPERM, "")
        yield

    for step in session("31-unprivileged"):
        arguments = step.command.partition(" ipvsadm ")[2].split()
        status = main(arguments, open_dataplane=forbidden)
        captured = capsys.readouterr()
        assert (captured.out, captured.err, status) == (step.stdout, step.stderr, step.status)
