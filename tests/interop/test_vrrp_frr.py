"""trimaran and FRR's vrrpd (version 3) on one segment, each as master and as backup."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from frr_router import PROGRAMS, FrrRouter
from vrrp_network import Network, Router, network, wait_for

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not (PROGRAMS / "vrrpd").exists(), reason="needs FRR's vrrpd"),
]
CONFIG = """\
vrrp_instance one {{
  interface eth0
  virtual_router_id 51
  priority {priority}
  version 3
  advert_int 0.2
  {more}
  virtual_ipaddress {{
    {vip}/{length}
  }}
}}
"""
MODES = {"ipv4": ("10.88.0.10", ""), "ipv6": ("fe80::10", ""), "vmac": ("10.88.0.10", "use_vmac")}


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The virtual address, and what else trimaran's file says."""
    return MODES[request.param]


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[tuple[Network, FrrRouter]]:
    with network(tmp_path) as made:
        frr = FrrRouter(made.b)
        try:
            yield made, frr
        finally:
            frr.stop()
            frr.close()


def start(router: Router, priority: int, mode: tuple[str, str]) -> None:
    """trimaran."""
    vip, more = mode
    length = 64 if ":" in vip else 24
    router.start("trimaran", CONFIG.format(priority=priority, vip=vip, length=length, more=more))


def nothing_was_complained_of(*routers: Router) -> None:
    for router in routers:
        for line in router.log.splitlines():
            for bad in ("discarded", "checksum", "mismatch", "invalid", "other addresses"):
                assert bad not in line.lower(), f"{router.program}: {line}"


def test_trimaran_preempts_leaves_and_comes_back(
    segment: tuple[Network, FrrRouter], mode: tuple[str, str]
) -> None:
    (net, frr), (vip, _) = segment, mode
    frr.start(100, vip)
    wait_for("FRR is master", frr.is_master)
    for _ in range(2):
        start(net.a, 200, mode)
        wait_for("trimaran preempts", lambda: net.a.holds(vip) and not frr.is_master())
        net.a.stop()
        wait_for("FRR takes over", frr.is_master)
        assert not net.a.holds(vip)
    nothing_was_complained_of(net.a, net.b)


def test_trimaran_yields_and_takes_over(
    segment: tuple[Network, FrrRouter], mode: tuple[str, str]
) -> None:
    (net, frr), (vip, _) = segment, mode
    start(net.a, 100, mode)
    wait_for("trimaran is master", lambda: net.a.holds(vip))
    for _ in range(2):
        frr.start(200, vip)
        wait_for("FRR preempts", lambda: frr.is_master() and not net.a.holds(vip))
        frr.stop()
        wait_for("trimaran takes over", lambda: net.a.holds(vip))
    nothing_was_complained_of(net.a, net.b)
