"""SCTP's connection states in IPVS (ipvs-semantics 1.3b, 1.4): data for `dataplane.states`."""

from enum import IntEnum
from typing import Final

from trimaran.dataplane.direction import Direction


class SctpState(IntEnum):
    """Numbered as on IPVS's sync wire."""

    NONE = 0
    INIT1 = 1
    INIT = 2
    COOKIE_SENT = 3
    COOKIE_REPLIED = 4
    COOKIE_WAIT = 5
    COOKIE = 6
    COOKIE_ECHOED = 7
    ESTABLISHED = 8
    SHUTDOWN_SENT = 9
    SHUTDOWN_RECEIVED = 10
    SHUTDOWN_ACK_SENT = 11
    REJECTED = 12
    CLOSED = 13


NAMES: Final = (
    "NONE",
    "INIT1",
    "INIT",
    "C-SENT",
    "C-REPLIED",
    "C-WAIT",
    "COOKIE",
    "C-ECHOED",
    "ESTABLISHED",
    "S-SENT",
    "S-RECEIVED",
    "S-ACK-SENT",
    "REJECTED",
    "CLOSED",
)
"""What ipvsadm prints, by number."""


class SctpEvent(IntEnum):
    """What a packet is to the state machine: its first chunk.

    The numbers share bits with TCP's flags: that of SYN is set where a packet opens a
    connection, and that of RST where it must not.
    """

    DATA = 0
    INIT = 2
    INIT_ACK = 1
    COOKIE_ECHO = 8
    COOKIE_ACK = 9
    SHUTDOWN = 16
    SHUTDOWN_ACK = 17
    SHUTDOWN_COMPLETE = 24
    ERROR = 25
    ABORT = 4
    NOTHING = 5
    """No chunk: the state stays."""


CHUNKS: Final = {
    1: SctpEvent.INIT,
    2: SctpEvent.INIT_ACK,
    6: SctpEvent.ABORT,
    7: SctpEvent.SHUTDOWN,
    8: SctpEvent.SHUTDOWN_ACK,
    9: SctpEvent.ERROR,
    10: SctpEvent.COOKIE_ECHO,
    11: SctpEvent.COOKIE_ACK,
    14: SctpEvent.SHUTDOWN_COMPLETE,
}
"""Events by chunk type; every other type is DATA."""

_SHORT: Final = {
    "NO": SctpState.NONE,
    "I1": SctpState.INIT1,
    "IN": SctpState.INIT,
    "CS": SctpState.COOKIE_SENT,
    "CR": SctpState.COOKIE_REPLIED,
    "CW": SctpState.COOKIE_WAIT,
    "CO": SctpState.COOKIE,
    "CE": SctpState.COOKIE_ECHOED,
    "ES": SctpState.ESTABLISHED,
    "SS": SctpState.SHUTDOWN_SENT,
    "SR": SctpState.SHUTDOWN_RECEIVED,
    "SA": SctpState.SHUTDOWN_ACK_SENT,
    "RJ": SctpState.REJECTED,
    "CL": SctpState.CLOSED,
}


def _row(text: str) -> tuple[SctpState, ...]:
    return tuple(_SHORT[short] for short in text.split())


# The next state for each present state, in the order of SctpState.
TRANSITIONS: Final = {
    Direction.INPUT: {
        #                                NO I1 IN CS CR CW CO CE ES SS SR SA RJ CL
        SctpEvent.DATA: _row("             ES I1 IN CS CR CW CO CE ES SS SR SA RJ CL"),
        SctpEvent.INIT: _row("             I1 IN IN CS CR CW CO CE ES SS SR SA IN IN"),
        SctpEvent.INIT_ACK: _row("         CW CW CW CS CR CO CO CE ES SS SR SA RJ CL"),
        SctpEvent.COOKIE_ECHO: _row("      CR IN IN CR CR CW CO CE ES SS SR SA RJ CL"),
        SctpEvent.COOKIE_ACK: _row("       ES I1 IN CS CR CW CO ES ES SS SR SA RJ CL"),
        SctpEvent.SHUTDOWN: _row("         SR I1 IN CS CR CW CO CE SR SS SR SA RJ CL"),
        SctpEvent.SHUTDOWN_ACK: _row("     CL IN IN CS CR CW CO CE ES CL SR CL RJ CL"),
        SctpEvent.SHUTDOWN_COMPLETE: _row("CL CL CL CS CR CW CO CE ES SS SR CL RJ CL"),
        SctpEvent.ERROR: _row("            CL I1 IN CS CR CW CO CL ES SS SR SA RJ CL"),
        SctpEvent.ABORT: _row("            CL CL CL CL CL RJ CL CL CL CL CL CL CL CL"),
    },
    Direction.OUTPUT: {
        SctpEvent.DATA: _row("             ES I1 IN CS CR CW CO CE ES SS SR SA RJ CL"),
        SctpEvent.INIT: _row("             CW CW CW CW CW CW CW CW ES CW CW CW CW CW"),
        SctpEvent.INIT_ACK: _row("         CS CS CS CS CR CW CO CE ES SS SR SA RJ CL"),
        SctpEvent.COOKIE_ECHO: _row("      CE CE CE CE CE CE CE CE ES SS SR SA RJ CL"),
        SctpEvent.COOKIE_ACK: _row("       ES ES ES ES ES ES ES ES ES SS SR SA RJ CL"),
        SctpEvent.SHUTDOWN: _row("         SS SS SS SS SS SS SS SS SS SS SR SA RJ CL"),
        SctpEvent.SHUTDOWN_ACK: _row("     SA SA SA SA SA CW CO CE ES SA SA SA RJ CL"),
        SctpEvent.SHUTDOWN_COMPLETE: _row("CL I1 IN CS CR CW CO CE ES SS SR SA RJ CL"),
        SctpEvent.ERROR: _row("            CL CL CL CL CL CW CO CE ES SS SR SA RJ CL"),
        SctpEvent.ABORT: _row("            CL RJ CL CL CL CL CL CL CL CL CL CL CL CL"),
    },
    Direction.INPUT_ONLY: {
        SctpEvent.DATA: _row("             ES I1 IN CS CR ES CO CE ES SS SR SA RJ CL"),
        SctpEvent.INIT: _row("             I1 IN IN IN IN IN CO CE ES SS SR SA IN IN"),
        SctpEvent.INIT_ACK: _row("         CE CE CE CE CE CE CO CE ES SS SR SA RJ CL"),
        SctpEvent.COOKIE_ECHO: _row("      ES ES ES ES ES ES CO CE ES SS SR SA RJ CL"),
        SctpEvent.COOKIE_ACK: _row("       ES I1 IN ES ES CW ES ES ES SS SR SA RJ CL"),
        SctpEvent.SHUTDOWN: _row("         SR I1 IN CS CR CW CO CE SR SS SR SA RJ CL"),
        SctpEvent.SHUTDOWN_ACK: _row("     CL IN IN CS CR CW CO CE CL CL SR CL RJ CL"),
        SctpEvent.SHUTDOWN_COMPLETE: _row("CL CL CL CL CL CW CO CE ES SS CL CL RJ CL"),
        SctpEvent.ERROR: _row("            CL I1 IN CS CR CW CO CE ES SS SR SA RJ CL"),
        SctpEvent.ABORT: _row("            CL CL CL CL CL RJ CL CL CL CL CL CL CL CL"),
    },
}

TIMEOUTS: Final = {
    state: {
        SctpState.NONE: 2,
        SctpState.INIT1: 4,
        SctpState.ESTABLISHED: 900,
        SctpState.REJECTED: 4,
    }.get(state, 61)
    for state in SctpState
}
"""Seconds; none can be set."""


def next_state(direction: Direction, state: SctpState, event: int) -> SctpState:
    """The state after a packet; an unknown `event` changes nothing."""
    try:
        return TRANSITIONS[direction][SctpEvent(event)][state]
    except (KeyError, ValueError):
        return state
