"""The TCP table cell by cell, and timeouts, against what kernel IPVS did (golden)."""

import json
from pathlib import Path

import pytest

from trimaran.dataplane import states
from trimaran.dataplane.base import TcpState, Timeouts
from trimaran.dataplane.direction import Direction
from trimaran.dataplane.sctp import SctpEvent, SctpState
from trimaran.dataplane.states import SCTP_FIRST, STATE_NAMES, Event

ALL = json.loads((Path(__file__).parents[1] / "data" / "ipvs" / "state-tables.json").read_text())
GOLDEN, SCTP = ALL["tcp"], ALL["sctp"]


def golden_name(value: Direction | SctpEvent) -> str:
    return value.name.lower().replace("_", "-")


@pytest.mark.parametrize("table", ["normal", "secure_tcp"])
@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("state", list(TcpState))
@pytest.mark.parametrize("event", list(Event))
def test_transition(event: Event, state: TcpState, direction: Direction, table: str) -> None:
    expected = GOLDEN[table][golden_name(direction)][event.name.lower()][state]
    found = states.next_state(state, event, direction, secure=table != "normal")
    assert TcpState(found).name == expected


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("event", sorted(set(SctpEvent) - {SctpEvent.NOTHING}))
def test_sctp_transitions(event: SctpEvent, direction: Direction) -> None:
    expected = SCTP["table"][golden_name(direction)][golden_name(event)]
    numbers = range(SCTP_FIRST, SCTP_FIRST + len(SctpState))
    assert [STATE_NAMES[states.next_state(n, event, direction)] for n in numbers] == expected
    assert all(states.next_state(n, SctpEvent.NOTHING, direction) == n for n in numbers)


def test_sctp_timeouts_names_and_activity() -> None:
    numbers = range(SCTP_FIRST, SCTP_FIRST + len(SctpState))
    assert [STATE_NAMES[n] for n in numbers] == SCTP["states"]
    assert [states.timeout(n, Timeouts()) for n in numbers] == SCTP["timeouts"]
    assert [STATE_NAMES[n] for n in numbers if n in states.ACTIVE] == SCTP["active"]


def test_sctp_events_share_the_bits_that_open_a_connection() -> None:
    opening = [event for event in SctpEvent if event & Event.SYN]
    assert opening == [SctpEvent.INIT]
    assert SctpEvent.ABORT & Event.RST


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
