"""Connection states of IPVS: transitions, timeouts, and what counts as active.

The one source: the XDP program gets its tables from here when it is loaded. All protocols share
one numbering: TCP's states as on the sync wire, UDP's only one, SCTP's from 16 on. Source:
ipvs-semantics 1.2-1.5.
"""

from enum import IntEnum
from typing import Final

from trimaran.dataplane import sctp
from trimaran.dataplane.base import TcpState, Timeouts
from trimaran.dataplane.direction import Direction
from trimaran.dataplane.sctp import SctpState
from trimaran.model.service import Protocol

UDP_STATE: Final = 11
"""UDP's single state, numbered after TCP's."""

SCTP_FIRST: Final = 16
"""The number of SCTP's state NONE; the others follow."""

STATE_NAMES: Final = {
    **{int(state): state.name for state in TcpState},
    UDP_STATE: "UDP",
    **dict(enumerate(sctp.NAMES, start=SCTP_FIRST)),
}
"""What ipvsadm prints, by number."""

TEMPLATE_FIRST: Final = 12
"""The number of a template's state NONE; ASSURED follows (a connection of it was established)."""

TEMPLATE_NAMES: Final = {TEMPLATE_FIRST: "NONE", TEMPLATE_FIRST + 1: "ASSURED"}
"""What ipvsadm prints, by number. Templates have none of the transitions."""

FIRST_STATE: Final = {
    Protocol.TCP: int(TcpState.NONE),
    Protocol.UDP: UDP_STATE,
    Protocol.SCTP: SCTP_FIRST,
}
"""The state that a connection has before its first packet is looked at."""


class Event(IntEnum):
    """What a TCP segment is to the state machine: the first of these that it carries."""

    RST = 4
    SYN = 2
    FIN = 1
    ACK = 16


_SHORT: Final = {
    "NO": TcpState.NONE,
    "ES": TcpState.ESTABLISHED,
    "SS": TcpState.SYN_SENT,
    "SR": TcpState.SYN_RECV,
    "FW": TcpState.FIN_WAIT,
    "TW": TcpState.TIME_WAIT,
    "CL": TcpState.CLOSE,
    "CW": TcpState.CLOSE_WAIT,
    "LA": TcpState.LAST_ACK,
    "LI": TcpState.LISTEN,
    "SA": TcpState.SYNACK,
}


def _row(text: str) -> tuple[TcpState, ...]:
    return tuple(_SHORT[short] for short in text.split())


# By event: the next state for each present state, in the order of TcpState.
TRANSITIONS: Final = {
    Direction.INPUT: {
        #                NO ES SS SR FW TW CL CW LA LI SA
        Event.SYN: _row("SR ES ES SR SR SR SR SR SR SR SR"),
        Event.FIN: _row("CL CW SS TW TW TW CL CW LA LI TW"),
        Event.ACK: _row("ES ES SS ES FW TW CL CW CL LI ES"),
        Event.RST: _row("CL CL CL SR CL CL CL CL LA LI SR"),
    },
    Direction.OUTPUT: {
        Event.SYN: _row("SS ES SS SR SS SS SS SS SS LI SR"),
        Event.FIN: _row("TW FW SS TW FW TW CL TW LA LI TW"),
        Event.ACK: _row("ES ES SS ES FW TW CL CW LA ES ES"),
        Event.RST: _row("CL CL SS CL CL TW CL CL CL CL CL"),
    },
    Direction.INPUT_ONLY: {
        Event.SYN: _row("SR ES ES SR SR SR SR SR SR SR SR"),
        Event.FIN: _row("CL FW SS TW FW TW CL CW LA LI TW"),
        Event.ACK: _row("ES ES SS ES FW TW CL CW CL LI ES"),
        Event.RST: _row("CL CL CL SR CL CL CL CL LA LI CL"),
    },
}

SECURE_TRANSITIONS: Final = {
    Direction.INPUT: {
        #                NO ES SS SR FW TW CL CW LA LI SA
        Event.SYN: _row("SR ES ES SR SR SR SR SR SR SR SA"),
        Event.FIN: _row("CL CW SS TW TW TW CL CW LA LI SA"),
        Event.ACK: _row("ES ES SS SR FW TW CL CW CL LI SA"),
        Event.RST: _row("CL CL CL SR CL CL CL CL LA LI CL"),
    },
    Direction.OUTPUT: {
        Event.SYN: _row("SS ES SS SA SS SS SS SS SS LI SA"),
        Event.FIN: _row("TW FW SS TW FW TW CL TW LA LI TW"),
        Event.ACK: _row("ES ES SS ES FW TW CL CW LA ES ES"),
        Event.RST: _row("CL CL SS CL CL TW CL CL CL CL CL"),
    },
    Direction.INPUT_ONLY: {
        Event.SYN: _row("SA ES ES SR SA SA SA SA SA SA SA"),
        Event.FIN: _row("CL FW SS TW FW TW CL CW LA LI TW"),
        Event.ACK: _row("ES ES SS ES FW TW CL CW CL LI ES"),
        Event.RST: _row("CL CL CL SR CL CL CL CL LA LI CL"),
    },
}
"""The same under `secure_tcp`."""

ACTIVE: Final = frozenset(
    {
        TcpState.ESTABLISHED,
        TcpState.SYN_SENT,
        TcpState.SYN_RECV,
        TcpState.SYNACK,
        SCTP_FIRST + SctpState.ESTABLISHED,
    }
)
"""States that count in ActiveConn; all others, and UDP, count in InActConn."""

REUSABLE: Final = frozenset({TcpState.TIME_WAIT, TcpState.CLOSE, SCTP_FIRST + SctpState.CLOSED})
"""A SYN (INIT) on these is a new connection, scheduled afresh (conn_reuse_mode 1)."""

_TIMEOUTS: Final = {
    TcpState.NONE: 2,
    TcpState.SYN_SENT: 120,
    TcpState.SYN_RECV: 60,
    TcpState.TIME_WAIT: 120,
    TcpState.CLOSE: 10,
    TcpState.CLOSE_WAIT: 60,
    TcpState.LAST_ACK: 30,
    TcpState.LISTEN: 120,
    TcpState.SYNACK: 120,
}

_NEVER_EVICTED: Final = frozenset(
    {TcpState.ESTABLISHED, UDP_STATE, SCTP_FIRST + SctpState.ESTABLISHED}
)
_HALF_OPEN: Final = frozenset(
    {TcpState.NONE, TcpState.SYN_SENT, TcpState.SYN_RECV, TcpState.SYNACK}
    | {SCTP_FIRST + state for state in SctpState if state < SctpState.ESTABLISHED}
    | {SCTP_FIRST + SctpState.REJECTED}
)
_OVER: Final = frozenset(
    {TcpState.CLOSE, TcpState.TIME_WAIT, TcpState.LAST_ACK, SCTP_FIRST + SctpState.CLOSED}
)

EVICTION: Final = (
    frozenset({TEMPLATE_FIRST}),
    _HALF_OPEN,
    _OVER,
    frozenset(STATE_NAMES) - _HALF_OPEN - _OVER - _NEVER_EVICTED,
    frozenset({TEMPLATE_FIRST + 1}),
)
"""Which entries are given up for a new flow when there is no room, first ones first.

ESTABLISHED and UDP never are: a flood cannot displace them. Nor does it displace half-open
connections by the templates that it makes.
"""


def event(flags: int) -> Event | None:
    """The event of a segment with these TCP flags; None: none of the four."""
    return next((event for event in Event if flags & event), None)


def next_state(
    state: int,
    flags: int,
    direction: Direction = Direction.INPUT_ONLY,
    *,
    secure: bool = False,
) -> int:
    """The state after a packet; `flags` are TCP's, or the number of an `SctpEvent`."""
    if state == UDP_STATE:
        return UDP_STATE
    if state >= SCTP_FIRST:
        present = SctpState(state - SCTP_FIRST)
        return SCTP_FIRST + sctp.next_state(direction, present, flags)
    happened = event(flags)
    table = SECURE_TRANSITIONS if secure else TRANSITIONS
    return TcpState.CLOSE if happened is None else table[direction][happened][state]


def timeout(state: int, timeouts: Timeouts) -> int:
    """Seconds that an entry in this state lives after its last packet."""
    if state == UDP_STATE:
        return timeouts.udp
    if state >= SCTP_FIRST:
        return sctp.TIMEOUTS[SctpState(state - SCTP_FIRST)]
    if state == TcpState.ESTABLISHED:
        return timeouts.tcp
    if state == TcpState.FIN_WAIT:
        return timeouts.tcp_fin
    return _TIMEOUTS[TcpState(state)]
