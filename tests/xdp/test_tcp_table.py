"""Each cell of the TCP table through the program: state, time to live, ActiveConn/InActConn."""

import json
from pathlib import Path

import numpy as np
import pytest
from frames import ACK, FIN, RST, SYN, Director, tcp

from trimaran.dataplane.base import Behaviour, TcpState
from trimaran.dataplane.states import REUSABLE
from trimaran.dataplane.xdp.tables import destination_of

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "data" / "ipvs" / "state-tables.json").read_text()
)["tcp"]
FLAGS = {"syn": SYN, "fin": FIN, "ack": ACK, "rst": RST}


def active(state: str) -> int:
    return int(state in GOLDEN["active"])


def put_state(director: Director, state: TcpState) -> None:
    """Forges the state of the only entry, which is in SYN_RECV and so counts as active."""
    flows, loads = director.plane.tables.flows, director.plane.tables.loads
    (place,) = flows["control"].nonzero()[0]
    control = int(flows["control"][place])
    destination = destination_of(control)
    flows["control"][place] = control & ~(31 << 56) | state << 56
    if not active(state.name):
        loads["connections"][destination] -= np.uint64(1)


@pytest.mark.parametrize(("tables", "secure"), [("normal", 0), ("secure_tcp", 3)])
@pytest.mark.parametrize("event", list(FLAGS))
def test_every_state(director: Director, event: str, tables: str, secure: int) -> None:
    director.plane.set_behaviour(Behaviour(secure_tcp=secure))
    director.serve(101)
    for state in TcpState:
        port = 1000 + state
        assert director.chosen(tcp(SYN, port=port)) == 101
        put_state(director, state)
        if not (event == "syn" and state in REUSABLE):
            assert director.chosen(tcp(FLAGS[event], port=port)) == 101
            expected = GOLDEN[tables]["input-only"][event][state]
            (flow,) = director.flows()
            assert flow.state == expected, state
            assert flow.expires == GOLDEN["timeouts"][TcpState[expected]] - 1
            assert director.counts(101) == (active(expected), 1 - active(expected))
        director.expire_all()
        director.poll()
        assert director.counts(101) == (0, 0)


@pytest.mark.parametrize("state", sorted(REUSABLE & set(TcpState)))
def test_a_syn_on_a_finished_connection_is_scheduled_afresh(
    director: Director, state: TcpState
) -> None:
    director.serve(101, 102)
    assert director.chosen(tcp(SYN)) == 102
    put_state(director, state)
    assert director.chosen(tcp(SYN)) == 101
    assert director.counts(101) == (1, 0)
    assert director.counts(102) == (0, 0)
    assert director.service().counters.connections == 2


@pytest.mark.parametrize(
    ("flags", "state"),
    [(SYN | ACK, "SYN_RECV"), (SYN | FIN, "SYN_RECV"), (8, "CLOSE"), (0, "CLOSE")],
)
def test_odd_flags_on_a_syn_recv_entry(director: Director, flags: int, state: str) -> None:
    director.serve(101)
    director.chosen(tcp(SYN))
    assert director.chosen(tcp(flags)) == 101
    assert director.state() == state


def test_timeouts_apply_from_the_next_packet_on(director: Director) -> None:
    from trimaran.dataplane.base import Timeouts

    director.serve(101)
    director.chosen(tcp(SYN))
    director.chosen(tcp(ACK))
    director.plane.set_timeouts(Timeouts(tcp=100, tcp_fin=0, udp=0))
    assert director.flows()[0].expires == 899
    director.chosen(tcp(ACK))
    assert director.flows()[0].expires == 99
    assert director.plane.timeouts() == Timeouts(100, 120, 300)
