"""Small MTUs on a packet's way, and fragments: real TCP and UDP, and what its ends learn of it.

    client - near - lb - far - web        masquerading
    client - near - lb - web              direct routing

Both ends believe in 1500 bytes, and say so to each other; one link has less. Who sends too much is
told: by the program, or by a router beyond, whose error it leads on to the right one.
"""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from server_process import file_of, sum_of
from veth_hosts import PREFIX, Hosts, sh

HERE = Path(__file__).parent
SIZE = 1 << 20
SUM = sum_of(file_of(SIZE))
FULL = 1500


@dataclass(frozen=True)
class Plan:
    """Addresses: a net is what stands before a host's number."""

    nets: dict[str, str]
    length: int
    vip: str
    mss: int
    sysctls: str

    def address(self, net: str, host: int) -> str:
        return f"{self.nets[net]}{host}"


IPV4 = Plan(
    {"a": "10.9.0.", "b": "10.0.0.", "c": "192.168.1.", "d": "192.168.2."},
    24,
    "192.168.1.10",
    FULL - 40,
    "net.ipv4.ip_forward=1 net.ipv4.conf.all.accept_local=1 net.ipv4.conf.all.rp_filter=0 "
    "net.ipv4.conf.default.rp_filter=0",
)
IPV6 = Plan(
    {net: f"2001:db8:{net}::" for net in "abcd"},
    64,
    "2001:db8:c::10",
    FULL - 60,
    "net.ipv6.conf.all.forwarding=1",
)
CLIENT, NEAR, LB, FAR, WEB = 9, 2, 1, 2, 101


@dataclass
class Network:
    """The hosts, and the MTU of each link that has not the usual one."""

    hosts: Hosts
    plan: Plan
    mtus: dict[str, int]

    def join(self, net: str, one: tuple[str, str, int], other: tuple[str, str, int]) -> None:
        (name, device, number), (peer, end, far) = one, other
        sh(f"ip link add {device} type veth peer name {end} netns {PREFIX}{peer}", name)
        for host, interface, last in ((name, device, number), (peer, end, far)):
            sh(f"ip link set {interface} mtu {self.mtus.get(net, FULL)} up", host)
            sh(f"ethtool -K {interface} tso off gso off", host)
            address = f"{self.plan.address(net, last)}/{self.plan.length}"
            sh(f"ip addr add {address} dev {interface}{self.at_once}", host)

    @property
    def at_once(self) -> str:
        return " nodad" if self.plan is IPV6 else ""

    def route(self, host: str, net: str, last: int, to: str = "default") -> None:
        """The MSS told is of full packets: what an end has itself tells the other nothing."""
        via = self.plan.address(net, last)
        sh(f"ip route add {to} via {via} advmss {self.plan.mss}", host)

    def lay(self, *, far: bool) -> None:
        hosts, plan = self.hosts, self.plan
        hosts.add("client", "near", "lb", "far", "web")
        for router in ("near", "lb", "far"):
            sh(f"sysctl -qw {plan.sysctls}", router)
        self.join("a", ("client", "eth1", CLIENT), ("near", "eth1", LB))
        self.join("b", ("near", "eth2", NEAR), ("lb", "eth1", LB))
        self.route("client", "a", LB)
        self.route("near", "b", LB)
        self.route("lb", "b", NEAR, f"{plan.address('a', 0)}/{plan.length}")
        if far:
            self.join("c", ("lb", "eth2", LB), ("far", "eth1", FAR))
            self.join("d", ("far", "eth2", LB), ("web", "eth1", WEB))
            self.route("lb", "c", FAR, f"{plan.address('d', 0)}/{plan.length}")
            self.route("far", "c", LB)
            self.route("web", "d", LB)
        else:
            self.join("c", ("lb", "eth2", LB), ("web", "eth1", WEB))
            self.route("web", "c", LB)
            sh(f"ip addr add {plan.vip} dev lo{self.at_once}", "web")
        sh(f"ip addr add {plan.vip} dev lo{self.at_once}", "lb")

    def start(self, method: str) -> None:
        """The server, and the director's plane; returns when the service is there."""
        if method == "Masq":
            server, answers, shift = self.plan.address("d", WEB), self.plan.address("d", WEB), 8000
        else:
            server, answers, shift = self.plan.address("c", WEB), self.plan.vip, 0
        self._start("web", "server_process.py", SIZE, 80 + shift, 53 + shift, answers)
        self._start("lb", "plane_process.py", method, self.plan.vip, server)
        self.ask("wait")

    def _start(self, host: str, script: str, *arguments: object) -> None:
        self.hosts.start(host, sys.executable, str(HERE / script), *map(str, arguments))

    def ask(self, *what: object) -> list[str]:
        """What a client process says."""
        words = (sys.executable, HERE / "client_process.py", self.plan.vip, *what)
        return sh(" ".join(map(str, words)), "client").split()

    def learnt(self, host: str, to: str) -> int | None:
        """The MTU that a host has been told of a way."""
        words = sh(f"ip route get {to}", host).split()
        return int(words[words.index("mtu") + 1]) if "mtu" in words else None


@pytest.fixture
def network(plan: Plan, method: str, link: str, mtu: int) -> Iterator[Network]:
    """Laid, one link of it smaller."""
    with contextlib.ExitStack() as stack:
        network = Network(Hosts(stack), plan, {link: mtu})
        network.lay(far=method == "Masq")
        yield network


def both(method: str, link: str, mtu: int, quick: str = "") -> list[object]:
    """The case for IPv4 and for IPv6; only that of `quick` is not long."""
    return [
        pytest.param(
            *(plan, method, link, mtu),
            id=f"{name}-{method}-{link}",
            marks=[] if name == quick else [pytest.mark.long],
        )
        for name, plan in (("IPv4", IPV4), ("IPv6", IPV6))
    ]


@pytest.mark.parametrize(
    ("plan", "method", "link", "mtu"),
    [
        *both("Masq", "c", 1280),
        *both("Masq", "d", 1400, quick="IPv4"),
        *both("Route", "c", 1400),
    ],
)
def test_a_small_link_to_the_server(network: Network, method: str, link: str, mtu: int) -> None:
    """The client is told, by the program or by a router behind it, about the VIP."""
    network.start(method)
    assert network.learnt("client", network.plan.vip) is None
    assert network.ask("transfer", SIZE) == [SUM, SUM]
    assert network.learnt("client", network.plan.vip) == mtu


@pytest.mark.parametrize(
    ("plan", "method", "link", "mtu"),
    [
        *both("Masq", "b", 1280),
        *both("Masq", "a", 1400, quick="IPv6"),
        *both("Route", "a", 1280),
    ],
)
def test_a_small_link_to_the_client(network: Network, method: str, link: str, mtu: int) -> None:
    """The server is told, by the program or by a router that believes to tell the VIP."""
    client = network.plan.address("a", CLIENT)
    network.start(method)
    assert network.learnt("web", client) is None
    assert network.ask("transfer", SIZE) == [SUM, SUM]
    assert network.learnt("web", client) == mtu


@pytest.mark.parametrize(
    ("plan", "method", "link", "mtu"),
    [*both("Masq", "d", FULL, quick="IPv4"), *both("Route", "d", FULL)],
)
def test_datagrams_in_fragments(network: Network, method: str) -> None:
    network.start(method)
    sizes = ["1400", "1600", "4000", "20000", "60000"]
    assert network.ask("echo", *sizes) == sizes


@pytest.mark.parametrize(
    ("plan", "method", "link", "mtu"), [*both("Masq", "c", 1280), *both("Route", "c", 1400)]
)
def test_a_datagram_with_df_that_does_not_fit(network: Network, method: str, mtu: int) -> None:
    network.start(method)
    assert network.ask("probe", 1450) == [str(mtu)]
