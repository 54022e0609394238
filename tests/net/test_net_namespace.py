"""`net_namespace`: the daemon moves to the network namespace that its file names."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from watching import fresh_prefix

FILE = """net_namespace {namespace}
vrrp_instance x {{
  interface {interface}
  virtual_router_id 3
}}
"""


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = fresh_prefix()
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=20)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True, timeout=20)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trimaran", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20)


def test_entering(namespace: str) -> None:
    code = f"""
import socket
from trimaran.net.namespaces import enter
enter({namespace!r})
print(*(name for _, name in socket.if_nameindex()))
"""
    inside = ["ip", "netns", "exec", namespace, "ls", "/sys/class/net"]
    expected = subprocess.run(inside, capture_output=True, text=True, check=True, timeout=20)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    assert set(done.stdout.split()) == set(expected.stdout.split()) - {"bonding_masters"}


def test_the_file_is_judged_by_the_interfaces_of_its_namespace(
    namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "f.conf"
    file.write_text(FILE.format(namespace=namespace, interface="nowhere0"))
    done = run("run", "-f", str(file))
    assert done.returncode == 2
    assert "this machine has no interface 'nowhere0'" in done.stderr


def test_a_namespace_that_does_not_exist(tmp_path: Path) -> None:
    file = tmp_path / "f.conf"
    file.write_text(FILE.format(namespace="trimaran-none", interface="lo"))
    done = run("run", "-f", str(file))
    assert done.returncode == 1
    assert done.stderr.endswith(
        "trimaran: there is no network namespace 'trimaran-none' (ip netns lists them)\n"
    )
    assert run("check", str(file)).returncode == 1  # a warning only: nothing is entered
