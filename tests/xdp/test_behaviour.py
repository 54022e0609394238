"""IPVS's sysctls: what kernel IPVS did with them (ipvs-semantics 1.7, 1.8, 1.11)."""

import pytest
from frames import ACK, DROP, FIN, HTTP, PASS, RST, SYN, TX, Director, server, tcp

from trimaran.dataplane.base import Behaviour, Destination, Service, Settings
from trimaran.dataplane.xdp.layout import Event
from trimaran.model.service import Forwarding


@pytest.mark.parametrize(
    ("mode", "flags", "rescheduled"),
    [
        *((mode, (SYN, ACK, FIN), mode >= 2) for mode in (0, 1, 2, 3)),
        *((mode, (SYN, ACK, RST), mode >= 1) for mode in (0, 1, 2, 3)),
        *((mode, (SYN, FIN), mode >= 1) for mode in (0, 1, 2, 3)),
        *((mode, (SYN,), False) for mode in (0, 1, 2, 3)),
        *((mode, (SYN, ACK), False) for mode in (0, 1, 2, 3)),
    ],
)
def test_conn_reuse_mode(
    director: Director, mode: int, flags: tuple[int, ...], rescheduled: bool
) -> None:
    """The table of 1.7, with direct routing: FIN_WAIT, CLOSE, TIME_WAIT, the rest."""
    director.plane.set_behaviour(Behaviour(conn_reuse_mode=mode))
    director.serve(101, 102)
    for flag in flags:
        assert director.chosen(tcp(flag)) == 102
    assert director.chosen(tcp(SYN)) == (101 if rescheduled else 102)
    assert len(director.flows()) == 1


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_fin_wait_of_a_masqueraded_connection_is_kept(gateway: Director, mode: int) -> None:
    gateway.plane.set_behaviour(Behaviour(conn_reuse_mode=mode))
    gateway.serve(101, 102, forwarding=Forwarding.MASQUERADING)
    for flag in (SYN, ACK):
        assert gateway.chosen(tcp(flag)) == 102
    gateway.send(tcp(FIN | ACK, source="192.168.1.102", port=80, to=20010, target="10.0.0.9"))
    assert gateway.state() == "FIN_WAIT"
    assert gateway.chosen(tcp(SYN)) == 102


def test_sloppy_tcp(director: Director) -> None:
    director.serve(101)
    director.plane.tables.live["takeover"] = 0
    assert director.send(tcp(ACK))[0] == PASS
    director.plane.set_behaviour(Behaviour(sloppy_tcp=1))
    assert director.chosen(tcp(ACK)) == 101
    assert director.state() == "ESTABLISHED"
    assert director.chosen(tcp(FIN, port=20011)) == 101
    assert {f.client_port: f.state for f in director.flows()}[20011] == "CLOSE"
    assert director.send(tcp(RST, port=20012))[0] == PASS


@pytest.mark.parametrize("expire", [0, 1])
def test_a_syn_leaves_a_quiescent_server_if_so_set(director: Director, expire: int) -> None:
    director.plane.set_behaviour(Behaviour(expire_nodest_conn=expire))
    director.serve(101, 102)
    for flags in (SYN, ACK):
        assert director.chosen(tcp(flags)) == 102
    director.serve(101, 102, weights={102: 0})
    assert director.chosen(tcp(ACK)) == 102
    assert director.chosen(tcp(SYN)) == (101 if expire else 102)
    assert director.counts(102) == ((0, 0) if expire else (1, 0))


def test_connections_of_a_removed_server_end_at_once_if_so_set(director: Director) -> None:
    director.plane.set_behaviour(Behaviour(expire_nodest_conn=1))
    director.serve(101, 102)
    for port in range(20):
        director.send(tcp(SYN, port=20000 + port))
    director.serve(101)
    director.serve(101, 102)
    assert director.counts(102) == (0, 0)
    assert len(director.flows()) == 10


def test_what_is_set_is_read_and_survives_a_new_owner(director: Director) -> None:
    wanted = Behaviour(-1, 1, 1, 7)
    director.plane.set_behaviour(wanted)
    after = type(director.plane)(director.plane._loaded)
    assert after.behaviour() == wanted
    assert Behaviour() == Behaviour(conn_reuse_mode=1)
    after.apply([Service(HTTP, Settings("rr"), (Destination(server(101)),))])
    assert after.behaviour() == wanted


def test_secure_tcp_and_back(gateway: Director) -> None:
    """Golden: SYN, SYN+ACK out, ACK stays SYNACK, the server's next ACK establishes."""
    gateway.plane.set_behaviour(Behaviour(secure_tcp=3))
    gateway.serve(101, forwarding=Forwarding.MASQUERADING)
    from_server = {"source": "192.168.1.101", "port": 80, "to": 20010, "target": "10.0.0.9"}
    seen = []
    for frame in (
        tcp(SYN),
        tcp(SYN | ACK, **from_server),  # type: ignore[arg-type]
        tcp(ACK),
        tcp(ACK, **from_server),  # type: ignore[arg-type]
    ):
        gateway.send(frame)
        seen.append(gateway.state())
    assert seen == ["SYN_RECV", "SYNACK", "SYNACK", "ESTABLISHED"]
    gateway.plane.set_behaviour(Behaviour())
    gateway.send(tcp(SYN, port=1))
    gateway.send(tcp(ACK, port=1))
    assert {flow.state for flow in gateway.flows()} == {"ESTABLISHED"}


def test_drop_packet_drops_every_third_beginning_with_the_first(director: Director) -> None:
    director.serve(101)
    assert director.chosen(tcp(SYN, port=1)) == 101
    director.plane.set_behaviour(Behaviour(drop_packet=3, am_droprate=3))
    verdicts = [director.send(tcp(SYN, port=port))[0] for port in range(2, 9)]
    assert verdicts == [DROP, TX, TX, DROP, TX, TX, DROP]
    assert {director.chosen(tcp(ACK, port=1)) for _ in range(6)} == {101}
    assert director.plane.events()[Event.DEFENDED] == 3
    assert director.counts(101) == (5, 0)


def test_drop_entry_gives_up_what_is_half_open(director: Director) -> None:
    director.serve(101)
    for port in range(1000, 1200):
        director.send(tcp(SYN, port=port))
    for port in range(1000, 1100):
        director.send(tcp(ACK, port=port))
    director.poll()
    assert director.counts(101) == (200, 0)
    director.plane.set_behaviour(Behaviour(drop_entry=3))
    director.poll()
    assert 0 < 200 - sum(director.counts(101)) < 50  # a thirty-second of the table
    for _ in range(31):
        director.poll()
    assert director.counts(101) == (100, 0)
    assert {flow.state for flow in director.flows()} == {"ESTABLISHED"}
    director.plane.set_behaviour(Behaviour())
