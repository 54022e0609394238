"""keepalived itself judges planned configurations: `keepalived --config-test`, in a namespace."""

import subprocess
from ipaddress import IPv4Address, IPv4Interface
from itertools import permutations
from pathlib import Path

import pytest

from trimaran.model.service import Protocol
from trimaran.plan.directors import Service, Site, configurations
from trimaran.views.plan_keepalived import keepalived_text

SITE = Site(
    tuple(IPv4Interface(f"192.168.1.{10 + i}/24") for i in range(6)),
    "eth1",
    (
        Service(80, (IPv4Address("192.168.1.201"), IPv4Address("192.168.1.202"))),
        Service(53, (IPv4Address("192.168.1.203"),), Protocol.UDP),
    ),
)
TEXTS = {
    host: keepalived_text(config)
    for host, config in configurations(list(permutations(("lb1", "lb2", "lb3"))), SITE).items()
}


def judged(file: Path) -> subprocess.CompletedProcess[str]:
    """keepalived wants the interface to exist, so it gets one of its own."""
    script = (
        "ip link add eth1 type veth peer name eth2 && "
        f"exec keepalived --config-test --use-file {file}"
    )
    return subprocess.run(
        ["unshare", "--net", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("host", TEXTS)
def test_keepalived_accepts_what_is_planned(host: str, tmp_path: Path) -> None:
    file = tmp_path / f"{host}.conf"
    file.write_text(TEXTS[host])
    result = judged(file)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_it_would_tell(tmp_path: Path) -> None:
    file = tmp_path / "wrong.conf"
    file.write_text(TEXTS["lb1"].replace("virtual_router_id 2", "virtual_router_id 1"))
    result = judged(file)
    assert result.returncode != 0
    assert "VRID 1" in result.stdout + result.stderr
