"""Real TCP through each forwarding method, on veth devices with all their offloads on.

A client, a director with one or two interfaces, and a server; a download and an upload must arrive
whole: some megabytes, and where there is more time a hundred.
"""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import file_of, sum_of
from veth_hosts import PREFIX, Hosts, said_until, sh

VIP = "192.168.1.10"
HERE = Path(__file__).parent
SIZES = [
    pytest.param(8 << 20, id="8M"),
    pytest.param(100 << 20, id="100M", marks=[pytest.mark.long, pytest.mark.timeout(300)]),
]
OVERHEAD = {"ipip": 20, "gue": 20 + 8 + 4, "gre": 20 + 8}
"""Of tunnels with checksums: outer IP header and what follows it."""


def join(one: str, device: str, other: str, peer: str) -> None:
    sh(f"ip link add {device} type veth peer name {peer} netns {PREFIX}{other}", one)
    sh(f"ip link set {device} up", one)
    sh(f"ip link set {peer} up", other)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with contextlib.ExitStack() as stack:
        hosts = Hosts(stack)
        hosts.add("client", "lb", "web", "bridge")
        sh("sysctl -qw net.ipv4.ip_forward=1", "lb")
        for which in ("all", "default"):  # either is enough to send them
            sh(f"sysctl -qw net.ipv4.conf.{which}.send_redirects=0", "lb")
        yield hosts


def two_armed(hosts: Hosts) -> None:
    """client - eth1 lb eth2 - web"""
    join("lb", "eth1", "client", "eth1")
    join("lb", "eth2", "web", "eth1")
    sh("ip addr add 10.0.0.1/24 dev eth1", "lb")
    sh("ip addr add 192.168.1.1/24 dev eth2", "lb")
    addresses(hosts)


def one_armed(hosts: Hosts) -> None:
    """All on one bridge; client and web are in different subnets."""
    sh("ip link add br0 type bridge", "bridge")
    sh("ip link set br0 up", "bridge")
    for name in ("client", "lb", "web"):
        join("bridge", name, name, "eth1")
        sh(f"ip link set {name} master br0", "bridge")
    sh("ip addr add 10.0.0.1/24 dev eth1", "lb")
    sh("ip addr add 192.168.1.1/24 dev eth1", "lb")
    addresses(hosts)


def addresses(hosts: Hosts) -> None:
    sh(f"ip addr add {VIP}/32 dev lo", "lb")
    sh("ip addr add 10.0.0.9/24 dev eth1", "client")
    sh("ip route add default via 10.0.0.1", "client")
    sh("ip addr add 192.168.1.101/24 dev eth1", "web")
    sh("ip route add default via 192.168.1.1", "web")


def serve(hosts: Hosts, setting: dict[str, object], port: int, size: int) -> None:
    """Starts server and director."""
    arguments = (str(size), str(port), "5353", "0.0.0.0")
    web = hosts.start("web", sys.executable, str(HERE / "server_process.py"), *arguments)
    said_until(web, "serves")
    mac = sh("cat /sys/class/net/eth1/address", "web")
    whole = {"vip": VIP, "interface": "eth1", "servers": {"192.168.1.101": mac}, "port": port}
    script = str(HERE / "director_process.py")
    director = hosts.start("lb", sys.executable, script, json.dumps(whole | setting))
    said_until(director, "set up")
    client = sh("cat /sys/class/net/eth1/address", "client")
    sh(f"ip neigh replace 10.0.0.9 lladdr {client} dev eth1", "lb")


def check_transfer(size: int) -> None:
    """What was downloaded and what was uploaded arrived whole."""
    words = (sys.executable, HERE / "client_process.py", VIP, "transfer", size)
    said = sh(" ".join(map(str, words)), "client", patience=240)
    assert said.split() == [sum_of(file_of(size))] * 2


@pytest.mark.parametrize("size", SIZES)
def test_direct_routing(hosts: Hosts, size: int) -> None:
    """The server answers the client itself."""
    one_armed(hosts)
    sh("sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2", "web")
    sh(f"ip addr add {VIP}/32 dev lo", "web")
    sh("ip route add 10.0.0.0/24 dev eth1", "web")
    sh("ip route add 192.168.1.101 dev eth1", "client")
    serve(hosts, {}, 80, size)
    check_transfer(size)


@pytest.mark.parametrize("size", SIZES)
def test_masquerading_with_two_arms(hosts: Hosts, size: int) -> None:
    two_armed(hosts)
    for host in ("client", "web"):
        # In generic mode the kernel sends nothing big on by another interface.
        sh("ethtool -K eth1 tso off gso off", host)
    serve(hosts, {"more_interfaces": ["eth2"], "forwarding": "Masq"}, 8080, size)
    check_transfer(size)


def test_masquerading_with_one_arm(hosts: Hosts) -> None:
    one_armed(hosts)
    serve(hosts, {"forwarding": "Masq"}, 8080, 8 << 20)
    check_transfer(8 << 20)


def test_masquerading_in_native_mode(hosts: Hosts) -> None:
    two_armed(hosts)
    sh("ethtool -K eth1 gro on tx off", "client")
    sh("ethtool -K eth1 gro on tx off", "web")
    serve(hosts, {"more_interfaces": ["eth2"], "forwarding": "Masq"}, 8080, 8 << 20)
    check_transfer(8 << 20)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tunnel", list(OVERHEAD))
def test_tunnels(hosts: Hosts, tunnel: str, size: int) -> None:
    two_armed(hosts)
    sh(f"ip addr add {VIP}/32 dev lo", "web")
    sh("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0", "web")
    unwrapping = hosts.start("web", sys.executable, str(HERE / "unwrap_process.py"), tunnel)
    said_until(unwrapping, "unwraps")
    sh("ethtool -K eth1 tx off tso off gso off", "client")
    sh("sysctl -qw net.ipv4.conf.all.accept_local=1", "lb")  # replies come by here
    sh("sysctl -qw net.ipv4.conf.eth2.rp_filter=0 net.ipv4.conf.all.rp_filter=0", "lb")
    setting = {
        "more_interfaces": ["eth2"],
        "forwarding": "Tunnel",
        "tunnel": tunnel,
        "source": "192.168.1.1",
    }
    serve(hosts, setting, 80, size)
    check_transfer(size)
    # The server said that it takes 1500 bytes; the director, that the tunnel does not.
    assert f" mtu {1500 - OVERHEAD[tunnel]}" in sh(f"ip route get {VIP}", "client")
