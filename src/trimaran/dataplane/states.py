"""Connection states of IPVS: the transitions of TCP, timeouts, and what counts as active.

The one source: the XDP program gets its tables from here when it is loaded. Source:
ipvs-semantics 1.2-1.5; the table is the INPUT-ONLY one, for flows of which the director sees
the client's half only (direct routing, tunnel).
"""

from enum import IntEnum
from typing import Final

from trimaran.dataplane.base import TcpState, Timeouts

UDP_STATE: Final = 11
"""UDP's single state, numbered after TCP's."""

STATE_NAMES: Final = (*(state.name for state in TcpState), "UDP")
"""What ipvsadm prints, by number."""


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
INPUT_ONLY: Final = {
    #                NO ES SS SR FW TW CL CW LA LI SA
    Event.SYN: _row("SR ES ES SR SR SR SR SR SR SR SR"),
    Event.FIN: _row("CL FW SS TW FW TW CL CW LA LI TW"),
    Event.ACK: _row("ES ES SS ES FW TW CL CW CL LI ES"),
    Event.RST: _row("CL CL CL SR CL CL CL CL LA LI CL"),
}

ACTIVE: Final = frozenset(
    {TcpState.ESTABLISHED, TcpState.SYN_SENT, TcpState.SYN_RECV, TcpState.SYNACK}
)
"""States that count in ActiveConn; all others, and UDP, count in InActConn."""

REUSABLE: Final = frozenset({TcpState.TIME_WAIT, TcpState.CLOSE})
"""A SYN on these is a new connection, scheduled afresh (conn_reuse_mode 1)."""

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

EVICTION: Final = (
    frozenset({TcpState.NONE, TcpState.SYN_SENT, TcpState.SYN_RECV, TcpState.SYNACK}),
    frozenset({TcpState.CLOSE, TcpState.TIME_WAIT, TcpState.LAST_ACK}),
    frozenset({TcpState.FIN_WAIT, TcpState.CLOSE_WAIT, TcpState.LISTEN}),
)
"""Which entries are given up for a new flow when there is no room, first ones first.

ESTABLISHED and UDP never are: a flood cannot displace them.
"""


def event(flags: int) -> Event | None:
    """The event of a segment with these TCP flags; None: none of the four."""
    return next((event for event in Event if flags & event), None)


def next_state(state: int, flags: int) -> int:
    """The state after a packet from the client; `flags` of UDP are not looked at."""
    if state == UDP_STATE:
        return UDP_STATE
    happened = event(flags)
    return TcpState.CLOSE if happened is None else INPUT_ONLY[happened][state]


def timeout(state: int, timeouts: Timeouts) -> int:
    """Seconds that an entry in this state lives after its last packet."""
    if state == UDP_STATE:
        return timeouts.udp
    if state == TcpState.ESTABLISHED:
        return timeouts.tcp
    if state == TcpState.FIN_WAIT:
        return timeouts.tcp_fin
    return _TIMEOUTS[TcpState(state)]
