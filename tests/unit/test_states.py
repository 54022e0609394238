"""The TCP table cell by cell, and timeouts, against what kernel IPVS did (golden)."""

import json
from pathlib import Path

import pytest

from trimaran.dataplane import states
from trimaran.dataplane.base import TcpState, Timeouts
from trimaran.dataplane.states import Event

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "data" / "ipvs" / "state-tables.json").read_text()
)["tcp"]


@pytest.mark.parametrize("state", list(TcpState))
@pytest.mark.parametrize("event", list(Event))
def test_transition(event: Event, state: TcpState) -> None:
    expected = GOLDEN["normal"]["input-only"][event.name.lower()][state]
    assert TcpState(states.next_state(state, event)).name == expected


@pytest.mark.parametrize("state", list(TcpState))
def test_timeout_and_activity(state: TcpState) -> None:
    assert states.timeout(state, Timeouts()) == GOLDEN["timeouts"][state]
    assert (state in states.ACTIVE) == (state.name in GOLDEN["active"])


@pytest.mark.parametrize(
    ("flags", "event"),
    [
        (1 | 4, Event.RST),
        (1 | 2, Event.SYN),
        (2 | 16, Event.SYN),
        (1 | 8 | 16, Event.FIN),
        (8 | 16, Event.ACK),
        (8, None),
        (0, None),
    ],
)
def test_first_flag_wins(flags: int, event: Event | None) -> None:
    assert states.event(flags) == event


def test_a_segment_without_any_of_the_four_closes() -> None:
    assert states.next_state(TcpState.ESTABLISHED, 8) == TcpState.CLOSE


def test_udp_has_one_state() -> None:
    assert all(states.next_state(states.UDP_STATE, f) == states.UDP_STATE for f in range(32))
    assert states.timeout(states.UDP_STATE, Timeouts(udp=7)) == 7


def test_three_timeouts_can_be_set() -> None:
    timeouts = Timeouts(tcp=1, tcp_fin=2, udp=3)
    assert states.timeout(TcpState.ESTABLISHED, timeouts) == 1
    assert states.timeout(TcpState.FIN_WAIT, timeouts) == 2
    assert states.timeout(TcpState.TIME_WAIT, timeouts) == 120
