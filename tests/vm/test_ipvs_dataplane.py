"""The kernel's IPVS as a dataplane: every operation, and desired against actual."""

import ctypes
import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from trimaran.dataplane.base import (
    FALLBACK,
    HASH_PORT,
    Destination,
    DestinationView,
    Persistence,
    Refused,
    Service,
    Settings,
    SyncDaemon,
    SyncRole,
    Timeouts,
    TunnelType,
)
from trimaran.dataplane.ipvs import replies
from trimaran.dataplane.ipvs.netlink import GenericNetlink, NetlinkError
from trimaran.dataplane.ipvs.operator import IpvsOperator, connect
from trimaran.dataplane.ipvs.plane import ForeignChanges, IpvsDataplane
from trimaran.dataplane.ipvs.requests import Request
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteService,
    EditDestination,
)
from trimaran.model.service import Forwarding, Protocol, ServiceKey

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from golden_netlink import (
    ABSENT,
    OTHER_CALLS,
    STEPS,
    WEB,
    WEB6,
    errno_of,
    key,
    operations,
    server,
    tunnelled,
)

_NEW_NETWORK = 0x40000000
DNS = key("192.168.1.10", 53, Protocol.UDP)


def sh(script: str) -> str:
    done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True)
    assert done.returncode == 0, f"{script}: {done.stderr}"
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def _namespace() -> Iterator[None]:
    """A network namespace of its own, for this process too."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    assert libc.unshare(_NEW_NETWORK) == 0
    sh(
        "ip link add eth1 type dummy; ip link set lo up; ip link set eth1 up;"
        "ip address add 192.168.1.1/24 dev eth1; ip address add 192.168.1.10/32 dev eth1;"
        "ip address add 2001:db8:1::1/64 dev eth1 nodad"
    )
    yield
    assert libc.setns(home, _NEW_NETWORK) == 0
    os.close(home)


@pytest.fixture(autouse=True)
def ipvs(_namespace: None) -> Iterator[IpvsOperator]:
    """IPVS with nothing in it."""
    opened = IpvsOperator.open()
    opened.flush()
    opened.set_timeouts(Timeouts())
    for daemon in opened.sync_daemons():
        opened.stop_sync(daemon.role)
    yield opened
    opened.close()


@pytest.fixture
def plane(ipvs: IpvsOperator) -> Iterator[IpvsDataplane]:
    opened = IpvsDataplane.open()
    yield opened
    opened.close()


def desired(operator: IpvsOperator) -> dict[ServiceKey, Service]:
    """What the kernel has, destinations in the order in which they were added."""
    return {
        view.key: Service(
            view.key, view.settings, tuple(d.destination for d in reversed(view.destinations))
        )
        for view in operator.services()
    }


def test_the_golden_session(ipvs: IpvsOperator) -> None:
    """Each of its operations gives the same errno, and reads the same, as when it was captured."""
    raw = GenericNetlink("IPVS")
    for operation in operations():
        name = operation.name
        if name in STEPS or name in OTHER_CALLS:
            assert errno_of(ipvs, name) == operation.errno, name
        elif name.startswith("GET_SERVICE dump"):
            golden = map(replies.read_service, operation.replies)
            wanted = {view.key: view.settings for view in golden if view}
            assert {view.key: view.settings for view in ipvs.services()} == wanted, name
        elif name.startswith("GET_DEST dump"):
            target = {"v6": WEB6, "fwmark": ServiceKey.marked(7)}.get(name.split()[-1], WEB)
            view = ipvs.service(ABSENT if "unknown" in name else target)
            found = [] if view is None else [d.destination for d in view.destinations]
            assert found == list(map(replies.read_destination, operation.replies)), name
        elif name.startswith("GET_DEST after"):
            view = ipvs.service(WEB)
            assert view is not None
            found = [d.destination for d in view.destinations]
            assert found == list(map(replies.read_destination, operation.replies))
        elif name.startswith("GET_SERVICE"):
            view = ipvs.service(ABSENT if "unknown" in name else WEB)
            if operation.errno:
                assert view is None
            else:
                golden_view = replies.read_service(operation.replies[0])
                assert view is not None
                assert golden_view is not None
                assert view.settings == golden_view.settings
        elif name.startswith("GET_DAEMON"):
            daemons = list(map(replies.read_sync_daemon, operation.replies))
            assert ipvs.sync_daemons() == daemons, name
        elif name.startswith("GET_CONFIG"):
            assert ipvs.timeouts() == replies.read_timeouts(operation.replies[0]), name
        elif name == "GET_INFO":
            assert ipvs.info() == replies.read_info(operation.replies[0])
        else:  # malformed on purpose: not to be had from our encoder
            with pytest.raises(NetlinkError) as refused:
                raw.request(Request(operation.command, operation.request))  # type: ignore[arg-type]
            assert refused.value.errno == operation.errno, name
    raw.close()


@pytest.mark.parametrize(
    ("destination", "number"),
    [
        (server("10.0.0.1", 80, 1 << 31), errno.ERANGE),
        (server("10.0.0.1", 80, lower_threshold=1), errno.ERANGE),
        (server("10.0.0.1", 80, upper_threshold=1 << 31), errno.EINVAL),
        (server("10.0.0.1", 80, **tunnelled(TunnelType.GUE)), errno.EINVAL),
        (server("0.0.0.0", 80), errno.EINVAL),
        (server("224.0.0.1", 80), errno.EINVAL),
        (server("192.168.1.255", 80), errno.EINVAL),
        (server("255.255.255.255", 80), errno.EINVAL),
        (server("2001:db8:1::2", 80), errno.EINVAL),
        (server("fe80::1", 80, **tunnelled(TunnelType.IPIP)), errno.EINVAL),
        (server("10.0.0.1", 0), 0),
        (server("127.0.0.1", 80), 0),
        (server("10.0.0.1", 80, (1 << 31) - 1), 0),
        (server("10.0.0.1", 80, upper_threshold=(1 << 31) - 1, lower_threshold=5), 0),
        (server("10.0.0.1", 80, forwarding=Forwarding.LOCAL), 0),
        (server("2001:db8:1::2", 80, **tunnelled(TunnelType.GRE, 0, "csum")), 0),
    ],
)
def test_destinations_refused_and_taken(
    ipvs: IpvsOperator, destination: Destination, number: int
) -> None:
    ipvs.execute(AddService(WEB, Settings("rr")))
    for step in (AddDestination, EditDestination):
        if number:
            # The one to be edited is there: it is not its absence that is refused.
            if step is EditDestination and number == errno.ERANGE:
                ipvs.execute(AddDestination(WEB, server("10.0.0.1", 80)))
            elif step is EditDestination:
                continue
            with pytest.raises(Refused) as refused:
                ipvs.execute(step(WEB, destination))
            assert refused.value.errno == number
        else:
            ipvs.execute(step(WEB, destination))
            view = ipvs.service(WEB)
            assert view is not None
            assert [d.destination for d in view.destinations] == [destination]


@pytest.mark.parametrize(
    ("service", "number", "words"),
    [
        (AddService(WEB, Settings("sixteencharacter")), errno.EINVAL, "more than 15"),
        (AddService(WEB, Settings("nonesuch")), errno.ENOENT, "no scheduler nonesuch"),
        (
            AddService(WEB, Settings("rr", persistence_engine="nope")),
            errno.ENOENT,
            "or no persistence engine nope",
        ),
        (
            AddService(WEB6, Settings("rr", persistence=Persistence(5, 129))),
            errno.EINVAL,
            "no IPv6 prefix length",
        ),
        (DeleteService(WEB), errno.ESRCH, "there is no such service"),
    ],
)
def test_services_refused(
    ipvs: IpvsOperator, service: AddService | DeleteService, number: int, words: str
) -> None:
    with pytest.raises(Refused, match=words) as refused:
        ipvs.execute(service)
    assert refused.value.errno == number
    assert str(refused.value).startswith(f"{service.service}: ")


def test_sync_daemons_and_servers_of_the_other_version_exclude_each_other(
    ipvs: IpvsOperator,
) -> None:
    other = AddDestination(WEB, server("2001:db8:1::2", 80, **tunnelled(TunnelType.IPIP)))
    master = SyncDaemon(SyncRole.MASTER, "eth1", 3)
    ipvs.execute(AddService(WEB, Settings("rr")))
    ipvs.start_sync(master)
    with pytest.raises(Refused, match="which no sync daemon may run beside"):
        ipvs.execute(other)
    ipvs.stop_sync(SyncRole.MASTER)
    ipvs.execute(other)
    with pytest.raises(Refused, match="servers of the other IP version") as refused:
        ipvs.start_sync(master)
    assert refused.value.errno == errno.EINVAL
    with pytest.raises(Refused, match="it does not run") as refused:
        ipvs.stop_sync(SyncRole.BACKUP)
    assert refused.value.errno == errno.ESRCH


def test_without_the_right() -> None:
    os.seteuid(65534)
    try:
        with pytest.raises(Refused, match="root or CAP_NET_ADMIN") as refused:
            IpvsOperator.open()
    finally:
        os.seteuid(0)
    assert refused.value.errno == errno.EPERM


EVERYTHING = (
    Service(
        WEB,
        Settings("wlc"),
        (
            server("192.168.1.101", 80, 3),
            server("192.168.1.102", 8080, 0, forwarding=Forwarding.MASQUERADING),
            server("192.168.1.103", 80, **tunnelled(TunnelType.GUE, 6080, "remcsum")),
            server("192.168.1.104", 80, **tunnelled(TunnelType.GRE, 0, "csum")),
            server("2001:db8:1::101", 80, **tunnelled(TunnelType.IPIP)),
        ),
    ),
    Service(DNS, Settings("rr", one_packet=True), (server("192.168.1.101", 53),)),
    Service(WEB6, Settings("sh", FALLBACK | HASH_PORT), (server("2001:db8:1::102", 443, 7),)),
    Service(
        ServiceKey.marked(0xFFFFFFFF),
        Settings("mh", HASH_PORT, Persistence(60, 0xFFFFFF00)),
        (server("192.168.1.101", 0, upper_threshold=9, lower_threshold=3),),
    ),
    Service(ServiceKey.marked(5, ipv6=True), Settings("lblcr", persistence=Persistence(2, 64))),
    Service(
        key("192.168.1.10", 5060, Protocol.UDP),
        Settings("rr", persistence=Persistence(9, 0xFFFFFFFF), persistence_engine="sip"),
    ),
    Service(key("192.168.1.10", 3868, Protocol.SCTP), Settings("fo")),
)


def test_everything_is_applied_and_read_back_and_applied_again(plane: IpvsDataplane) -> None:
    assert len(plane.apply(EVERYTHING)) == len(EVERYTHING) + 8
    assert desired(plane) == {service.key: service for service in EVERYTHING}
    assert plane.apply(EVERYTHING) == ()
    # One that knows nothing of it finds it as it should be, too.
    other = IpvsDataplane.open()
    assert other.apply(EVERYTHING) == []
    assert other.review(100) == []
    other.close()


def test_only_what_differs_is_changed_and_new_comes_before_gone(plane: IpvsDataplane) -> None:
    one, two, three = (server(f"192.168.1.10{n}", 80) for n in (1, 2, 3))
    plane.apply([Service(WEB, Settings("rr"), (one, two)), Service(DNS)])
    added = server("192.168.1.104", 53)
    lines = plane.apply(
        [
            Service(WEB, Settings("wrr"), (replace(one, weight=9), three)),
            Service(WEB6, Settings("rr")),
            Service(DNS, Settings("rr"), (added,)),
        ]
    )
    assert lines == [
        f"{WEB}: service changed, scheduler wrr",
        f"{WEB}: server {three.key} added, weight 1",
        f"{WEB}: server {one.key} now has weight 9",
        f"{WEB}: server {two.key} removed",
        f"{WEB6}: service added, scheduler rr",
        f"{DNS}: server {added.key} added, weight 1",
    ]
    assert plane.apply([Service(WEB6, Settings("rr"))])[-2:] == [
        f"{WEB}: service removed",
        f"{DNS}: service removed",
    ]
    assert [view.key for view in plane.services()] == [WEB6]


def counted(plane: IpvsDataplane, last: str) -> DestinationView:
    view = plane.service(DNS)
    assert view is not None
    return next(
        d
        for d in view.destinations
        if d.destination.key.address == IPv4Address(f"192.168.1.{last}")
    )


def test_counters_and_connections_survive_changes(plane: IpvsDataplane) -> None:
    one, two = server("192.168.1.101", 53), server("192.168.1.102", 53)
    plane.apply([Service(DNS, Settings("rr"), (one,))])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("192.168.1.10", 53))
        client.send(b"one")
        (entry,) = plane.connections()
        assert (entry.protocol, entry.state, entry.destination) == ("UDP", "UDP", one.key)
        assert entry.client_port == client.getsockname()[1]
        assert 290 <= entry.expires <= 300
        plane.apply(
            [
                Service(WEB, Settings("rr"), (server("192.168.1.101", 80),)),
                Service(DNS, Settings("wrr"), (replace(one, weight=5, upper_threshold=9), two)),
            ]
        )
        client.send(b"two")
        (entry,) = plane.connections()
        assert entry.destination == one.key
    time.sleep(2.3)  # the kernel adds counters up every two seconds
    assert counted(plane, "101").inactive_connections == 1
    assert counted(plane, "101").counters.packets_in == 2
    assert counted(plane, "101").counters.connections == 1
    assert counted(plane, "102").counters.packets_in == 0
    # A server that goes and comes back finds its connection again (ipvs-semantics 1.8).
    plane.apply([Service(DNS, Settings("wrr"), (two,))])
    plane.apply([Service(DNS, Settings("wrr"), (two, one))])
    assert counted(plane, "101").inactive_connections == 1
    assert counted(plane, "101").counters.packets_in == 2
    plane.zero(DNS)
    assert counted(plane, "101").counters.packets_in == 0


ONE, TWO = server("192.168.1.101", 80), server("192.168.1.102", 80, 2)
OURS = (Service(WEB, Settings("rr"), (ONE, TWO)), Service(DNS, Settings("rr")))


def test_what_others_changed_is_found_and_repaired(plane: IpvsDataplane) -> None:
    plane.apply(OURS)
    assert plane.review(100) == []
    sh(
        "ipvsadm -A -t 192.168.1.10:81 -s rr; ipvsadm -a -t 192.168.1.10:81 -r 10.0.0.1:80;"
        "ipvsadm -e -t 192.168.1.10:80 -r 192.168.1.102:80 -m -w 7;"
        "ipvsadm -d -t 192.168.1.10:80 -r 192.168.1.101:80;"
        "ipvsadm -a -t 192.168.1.10:80 -r 192.168.1.109:80;"
        "ipvsadm -E -t 192.168.1.10:80 -s wlc -p 50; ipvsadm -D -u 192.168.1.10:53"
    )
    assert plane.review(1) == [
        f"{line} (others had changed it)"
        for line in (
            f"{WEB}: service changed, scheduler rr",
            f"{WEB}: server {ONE.key} added, weight 1",
            f"{WEB}: server {TWO.key} now has weight 2",
            f"{WEB}: server 192.168.1.109:80 removed",
            f"{DNS}: service added, scheduler rr",
        )
    ]
    found = desired(plane)
    assert set(found[WEB].destinations) == {ONE, TWO}
    assert found.pop(key("192.168.1.10", 81)).destinations == (server("10.0.0.1", 81),)
    assert found.keys() == {WEB, DNS}
    assert plane.review(100) == []


def test_a_flush_by_others_is_repaired_at_once(plane: IpvsDataplane) -> None:
    plane.apply(OURS)
    sh("ipvsadm -C")
    assert len(plane.review(1)) == 4
    assert desired(plane) == {service.key: service for service in OURS}


def test_changes_find_out_what_others_did(plane: IpvsDataplane) -> None:
    """No review in between: the kernel's refusals tell."""
    plane.apply(OURS)
    sh(
        "ipvsadm -D -u 192.168.1.10:53; ipvsadm -d -t 192.168.1.10:80 -r 192.168.1.101:80;"
        "ipvsadm -a -t 192.168.1.10:80 -r 192.168.1.103:80 -w 9"
    )
    three = server("192.168.1.103", 80)
    dns = Service(DNS, Settings("wrr"), (server("192.168.1.101", 53),))
    plane.apply([Service(WEB, Settings("rr"), (replace(ONE, weight=4), TWO, three)), dns])
    found = desired(plane)
    assert set(found[WEB].destinations) == {replace(ONE, weight=4), TWO, three}
    assert found[DNS] == dns
    assert plane.left_out() == ()
    assert plane.review(100) == []


def test_what_others_changed_is_kept_if_so_asked() -> None:
    plane = IpvsDataplane(connect(), foreign_changes=ForeignChanges.KEEP)
    plane.apply(OURS)
    sh("ipvsadm -e -t 192.168.1.10:80 -r 192.168.1.102:80 -g -w 7;ipvsadm -D -u 192.168.1.10:53")
    assert plane.review(100) == [
        f"{WEB}: server {TWO.key} now has weight 7 (by others: kept so)",
        f"{DNS}: service removed (by others: kept so)",
    ]
    assert plane.review(100) == []  # said once
    # A change elsewhere does not touch it; a change of this very service does.
    plane.apply([*OURS, Service(WEB6, Settings("rr"))])
    assert desired(plane).keys() == {WEB, WEB6}
    assert replace(TWO, weight=7) in desired(plane)[WEB].destinations
    changed = Service(DNS, Settings("rr"), (server("192.168.1.101", 53),))
    plane.apply([OURS[0], changed, Service(WEB6, Settings("rr"))])
    assert desired(plane)[DNS] == changed
    assert replace(TWO, weight=7) in desired(plane)[WEB].destinations
    plane.apply([replace(OURS[0], destinations=(ONE,))])
    assert desired(plane)[WEB].destinations == (ONE,)
    plane.close()


def test_one_that_starts_again_takes_over_what_is_there(plane: IpvsDataplane) -> None:
    noted: list[set[ServiceKey]] = []
    first = IpvsDataplane(connect(), note=lambda keys: noted.append(set(keys)))
    first.apply(OURS)
    assert noted == [{WEB, DNS}]  # before they were made
    first.close()  # as if killed
    sh("ipvsadm -A -t 192.168.1.10:81 -s rr")
    second = IpvsDataplane(connect(), owned=noted[-1], note=lambda keys: noted.append(set(keys)))
    assert second.apply(OURS[:1]) == [f"{DNS}: service removed"]
    assert noted[1:] == [{WEB}]
    assert desired(second).keys() == {WEB, key("192.168.1.10", 81)}
    assert second.release() == [f"{WEB}: service removed"]
    assert noted[2:] == [set()]
    assert desired(second).keys() == {key("192.168.1.10", 81)}
    second.close()


def test_what_is_refused_is_left_out_and_said_once(plane: IpvsDataplane) -> None:
    odd = server("224.0.0.1", 80)
    asked = [
        Service(WEB, Settings("rr"), (ONE, odd, TWO)),
        Service(DNS, Settings("nonesuch"), (server("192.168.1.101", 53),)),
    ]
    lines = plane.apply(asked)
    assert f"{WEB}: server {odd.key} left out: not the address of one host" in lines
    (refused,) = [line for line in lines if line.startswith(f"{DNS} left out")]
    assert "the kernel has no scheduler nonesuch (modprobe: FATAL: Module ip_vs_nonesuch" in refused
    assert desired(plane) == {WEB: Service(WEB, Settings("rr"), (ONE, TWO))}
    assert plane.apply(asked) == []
    assert len(plane.left_out()) == 2
    assert len(plane.apply([Service(WEB, Settings("rr"), (ONE, TWO))])) == 0
    assert plane.left_out() == ()


def test_many_at_once_are_all_made_and_all_refusals_are_heard(plane: IpvsDataplane) -> None:
    servers = tuple(server(f"10.0.{n // 200}.{n % 200 + 1}", 80) for n in range(400))
    multicast = tuple(server(f"224.0.{n // 200}.{n % 200 + 1}", 80) for n in range(400))
    plane.apply([Service(WEB, Settings("rr"), servers + multicast)])
    assert len(plane.left_out()) == 400
    assert desired(plane)[WEB].destinations == servers


def test_modules_are_loaded_when_they_are_needed() -> None:
    sh("rmmod $(lsmod | awk '/^ip_vs_/ {print $1}') || true")
    removed = subprocess.run(["rmmod", "ip_vs"], capture_output=True, text=True)
    if removed.returncode:
        pytest.skip(f"ip_vs is in use: {removed.stderr}")
    plane = IpvsDataplane.open()
    plane.apply([Service(WEB, Settings("sed"))])
    assert Path("/sys/module/ip_vs_sed").exists()
    plane.close()
