"""The BFD machine, as stories (RFC 5880, 6.8). Our discriminator is 1, the neighbour's 7."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from bfd_transcript import SESSION, play

from trimaran.bfd import events
from trimaran.bfd.machine import Machine
from trimaran.bfd.packet import Discarded, Reason
from trimaran.model.duration import MILLISECOND, SECOND

BECOME_UP = """
0        start
         -> send Down 1/0
0.1      heard Down 7/0
         -> Down to Init: the neighbour says Down
         -> send Init 1/7
0.2      heard Init 7/1
         -> Init to Up: the neighbour says Init
         -> send Up 1/7 poll tx=10
"""
"""From here on both tell 1000 ms, for the neighbour has not told a shorter one."""
AGREE = (
    BECOME_UP
    + """\
0.3      heard Up 7/1 final rx=10 tx=10
0.31     timer
         -> send Up 1/7 tx=10
"""
)
"""Up at 10 ms; the detection time is 3 x 10 ms."""


def test_rfc5880_6_2_three_way_handshake_from_down_to_up() -> None:
    machine = play(SESSION, BECOME_UP)
    assert machine.view().up is True


def test_rfc5880_6_8_3_a_session_that_is_not_up_sends_once_a_second() -> None:
    machine = play(
        SESSION,
        """
0        start
         -> send Down 1/0
1        timer
         -> send Down 1/0
2        timer
         -> send Down 1/0
""",
    )
    assert machine.view().up is None, "not known yet"


def test_a_neighbour_that_never_answers_is_said_to_be_down() -> None:
    machine = play(
        replace(SESSION, passive=True),
        """
0        start
3        timer
         -> missed: not heard of yet
""",
    )
    assert machine.view().up is False
    assert machine.deadline() is None, "a passive session does not speak first"


def test_rfc5880_6_8_1_a_passive_session_answers() -> None:
    play(
        replace(SESSION, passive=True),
        """
0        start
1        heard Down 7/0
         -> Down to Init: the neighbour says Down
         -> send Init 1/7
2        timer
         -> send Init 1/7
""",
    )


def test_rfc5880_6_8_4_silence_for_the_detection_time_is_the_end() -> None:
    machine = play(
        SESSION,
        AGREE
        + """\
0.32     timer
         -> send Up 1/7 tx=10
0.325    heard Up 7/1 rx=10 tx=10
0.33     timer
         -> send Up 1/7 tx=10
0.34     timer
         -> send Up 1/7 tx=10
0.35     timer
         -> send Up 1/7 tx=10
0.355    timer
         -> Up to Down: no packet for 0.03 s
         -> send Down 1/0 diag=1
1.355    timer
         -> send Down 1/0 diag=1
""",
    )
    assert machine.view().up is False


def test_packets_that_wait_in_the_socket_prove_that_the_path_is_good() -> None:
    """A stall of this process is not the neighbour's: its shell reads before it tells the time."""
    play(
        SESSION,
        AGREE
        + """\
5        heard Up 7/1 rx=10 tx=10
5        late timer
         -> send Up 1/7 tx=10
""",
    )


def test_the_neighbour_says_that_it_lost_us() -> None:
    play(
        SESSION,
        AGREE
        + """\
0.315    heard Down 7/1 diag=1
         -> Up to Down: the neighbour says Down (diagnostic 1)
         -> send Down 1/7 diag=3
0.32     heard Down 7/1 diag=1
         -> Down to Init: the neighbour says Down
         -> send Init 1/7
""",
    )


def test_a_neighbour_that_is_taken_down_by_hand_does_not_come_up_by_itself() -> None:
    play(
        SESSION,
        AGREE
        + """\
0.315    heard AdminDown 7/1 diag=7
         -> Up to Down: the neighbour says AdminDown (diagnostic 7)
         -> send Down 1/7 diag=3
0.32     heard AdminDown 7/1 diag=7
""",
    )


def test_rfc5880_6_8_7_a_poll_is_answered_at_once_with_a_final() -> None:
    play(
        SESSION,
        AGREE
        + """\
0.315    heard Up 7/1 poll rx=50 tx=10
         -> send Up 1/7 final tx=10
0.345    timer
         -> Up to Down: no packet for 0.03 s
         -> send Down 1/0 diag=1
""",
    )


def test_rfc5880_6_8_2_we_send_no_faster_than_the_neighbour_can_hear() -> None:
    play(
        SESSION,
        AGREE
        + """\
0.315    heard Up 7/1 rx=400 tx=1000
0.32     timer
         -> send Up 1/7 tx=10
0.72     timer
         -> send Up 1/7 tx=10
""",
    )


def test_rfc5880_6_8_1_a_neighbour_that_wants_no_packets_gets_none() -> None:
    machine = play(SESSION, AGREE + "0.315    heard Up 7/1 rx=0 tx=10\n")
    assert machine.deadline() == round(0.345 * SECOND), "only the detection is left"


def test_rfc5880_6_6_a_neighbour_in_demand_mode_is_left_in_peace() -> None:
    machine = play(SESSION, AGREE + "0.315    heard Up 7/1 rx=10 tx=10 demand\n")
    assert machine.deadline() == round(0.345 * SECOND)


def test_rfc5880_6_8_3_a_slower_pace_waits_for_the_end_of_the_poll_sequence() -> None:
    slow = replace(SESSION, desired_min_tx=100 * MILLISECOND)
    play(
        SESSION,
        AGREE
        + """\
0.315    become slow
         -> send Up 1/7 poll tx=100
0.325    timer
         -> send Up 1/7 poll tx=100
0.326    heard Up 7/1 final rx=10 tx=10
0.335    timer
         -> send Up 1/7 tx=100
0.336    heard Up 7/1 rx=10 tx=1000
0.435    timer
         -> send Up 1/7 tx=100
""",
        slow=slow,
    )


@pytest.mark.parametrize(
    ("multiplier", "chance", "due"), [(5, 0.999, 0.75), (5, 0.0, 1.0), (1, 0.0, 0.9)]
)
def test_rfc5880_6_8_7_jitter(multiplier: int, chance: float, due: float) -> None:
    session = replace(SESSION, multiplier=multiplier)
    machine = play(session, "0        start\n         -> send Down 1/0", chance=chance)
    deadline = machine.deadline()
    assert deadline is not None
    assert abs(deadline - due * SECOND) < 2 * MILLISECOND


def test_rfc5881_5_a_packet_that_was_forwarded_is_not_for_us() -> None:
    machine = play(
        SESSION,
        """
0        start
         -> send Down 1/0
0.1      heard Down 7/0 ttl=254
         -> warn: packet discarded: TTL 254 instead of 255 or more
0.2      heard Down 7/0 ttl=254
0.3      heard Init 7/9
         -> warn: packet discarded: it is for another session
""",
    )
    assert machine.view().discarded == {"ttl": 2, "discriminator": 1}
    assert machine.view().received == 0


def test_authentication_is_refused_by_name() -> None:
    machine = Machine(SESSION, 1, lambda: 0.0)
    machine.handle(events.Started(), 0)
    refused = Discarded(Reason.AUTHENTICATION, "it is authenticated, which is not supported")
    (warning,) = machine.handle(refused, 1)
    assert "it is authenticated, which is not supported" in str(warning)
    assert machine.view().discarded == {"authentication": 1}


def test_a_shutdown_is_told() -> None:
    machine = play(
        SESSION,
        AGREE
        + """\
0.315    stop
         -> Up to AdminDown: shut down
         -> send AdminDown 1/7 diag=7
0.32     heard Up 7/1
0.33     late timer
""",
    )
    assert machine.deadline() is None


def test_another_neighbour_is_another_session() -> None:
    machine = Machine(SESSION, 1, lambda: 0.0)
    other = replace(SESSION, neighbour=IPv4Address("192.168.1.103"))
    with pytest.raises(ValueError, match="another session"):
        machine.handle(events.Reconfigured(other), 0)
