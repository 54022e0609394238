"""`trimaran check`: exit statuses, text and JSON, and files that are none."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from trimaran.cli.check import check
from trimaran.daemon import configuration

ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "examples" / "lb1" / "keepalived.conf")
WARNINGS = str(ROOT / "tests" / "data" / "conf" / "warnings.conf")
ERRORS = str(ROOT / "tests" / "data" / "conf" / "routers.conf")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(check, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_a_clean_file_gets_one_line() -> None:
    result = run(EXAMPLE)
    assert result.exit_code == 0
    assert result.output == f"{EXAMPLE}: ok: 1 virtual router, 1 virtual service, 2 real servers\n"


def test_exit_status_is_that_of_the_worst_file() -> None:
    assert run(WARNINGS).exit_code == 1
    result = run(ERRORS, WARNINGS)
    assert result.exit_code == 2
    assert f"{ERRORS}:7:12: error: priority 256 is out of range" in result.output
    assert f"{WARNINGS}:14:3: warning: 'debug' is obsolete" in result.output


def test_files_of_peers_are_checked_together(tmp_path: Path) -> None:
    other = str(ROOT / "examples" / "lb2" / "keepalived.conf")
    ok = "ok: 1 virtual router, 1 virtual service, 2 real servers"
    assert run(EXAMPLE, other).output == f"{EXAMPLE}: {ok}\n{other}: {ok}\n"
    slow = tmp_path / "slow.conf"
    slow.write_text(Path(other).read_text().replace("priority 50", "priority 50\n advert_int 3"))
    result = run(EXAMPLE, str(slow))
    assert result.exit_code == 2
    assert "advert_int 3 here, 1 in" in result.output
    assert "neither hears the other" in result.output
    assert "not the authentication" not in run(EXAMPLE, WARNINGS).output, "it is another cluster's"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", configuration.LARGEST + 1)
    names = [str(tmp_path / name) for name in ("empty", "binary", "sparse", "absent")]
    result = run(*names, str(tmp_path))
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        f"{tmp_path}/empty:1:1: error: nothing is configured; "
        "write a vrrp_instance or a virtual_server",
        f"{tmp_path}/binary:1:1: error: this is a binary file; "
        "write a text file in keepalived.conf's language",
        f"{tmp_path}/sparse:1:1: error: this file is larger than 64 MB",
        f"{tmp_path}/absent:1:1: error: there is no such file",
        f"{tmp_path}:1:1: error: this is a directory; name a file",
    ]


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    result = run("secret")
    assert result.exit_code == 2
    assert result.output == "secret:1:1: error: no permission to read this file\n"


def test_json(tmp_path: Path) -> None:
    bad = tmp_path / "bad.conf"
    bad.write_text("vrrp_instance x {\n\tprioritty 1\n}\n")
    result = run("--json", EXAMPLE, str(bad))
    assert result.exit_code == 2
    good, wrong = json.loads(result.output)["files"]
    assert good == {
        "file": EXAMPLE,
        "ok": True,
        "virtual_routers": 1,
        "virtual_services": 1,
        "real_servers": 2,
        "diagnostics": [],
    }
    assert wrong["ok"] is False
    assert wrong["diagnostics"][-1] == {
        "file": str(bad),
        "line": 2,
        "column": 2,
        "length": 9,
        "severity": "error",
        "message": "unknown keyword 'prioritty'",
        "advice": "did you mean 'priority'?",
        "source": "\tprioritty 1",
    }


def test_a_file_is_needed() -> None:
    assert run().exit_code == 2
