"""What the bench promises to the tests that run on it."""

import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from trimaran.dataplane.xdp import loader
from trimaran.dataplane.xdp.capacity import Capacity
from trimaran.dataplane.xdp.plane import XdpDataplane


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_this_is_debians_kernel() -> None:
    assert platform.release().endswith("-amd64")
    assert "Debian" in platform.version()
    assert socket.gethostname() == "trimaran-vm"
    assert os.geteuid() == 0


@pytest.mark.parametrize(
    "module",
    [
        *("ip_vs", "ip_vs_ftp", "ip_vs_pe_sip", "nf_conntrack", "nf_tables", "sctp"),
        *("ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_wlc", "ip_vs_fo", "ip_vs_ovf"),
        *("ip_vs_lblc", "ip_vs_lblcr", "ip_vs_dh", "ip_vs_sh", "ip_vs_mh", "ip_vs_sed", "ip_vs_nq"),
        *("veth", "bridge", "dummy", "ipip", "ip_tunnel", "ip6_tunnel", "ip_gre", "fou"),
        *("8021q", "sch_netem", "tun", "macvlan", "vrf", "bonding"),
    ],
)
def test_modules_of_the_kernel_load(module: str) -> None:
    run("modprobe", module)
    assert Path("/sys/module", module).exists()


@pytest.fixture
def namespace() -> Iterator[str]:
    run("ip", "netns", "add", "vm-bench")
    run("ip", "-n", "vm-bench", "link", "set", "dev", "lo", "up")
    yield "vm-bench"
    run("ip", "netns", "delete", "vm-bench")


def test_ipvs_takes_a_service(namespace: str) -> None:
    ipvsadm = ("ip", "netns", "exec", namespace, "ipvsadm")
    run(*ipvsadm, "-A", "-t", "192.168.1.10:80", "-s", "rr")
    run(*ipvsadm, "-a", "-t", "192.168.1.10:80", "-r", "192.168.1.201:80", "-g", "-w", "3")
    assert "  -> 192.168.1.201:80             Route   3      0          0" in run(*ipvsadm, "-Ln")
    assert "192.168.1.10" not in run("ipvsadm", "-Ln")


def test_links_of_every_kind(namespace: str) -> None:
    ip = ("ip", "-n", namespace)
    run(*ip, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    run(*ip, "link", "add", "link", "v0", "name", "v0.7", "type", "vlan", "id", "7")
    run(*ip, "link", "add", "d0", "type", "dummy")
    run("tc", "-n", namespace, "qdisc", "add", "dev", "v0", "root", "netem", "loss", "10%")
    names = [line.split()[0].partition("@")[0] for line in run(*ip, "-brief", "link").splitlines()]
    assert {"v0", "v1", "v0.7", "d0"} <= set(names)


def test_bpf_can_be_used() -> None:
    assert Path("/sys/kernel/btf/vmlinux").stat().st_size > 0
    assert os.path.ismount("/sys/fs/bpf")
    assert os.path.ismount("/sys/fs/cgroup")


def test_this_kernel_takes_the_xdp_program() -> None:
    """Its verifier knows less than that of newer kernels: each of them has to see the bounds."""
    loaded = loader.load(Capacity(flows=1 << 10, services=64, destinations=256), print)
    XdpDataplane(loaded).close(remove=True)


def test_the_real_ones_are_there() -> None:
    done = subprocess.run(["keepalived", "--version"], capture_output=True, text=True)
    assert "Keepalived v2" in done.stderr
    assert "ipvsadm v1.31" in run("ipvsadm", "--version")


def test_the_root_is_the_hosts_but_its_changes_are_in_memory() -> None:
    assert (Path.cwd() / "src" / "trimaran").is_dir()
    assert shutil.disk_usage("/").total < 2 << 30
    Path("/etc/trimaran-vm-was-here").write_text("and is lost")
