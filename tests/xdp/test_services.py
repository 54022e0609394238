"""Round robin, edits while running, the trash, counters (ipvs-semantics 1.8, 2.4, 5)."""

import itertools

from frames import ACK, DNS, DROP, FIN, HTTP, PASS, SYN, Director, server, tcp, udp

from trimaran.dataplane.base import (
    Counters,
    Destination,
    Service,
    Settings,
)
from trimaran.dataplane.xdp.loader import Loaded
from trimaran.dataplane.xdp.plane import XdpDataplane
from trimaran.dataplane.xdp.servers import TRASH_PERIOD

PORTS = itertools.count(1024)


def next_ones(director: Director, number: int) -> list[int]:
    return [director.chosen(tcp(SYN, port=next(PORTS))) for _ in range(number)]


def test_newest_first_round_and_round(director: Director) -> None:
    director.serve(101, 102, 103)
    assert next_ones(director, 7) == [103, 102, 101, 103, 102, 101, 103]
    order = [d.destination.key for d in director.service().destinations]
    assert order == [server(103), server(102), server(101)]


def test_weight_zero_is_skipped_and_keeps_its_connections(director: Director) -> None:
    director.serve(101, 102)
    assert director.chosen(tcp(SYN, port=9)) == 102
    director.serve(101, 102, weights={102: 0})
    assert next_ones(director, 2) == [101, 101]
    assert director.chosen(tcp(ACK, port=9)) == 102
    assert director.chosen(tcp(SYN, port=9)) == 102
    director.serve(101, 102, weights={101: 0, 102: 0})
    assert director.chosen(tcp(ACK, port=9)) == 102
    assert director.chosen(tcp(SYN, port=10)) == 0


def test_an_edit_leaves_the_cursor(director: Director) -> None:
    director.serve(101, 102, 103)
    assert next_ones(director, 1) == [103]
    director.serve(101, 102, 103, weights={103: 0})
    director.serve(101, 102, 103)
    assert next_ones(director, 2) == [102, 101]


def test_a_new_one_is_met_after_the_wrap(director: Director) -> None:
    director.serve(101, 102)
    assert next_ones(director, 1) == [102]
    director.serve(101, 102, 103)
    assert next_ones(director, 3) == [101, 103, 102]


def test_with_nothing_chosen_yet_a_new_one_is_first(director: Director) -> None:
    director.serve(101)
    director.serve(101, 102)
    assert next_ones(director, 2) == [102, 101]


def test_deleting_the_chosen_one_moves_the_cursor_back(director: Director) -> None:
    director.serve(101, 102, 103, 104)
    assert next_ones(director, 2) == [104, 103]
    director.serve(101, 102, 104)
    assert next_ones(director, 3) == [102, 101, 104]
    director.serve(101, 102)
    assert next_ones(director, 2) == [102, 101]


def test_applying_twice_changes_nothing(director: Director) -> None:
    desired = [
        Service(HTTP, Settings("rr"), (Destination(server(101)),)),
        Service(DNS, Settings("rr")),
    ]
    assert director.plane.apply(desired) == [
        "TCP 192.168.1.10:80: service added, scheduler rr",
        "TCP 192.168.1.10:80: server 192.168.1.101:80 added, weight 1",
        "UDP 192.168.1.10:53: service added, scheduler rr",
    ]
    before = director.plane.tables.services.tobytes()
    assert director.plane.apply(desired) == []
    assert director.plane.tables.services.tobytes() == before


def test_a_removed_server_gets_its_connections_and_counters_back(director: Director) -> None:
    director.serve(101)
    director.chosen(tcp(SYN))
    director.chosen(tcp(ACK))
    director.serve()
    assert director.send(tcp(ACK))[0] == DROP
    director.serve(101)
    assert director.chosen(tcp(ACK)) == 101
    assert director.counts(101) == (1, 0)
    assert director.service().destinations[0].counters.packets_in == 3
    assert director.service().counters.packets_in == 3


def test_a_service_made_anew_counts_from_zero_but_keeps_connections(director: Director) -> None:
    director.plane.apply([Service(HTTP, Settings("rr"), (Destination(server(101)),)), Service(DNS)])
    director.chosen(tcp(SYN))
    director.plane.apply([Service(DNS)])
    assert director.send(tcp(ACK))[0] == DROP
    director.plane.apply([Service(HTTP, Settings("rr"), (Destination(server(101)),)), Service(DNS)])
    assert director.chosen(tcp(ACK)) == 101
    assert director.counts(101) == (1, 0)
    assert director.service().counters == Counters(0, 1, 0, 40, 0)
    assert director.service().destinations[0].counters == Counters(0, 1, 0, 40, 0)
    assert director.plane.totals()[0] == Counters(1, 2, 0, 80, 0)


def test_without_any_service_the_local_stack_answers(director: Director) -> None:
    director.serve(101)
    director.chosen(tcp(SYN))
    director.plane.apply([])
    assert director.send(tcp(ACK))[0] == PASS


def test_the_trash_is_emptied_two_minutes_after_the_last_connection(director: Director) -> None:
    director.serve(101, 102)
    assert next_ones(director, 2) == [102, 101]
    director.serve(101)
    director.poll(TRASH_PERIOD / 1e9)
    assert len(director.plane.wanted_neighbours()) == 2
    director.expire_all()
    director.poll()
    director.poll(TRASH_PERIOD / 1e9 - 1)
    assert len(director.plane.wanted_neighbours()) == 2
    director.poll()
    assert director.plane.wanted_neighbours() == {server(101).address}
    assert director.service().counters.connections == 2
    assert director.plane.totals()[0].connections == 2


def test_counters_are_those_of_ip_packets(director: Director) -> None:
    director.serve(101, key=DNS)
    director.chosen(udp(data=bytes(33)))
    director.chosen(udp(data=bytes(33)))
    assert director.service(DNS).counters == Counters(1, 2, 0, 122, 0)
    assert director.counts(101, DNS) == (0, 1)
    assert director.flows()[0].state == "UDP"
    assert director.flows()[0].expires == 299


def test_counters_have_64_bits(director: Director) -> None:
    director.serve(101, key=DNS)
    director.chosen(udp())
    most = (1 << 32) - 1
    counted = director.plane.tables.counters
    for name in ("packets", "bytes"):
        counted[name][counted[name] > 0] = most
    director.chosen(udp())
    counters = director.service(DNS).counters
    assert (counters.packets_in, counters.bytes_in) == (most + 1, most + 29)
    (server_view,) = director.service(DNS).destinations
    assert server_view.counters == counters


def test_rates_are_estimated_every_two_seconds(director: Director) -> None:
    director.serve(101)
    director.poll()
    for delta, shown in ((31, 4), (36, 7), (35, 10), (37, 12), (16, 11), (0, 8)):
        next_ones(director, delta)
        director.poll(2)
        assert director.service().rates.packets_in == shown
        assert director.service().destinations[0].rates.packets_in == shown


def test_dr_walk_through(director: Director) -> None:
    """ipvs-semantics 1.6: one HTTP request."""
    director.serve(101)
    seen = []
    for flags in (SYN, ACK, ACK, FIN | ACK, ACK):
        director.chosen(tcp(flags))
        (flow,) = director.flows()
        seen.append((flow.state, flow.expires, *director.counts(101)))
    assert seen == [
        ("SYN_RECV", 59, 1, 0),
        ("ESTABLISHED", 899, 1, 0),
        ("ESTABLISHED", 899, 1, 0),
        ("FIN_WAIT", 119, 0, 1),
        ("FIN_WAIT", 119, 0, 1),
    ]


def test_what_cannot_be_done_is_left_out_and_said_once(director: Director) -> None:
    service = Service(HTTP, Settings("none"))
    added, left_out = director.plane.apply([service, Service(DNS)])
    assert added == f"{DNS}: service added, scheduler rr"
    assert left_out.startswith(f"{HTTP}: left out: ")
    assert "cannot" in left_out
    assert [view.key for view in director.plane.services()] == [DNS]
    assert director.plane.apply([service, Service(DNS)]) == []


def test_a_new_owner_goes_on_with_the_macs_that_it_finds(
    loaded: Loaded, director: Director
) -> None:
    director.serve(101, 102)
    assert next_ones(director, 2) == [102, 101]
    successor = XdpDataplane(loaded)
    successor.apply(
        [Service(HTTP, Settings("rr"), (Destination(server(101)), Destination(server(102))))]
    )
    successor.set_local([])
    assert next_ones(director, 2) == [102, 101]
