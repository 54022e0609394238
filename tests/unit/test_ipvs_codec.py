"""The codec of the family IPVS against bytes of a real kernel and of the real ipvsadm."""

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from golden_netlink import (
    BACKUP,
    DIRECT,
    GRE,
    GUE,
    NAT,
    OTHER_REQUESTS,
    RR,
    STEPS,
    TO_IPV6,
    WEB,
    WEB6,
    ipvsadm_requests,
    operations,
    server,
    tunnelled,
)
from hypothesis import given
from hypothesis import strategies as st

from trimaran.dataplane.base import (
    HASH_PORT,
    Counters,
    Destination,
    Persistence,
    SchedulerFlag,
    Settings,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from trimaran.dataplane.ipvs import attributes, replies, requests
from trimaran.dataplane.ipvs.attributes import Malformed
from trimaran.dataplane.ipvs.family import (
    Command,
    DestinationAttribute,
    ServiceAttribute,
    Top,
)
from trimaran.dataplane.ipvs.netlink import messages
from trimaran.dataplane.ipvs.requests import Request
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    DeleteService,
    EditDestination,
    EditService,
)
from trimaran.model.service import Forwarding, Protocol, ServerKey, ServiceKey

OPERATIONS = {operation.name: operation for operation in operations()}
NESTS = (Top.SERVICE, Top.DESTINATION, Top.DAEMON)


def tree(data: bytes) -> dict[int, Any]:
    """Attributes with those nested in them."""
    return {
        kind: attributes.parse(value) if kind in NESTS else value
        for kind, value in attributes.parse(data).items()
    }


@pytest.mark.parametrize("name", [*STEPS, *OTHER_REQUESTS])
def test_requests_carry_the_attributes_that_a_kernel_has_answered(name: str) -> None:
    ours = requests.request(STEPS[name]) if name in STEPS else OTHER_REQUESTS[name]
    golden = OPERATIONS[name]
    assert ours.command == golden.command
    sent = tree(ours.attributes)
    tunnel = {
        DestinationAttribute.TUNNEL_TYPE: b"\0",
        DestinationAttribute.TUNNEL_PORT: b"\0\0",
        DestinationAttribute.TUNNEL_FLAGS: b"\0\0",
    }
    wanted = tree(golden.request)
    if ours.command in (Command.NEW_DEST, Command.SET_DEST):
        wanted[Top.DESTINATION] = tunnel | wanted[Top.DESTINATION]  # always said, as ipvsadm does
    assert sent == wanted


IPVSADM: dict[str, Request] = {
    "ipvsadm -A -t 192.168.1.10:80 -s rr": requests.request(AddService(WEB, RR)),
    "ipvsadm -A -f 7 -s sh -b sh-port": requests.request(
        AddService(ServiceKey.marked(7), Settings("sh", HASH_PORT))
    ),
    "ipvsadm -A -t [2001:db8:1::10]:443 -s wrr -p 300 -M 64": requests.request(
        AddService(WEB6, Settings("wrr", persistence=Persistence(300, 64)))
    ),
    "ipvsadm -E -t 192.168.1.10:80 -s wlc -p 50": requests.request(
        EditService(WEB, Settings("wlc", persistence=Persistence(50, 0xFFFFFFFF)))
    ),
    "ipvsadm -Z": Request(Command.ZERO),
    "ipvsadm --set 100 20 30": requests.set_timeouts(Timeouts(100, 20, 30)),
    "ipvsadm --start-daemon master --mcast-interface eth1 --syncid 5": requests.start_sync(
        SyncDaemon(SyncRole.MASTER, "eth1", 5)
    ),
    "ipvsadm -C": Request(Command.FLUSH),
}


@pytest.mark.parametrize("command", IPVSADM)
def test_requests_are_ipvsadms_to_the_byte(command: str) -> None:
    (golden,) = ipvsadm_requests()[command]
    assert golden == (IPVSADM[command].command, IPVSADM[command].attributes)


NAT_5 = server(
    "192.168.1.101",
    80,
    5,
    forwarding=Forwarding.MASQUERADING,
    upper_threshold=100,
    lower_threshold=50,
)


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        (
            "ipvsadm -a -t 192.168.1.10:80 -r 192.168.1.101:80 -m -w 5 -x 100 -y 50",
            AddDestination(WEB, NAT_5),
        ),
        (
            "ipvsadm -e -t 192.168.1.10:80 -r 192.168.1.101:80 -m -w 0",
            EditDestination(
                WEB, server("192.168.1.101", 80, 0, forwarding=Forwarding.MASQUERADING)
            ),
        ),
        (
            "ipvsadm -a -t [2001:db8:1::10]:443 -r [2001:db8:1::101]:443 -i --tun-type gue "
            "--tun-port 6080 --tun-csum",
            AddDestination(
                WEB6, server("2001:db8:1::101", 443, **tunnelled(TunnelType.GUE, 6080, "csum"))
            ),
        ),
    ],
)
def test_destinations_are_ipvsadms_to_the_byte(
    command: str, ours: AddDestination | EditDestination
) -> None:
    """Beside the service's key, which is all that we say of the service."""
    ((number, golden),) = ipvsadm_requests()[command]
    request = requests.request(ours)
    service = requests.service_key(ours.service)
    assert request.command == number
    assert request.attributes.startswith(service)
    assert golden.endswith(request.attributes.removeprefix(service))


def test_deletions_carry_keys_only() -> None:
    deletion = requests.request(DeleteService(WEB))
    assert deletion == Request(Command.DEL_SERVICE, requests.service_key(WEB))
    deletion = requests.request(DeleteDestination(WEB, DIRECT.key))
    assert set(tree(deletion.attributes)[Top.DESTINATION]) == {
        DestinationAttribute.AF,
        DestinationAttribute.ADDRESS,
        DestinationAttribute.PORT,
    }


def test_services_of_the_kernel() -> None:
    found = {}
    for reply in OPERATIONS["GET_SERVICE dump"].replies:
        view = replies.read_service(reply)
        assert view is not None
        found[view.key] = view.settings
        if view.key == WEB:
            assert view.counters == Counters(connections=6, packets_in=9, bytes_in=360)
            assert view.rates == Counters(connections=1, packets_in=1, bytes_in=34)
    made = (STEPS[name] for name, o in OPERATIONS.items() if name in STEPS and not o.errno)
    assert found == {step.service: step.settings for step in made if isinstance(step, AddService)}


def test_destinations_of_the_kernel_newest_first() -> None:
    found = [replies.read_destination_view(r) for r in OPERATIONS["GET_DEST dump"].replies]
    assert [view.destination for view in found] == [TO_IPV6, GRE, GUE, NAT, DIRECT]
    assert [view.active_connections for view in found] == [1, 1, 1, 1, 1]
    assert [view.inactive_connections for view in found] == [1, 0, 0, 0, 0]
    assert found[0].counters == Counters(connections=2, packets_in=5, bytes_in=200)
    assert found[0].rates == Counters(bytes_in=19)
    plain = [replies.read_destination(r) for r in OPERATIONS["GET_DEST dump"].replies]
    assert plain == [view.destination for view in found]


def test_the_rest_of_the_kernels_replies() -> None:
    def only(name: str) -> bytes:
        (reply,) = OPERATIONS[name].replies
        return reply

    assert replies.read_info(only("GET_INFO")) == replies.Info(0x010201, 4096)
    assert replies.read_timeouts(only("GET_CONFIG")) == Timeouts(900, 120, 300)
    assert replies.read_timeouts(only("GET_CONFIG after")) == Timeouts(100, 20, 30)
    master, backup = map(replies.read_sync_daemon, OPERATIONS["GET_DAEMON dump"].replies)
    group = IPv4Address("224.0.0.81")
    assert master == SyncDaemon(SyncRole.MASTER, "eth1", 9, 1472, group, 8848, 1)
    assert backup == replace(BACKUP, max_length=1024)  # the least that a backup takes


def test_datagrams_of_the_kernel_are_split_into_messages() -> None:
    for operation in OPERATIONS.values():
        split = [message for datagram in operation.messages for message in messages(datagram)]
        bodies = [body[4:] for _, kind, _, body in split if kind > 3]
        assert bodies == operation.replies
        if operation.errno:
            *_, (_, kind, _, body) = split
            assert kind == 2
            assert int.from_bytes(body[:4], "little", signed=True) == -operation.errno


def test_a_service_of_a_protocol_that_is_never_served_is_passed_over() -> None:
    service = attributes.nest(
        Top.SERVICE,
        [
            attributes.u16(ServiceAttribute.AF, 2),
            attributes.u16(ServiceAttribute.PROTOCOL, 99),
        ],
    )
    assert replies.read_service(service) is None


# Round trips: the kernel gives back what it was given, in the same attributes

ipv4 = st.integers(0, 2**32 - 1).map(IPv4Address)
ip_addresses = st.ip_addresses()
u32s = st.integers(0, 2**32 - 1)
ports = st.integers(0, 65535)
names = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=15)
keys = st.builds(ServiceKey, st.sampled_from(Protocol), ip_addresses, ports) | st.builds(
    lambda mark, ipv6: ServiceKey.marked(mark, ipv6=ipv6), st.integers(1, 2**32 - 1), st.booleans()
)
flags = st.integers(0, 7).map(lambda bits: SchedulerFlag(bits << 3))
all_settings = st.builds(
    Settings,
    names,
    flags,
    st.none() | st.builds(Persistence, u32s, u32s),
    st.booleans(),
    st.just("") | names,
)
destinations = st.builds(
    Destination,
    st.builds(ServerKey, ip_addresses, ports),
    u32s,
    st.sampled_from(Forwarding),
    u32s,
    u32s,
    st.builds(Tunnel, st.sampled_from(TunnelType), ports, st.sampled_from(TunnelChecksum)),
)
counters = st.builds(Counters, *[st.integers(0, 2**64 - 1)] * 5)


def statistics(kind: int, counted: Counters, rates: Counters) -> bytes:
    values = [*_values(counted), *_values(rates)]
    return attributes.nest(
        kind,
        [
            attributes.binary(number, value.to_bytes(8, "little"))
            for number, value in enumerate(values, start=1)
        ],
    )


def _values(counted: Counters) -> tuple[int, ...]:
    return tuple(getattr(counted, name) for name in Counters.__dataclass_fields__)


@given(keys, all_settings, counters, counters)
def test_services_come_back_as_they_went(
    key: ServiceKey, settings: Settings, counted: Counters, rates: Counters
) -> None:
    sent = attributes.parse(requests.request(AddService(key, settings)).attributes)[Top.SERVICE]
    statistic = statistics(ServiceAttribute.STATS64, counted, rates)
    view = replies.read_service(attributes.nest(Top.SERVICE, [sent, statistic]))
    assert view is not None
    assert (view.key, view.settings) == (key, settings)
    assert (view.counters, view.rates) == (counted, rates)


@given(destinations, st.tuples(u32s, u32s, u32s), counters, counters)
def test_destinations_come_back_as_they_went(
    destination: Destination, counts: tuple[int, int, int], counted: Counters, rates: Counters
) -> None:
    request = requests.request(AddDestination(WEB, destination))
    sent = attributes.parse(request.attributes)[Top.DESTINATION]
    connections = [
        attributes.u32(kind, count) for kind, count in zip((7, 8, 9), counts, strict=True)
    ]
    statistic = statistics(DestinationAttribute.STATS64, counted, rates)
    reply = attributes.nest(Top.DESTINATION, [sent, *connections, statistic])
    view = replies.read_destination_view(reply)
    assert view.destination == replies.read_destination(reply) == destination
    assert (
        view.active_connections,
        view.inactive_connections,
        view.persistent_connections,
    ) == counts
    assert (view.counters, view.rates) == (counted, rates)


def test_meaningless_methods_and_tunnels_are_read_as_what_they_do() -> None:
    request = requests.request(AddDestination(WEB, DIRECT)).attributes
    fields = attributes.parse(attributes.parse(request)[Top.DESTINATION])
    fields[DestinationAttribute.METHOD] = (4).to_bytes(4, "little")
    fields[DestinationAttribute.TUNNEL_TYPE] = b"\x09"
    reply = attributes.nest(
        Top.DESTINATION, [attributes.binary(kind, value) for kind, value in fields.items()]
    )
    read = replies.read_destination(reply)
    assert read.forwarding is Forwarding.LOCAL
    assert read.tunnel.type is TunnelType.IPIP


@pytest.mark.parametrize(
    "damaged", [b"", b"\3\0\1\0", b"\xff\0\1\0", OPERATIONS["GET_DEST dump"].replies[0][:60]]
)
def test_damaged_replies_are_refused(damaged: bytes) -> None:
    with pytest.raises(Malformed):
        replies.read_destination(damaged)
