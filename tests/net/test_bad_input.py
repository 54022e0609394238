"""Bad input to `trimaran run`: one clear message, the right exit status, nothing changed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from watching import fresh_prefix

EXAMPLE = (Path(__file__).parents[2] / "examples" / "lb1" / "keepalived.conf").read_text()


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """A namespace with eth1, of which nothing may change."""
    name = fresh_prefix()
    subprocess.run(["ip", "netns", "add", name], check=True)
    for command in (
        "link add eth1 type veth peer name eth2",
        "address add 192.168.1.101/24 dev eth1",
        "link set eth1 up",
        "link set eth2 up",
    ):
        subprocess.run(["ip", "-n", name, *command.split()], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def state(namespace: str) -> str:
    shown = subprocess.run(
        ["ip", "-n", namespace, "-4", "-json", "address"],
        capture_output=True,
        text=True,
        check=True,
    )
    inode = Path("/run/netns", namespace).stat().st_ino
    return f"{shown.stdout} run directory: {Path(f'/run/trimaran/netns-{inode}').exists()}"


def refused(namespace: str, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    before = state(namespace)
    done = subprocess.run(
        [
            "ip",
            "netns",
            "exec",
            namespace,
            sys.executable,
            "-m",
            "trimaran",
            "run",
            "-f",
            str(file),
            *options,
        ],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert state(namespace) == before
    return done


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("interface eth1", "interface eth9", "3:13", "no interface 'eth9'"),
        ("192.168.1.10/24", "192.168.1.10", "7:5", "192.168.1.10/24"),
        ("priority 100", "priority 0", "5:12", "1 to 255"),
        ("priority 100", "priority 256", "5:12", "1 to 255"),
        ("virtual_server 192.168.1.10 80", "virtual_server 192.168.1.10 70000", "11:29", "65535"),
        ("interface eth1", "interfcae eth1", "3:3", "'interface'"),
    ],
)
def test_a_bad_value_is_refused_where_it_stands(
    namespace: str, tmp_path: Path, old: str, new: str, place: str, words: str
) -> None:
    file = tmp_path / "bad.conf"
    file.write_text(EXAMPLE.replace(old, new))
    done = refused(namespace, file)
    assert done.returncode == 2
    first = done.stderr.splitlines()[0]
    assert first.startswith(f"{file}:{place}: error: ")
    assert words in first


def test_a_vrid_used_twice_is_refused(namespace: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.conf"
    second = EXAMPLE[: EXAMPLE.index("virtual_server")].replace("ip1", "ip2")
    file.write_text(EXAMPLE + second.replace("192.168.1.10/24", "192.168.1.11/24"))
    done = refused(namespace, file)
    assert done.returncode == 2
    assert "virtual_router_id 1 on eth1 is already used in line 4" in done.stderr


def test_an_unclosed_brace_is_refused_at_the_brace(namespace: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.conf"
    file.write_text(EXAMPLE.rstrip().removesuffix("}"))
    done = refused(namespace, file)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{file}:11:32: error: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\x7fELF\x02\x01\x00\x00", "binary"), (b"", "nothing is configured")],
)
def test_a_file_of_another_kind_is_refused(
    namespace: str, tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "bad.conf"
    file.write_bytes(content)
    done = refused(namespace, file)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_directory_and_a_missing_file_are_refused(namespace: str, tmp_path: Path) -> None:
    done = refused(namespace, tmp_path)
    assert (done.returncode, "directory" in done.stderr) == (2, True)
    done = refused(namespace, tmp_path / "none.conf")
    assert (done.returncode, "no such file" in done.stderr) == (2, True)


@pytest.mark.skipif(Path("/proc/net/ip_vs").exists(), reason="this kernel has IPVS")
def test_a_kernel_without_ipvs_is_said(namespace: str, tmp_path: Path) -> None:
    file = tmp_path / "good.conf"
    file.write_text(EXAMPLE)
    done = refused(namespace, file, "--dataplane", "ipvs")
    assert done.returncode == 1
    assert "plane: this kernel has no IPVS: " in done.stderr


def test_without_root_it_says_so(namespace: str) -> None:
    """As nobody, with a file that nobody may read and one that nobody may not."""
    script = (
        "import os, sys\n"
        "sys.path[:0] = {path!r}\n"
        # All of it now: nobody may not read this interpreter's files.
        "from trimaran.cli.main import main\n"
        "import trimaran.cli.run, trimaran.daemon.configuration, trimaran.daemon.steward\n"
        "import trimaran.views.diagnostics\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.argv = ['trimaran', 'run', '-f', {file!r}]\n"
        "main()\n"
    )

    def as_nobody(file: Path) -> subprocess.CompletedProcess[str]:
        code = script.format(path=sys.path, file=str(file))
        return subprocess.run(
            ["ip", "netns", "exec", namespace, sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=20,
        )

    directory = Path("/tmp") / fresh_prefix()
    directory.mkdir(mode=0o755)
    file = directory / "lb1.conf"
    try:
        file.write_text(EXAMPLE)
        file.chmod(0o644)
        done = as_nobody(file)
        assert done.returncode == 1, done.stderr
        assert done.stderr.count("\n") == 1
        assert "you must be root" in done.stderr
        file.chmod(0o600)
        done = as_nobody(file)
        assert done.returncode == 2, done.stderr
        assert "no permission to read this file" in done.stderr
    finally:
        file.unlink()
        os.rmdir(directory)
