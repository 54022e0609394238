"""Changes by hand on XDP: refused and counted as IPVS does (ipvs-semantics 5.3, 6.2)."""

import errno
import itertools
from ipaddress import ip_address

import pytest
from frames import ACK, DNS, HTTP, SYN, Director, server, tcp

from trimaran.dataplane.base import (
    Counters,
    Destination,
    Refused,
    Settings,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from trimaran.dataplane.steps import (
    AddDestination,
    AddService,
    DeleteDestination,
    DeleteService,
    EditDestination,
    EditService,
    Step,
)
from trimaran.model.service import ServerKey, ServiceKey

PORTS = itertools.count(1024)
MULTICAST = ServerKey(ip_address("224.0.0.1"), 80)


def test_services_and_servers_come_change_and_go(director: Director) -> None:
    plane = director.plane
    plane.execute(AddService(HTTP, Settings("wrr")))
    for last in (101, 102, 103):
        plane.execute(AddDestination(HTTP, Destination(server(last))))
    plane.execute(EditDestination(HTTP, Destination(server(101), 5, upper_threshold=9)))
    plane.execute(DeleteDestination(HTTP, server(102)))
    plane.execute(EditService(HTTP, Settings("wlc")))
    view = director.service()
    assert view.settings == Settings("wlc")
    assert [v.destination for v in view.destinations] == [
        Destination(server(103)),
        Destination(server(101), 5, upper_threshold=9),
    ], "newest first, and an edit keeps the place"
    assert director.chosen(tcp(SYN, port=next(PORTS))) == 103
    plane.execute(AddService(DNS, Settings()))
    assert plane.virtual_addresses() == {HTTP.address}
    plane.execute(DeleteService(DNS))
    plane.flush()
    assert plane.services() == []


@pytest.mark.parametrize(
    ("step", "number"),
    [
        (AddService(HTTP, Settings()), errno.EEXIST),
        (AddService(DNS, Settings("nosuch")), errno.ENOENT),
        (AddService(ServiceKey.marked(3), Settings()), errno.EOPNOTSUPP),
        (EditService(DNS, Settings()), errno.ESRCH),
        (EditService(HTTP, Settings("nosuch")), errno.ENOENT),
        (DeleteService(DNS), errno.ESRCH),
        (AddDestination(DNS, Destination(server(101))), errno.ESRCH),
        (AddDestination(HTTP, Destination(server(101))), errno.EEXIST),
        (AddDestination(HTTP, Destination(MULTICAST)), errno.EINVAL),
        (AddDestination(HTTP, Destination(server(102), -1)), errno.ERANGE),
        (AddDestination(HTTP, Destination(server(102), lower_threshold=1)), errno.ERANGE),
        (EditDestination(HTTP, Destination(server(102))), errno.ENOENT),
        (DeleteDestination(HTTP, server(102)), errno.ENOENT),
    ],
    ids=str,
)
def test_what_is_refused_changes_nothing(director: Director, step: Step, number: int) -> None:
    director.serve(101)
    before = director.plane.services()
    with pytest.raises(Refused) as caught:
        director.plane.execute(step)
    assert caught.value.errno == number
    assert director.plane.services() == before
    if number == errno.EOPNOTSUPP:
        assert str(caught.value).endswith("the kernel's IPVS can: --dataplane ipvs")


def test_a_full_dataplane_refuses_in_words(director: Director) -> None:
    room = len(director.plane.tables.services)
    for port in range(1, room + 1):
        director.plane.execute(
            AddService(ServiceKey(HTTP.protocol, HTTP.address, port), Settings())
        )
    with pytest.raises(Refused, match="no room for another service") as caught:
        director.plane.execute(AddService(DNS, Settings()))
    assert caught.value.errno == errno.ENOSPC
    assert len(director.plane.services()) == room


def test_zeroing_a_service_leaves_the_total_and_zeroing_all_does_not(director: Director) -> None:
    director.serve(101)
    director.plane.execute(AddService(DNS, Settings()))
    for flags in (SYN, ACK, ACK):
        director.send(tcp(flags, port=999))
    counted = director.service().counters
    assert counted.connections == 1
    assert counted.packets_in == 3
    director.plane.zero(DNS)
    assert director.service().counters == counted
    director.plane.zero(HTTP)
    view = director.service()
    assert view.counters == view.destinations[0].counters == Counters()
    assert view.destinations[0].active_connections == 1
    assert director.plane.totals()[0] == counted
    director.send(tcp(ACK, port=999))
    assert director.service().counters.packets_in == 1
    director.plane.zero(None)
    assert director.plane.totals()[0] == director.service().counters == Counters()
    with pytest.raises(Refused) as caught:
        director.plane.zero(ServiceKey(HTTP.protocol, HTTP.address, 81))
    assert caught.value.errno == errno.ESRCH


@pytest.mark.parametrize("zeroed", [HTTP, None])
def test_a_removed_server_keeps_its_counts_while_its_service_is_zeroed(
    director: Director, zeroed: ServiceKey | None
) -> None:
    """Kernel IPVS and XDP, compared, differed once (seed 9)."""
    director.serve(101)
    for flags in (SYN, ACK):
        director.send(tcp(flags))
    counted = director.service().counters
    director.serve(102)
    director.plane.zero(zeroed)
    assert director.service().counters == Counters()
    director.serve(101, 102)
    view = director.service()
    assert {each.counters for each in view.destinations} == {counted, Counters()}
    assert view.counters == Counters()
    director.send(tcp(ACK))
    assert director.service().counters.packets_in == 1
    assert director.plane.totals()[0].packets_in == (1 if zeroed is None else 3)


def test_timeouts_that_are_zero_stay(director: Director) -> None:
    director.plane.set_timeouts(Timeouts(100, 7, 9))
    director.plane.set_timeouts(Timeouts(0, 0, 33))
    assert director.plane.timeouts() == Timeouts(100, 7, 33)


def test_what_only_ipvs_has(director: Director) -> None:
    for wanted in (
        lambda: director.plane.start_sync(SyncDaemon(SyncRole.MASTER, "eth0")),
        lambda: director.plane.stop_sync(SyncRole.MASTER),
    ):
        with pytest.raises(Refused, match="--dataplane ipvs") as caught:
            wanted()
        assert caught.value.errno == errno.EOPNOTSUPP


def test_live_flows_are_counted_as_they_are_listed(director: Director) -> None:
    director.serve(101)
    for port in (1, 2, 3):
        director.send(tcp(SYN, port=port))
    director.send(tcp(ACK, port=2))
    assert director.plane.live_flows() == {"SYN_RECV": 2, "ESTABLISHED": 1}
    listed = sorted((entry.client_port, entry.state) for entry in director.plane.connections())
    assert listed == [(1, "SYN_RECV"), (2, "ESTABLISHED"), (3, "SYN_RECV")]
