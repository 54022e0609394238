"""Configuration files on disk, read for this machine."""

import socket
from pathlib import Path

import pytest

from trimaran.daemon.configuration import read, read_for_this_machine

ROUTER = "vrrp_instance x {\ninterface %s\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1/8 }\n}"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])


@pytest.mark.usefixtures("here")
def test_interfaces_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "keepalived.conf"
    file.write_text(ROUTER % "eth0")
    assert read_for_this_machine(file) == read(file)
    assert read(file).config is not None

    file.write_text(ROUTER % "eth1")
    assert read(file).config is not None
    result = read_for_this_machine(file)
    assert result.config is None
    assert [str(diagnostic) for diagnostic in result.diagnostics] == [
        f"{file}:2:11: error: this machine has no interface 'eth1'; it has eth0, lo"
    ]
