"""`trimaran xdp set`: settings of the running program, and what is refused."""

import os

import pytest
from click.testing import CliRunner
from frames import Director

from trimaran.cli.xdp import xdp
from trimaran.dataplane.base import Behaviour
from trimaran.dataplane.xdp import behaviour
from trimaran.dataplane.xdp.tables import MAPS


@pytest.fixture
def running(director: Director, monkeypatch: pytest.MonkeyPatch) -> Director:
    """As if its program were on an interface."""

    def maps() -> dict[str, int]:
        source = director.plane._loaded.source
        return {name: os.dup(source.map_descriptor(name)) for name in MAPS}

    monkeypatch.setattr(behaviour, "running_maps", maps)
    return director


def test_settings_are_made_and_printed(running: Director) -> None:
    words = ["set", "expire_nodest_conn=1", "net.ipv4.vs.conn_reuse_mode=0"]
    done = CliRunner().invoke(xdp, words)
    assert (done.exit_code, done.output) == (
        0,
        "conn_reuse_mode = 0\nexpire_nodest_conn = 1\nexpire_quiescent_template = 0\n"
        "sloppy_tcp = 0\nsecure_tcp = 0\ndrop_packet = 0\nam_droprate = 10\n"
        "drop_entry = 0\n",
    )
    assert running.plane.behaviour() == Behaviour(0, 1)
    assert CliRunner().invoke(xdp, ["set"]).output == done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["expire=1"], "no setting 'expire'; there are conn_reuse_mode, "),
        (["sloppy_tcp"], "'sloppy_tcp': must be sloppy_tcp=NUMBER"),
        (["secure_tcp=1"], "must be 0 or 3"),
        (["sloppy_tcp=on"], "must be sloppy_tcp=NUMBER"),
        (["sloppy_tcp=1", "conn_reuse_mode=2147483648"], "must be a number of 32 bits"),
    ],
)
def test_what_is_refused_changes_nothing(running: Director, words: list[str], said: str) -> None:
    done = CliRunner().invoke(xdp, ["set", *words])
    assert (done.exit_code, said in done.output) == (2, True)
    assert running.plane.behaviour() == Behaviour()


def test_without_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviour, "running_maps", lambda: None)
    done = CliRunner().invoke(xdp, ["set"])
    assert done.exit_code == 1
    assert "no XDP dataplane of trimaran runs" in done.output
