"""The daemon as packaging/trimaran.service runs it: with no more rights than the unit gives."""

import configparser
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from watching import curl, holds_vip, reconfigure, wait_for_state

from trimaran.lab.host import ENVIRONMENT, wait_until
from trimaran.lab.lab import Lab

_UNIT = Path(__file__).parents[2] / "packaging" / "trimaran.service"


def confined() -> list[str]:
    """How to start a command with the unit's capabilities and without ever getting more."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(_UNIT)
    service = unit["Service"]
    assert service["NoNewPrivileges"] == "yes"
    names = service["CapabilityBoundingSet"].lower().split()
    kept = ",".join(f"+{name.removeprefix('cap_')}" for name in names)
    return ["setpriv", "--no-new-privs", "--bounding-set", f"-all,{kept}", "--"]


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that anybody may write to, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o777)
        yield Path(made)


def test_the_units_rights_are_enough(lab: Lab, public_directory: Path) -> None:
    lb1, client = lab.host("lb1"), lab.host("client")
    lb1.stop_service()
    wait_for_state(lab.host("lb2"), "MASTER", 8)
    told = public_directory / "who"
    script = f"notify_up \"/bin/sh -c 'id -un > {told}'\" nobody"
    reconfigure(
        lb1,
        ("    weight 1\n", f"    weight 1\n    {script}\n"),
        ("virtual_server", "global_defs {\n  rs_init_notifies\n}\nvirtual_server"),
    )
    log = lb1.directory / "confined.log"
    with log.open("w") as out:
        daemon = subprocess.Popen(
            lb1.command([*confined(), "trimaran", "run", "-f", f"{lb1.directory}/trimaran.conf"]),
            env=ENVIRONMENT,
            stderr=out,
        )
    try:
        wait_for_state(lb1, "MASTER", 15)
        assert set(curl(client, 4)) == {"RealServer 1", "RealServer 2"}
        wait_until("the script", lambda: told.exists() and told.read_text() == "nobody\n", 10)
        status = lb1.status() or {}
        assert all(process["restarts"] == 0 for process in status["processes"])
        assert "real-time" not in log.read_text()
    finally:
        daemon.terminate()
        assert daemon.wait(10) == 0
    assert not holds_vip(lb1)
