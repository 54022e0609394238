"""How a machine deals with other masters when told otherwise than the RFCs have it, as stories.

This is lb1, 192.168.1.101 (priority 100).
"""

from dataclasses import replace

from vrrp_transcript import BACKUP, LB1, MASTER, play

from trimaran.model.duration import SECOND
from trimaran.model.router import Announcements, Manners


def test_preempt_delay_leaves_a_lesser_master_alone_for_a_while() -> None:
    play(
        replace(LB1, manners=Manners(preempt_delay=3 * SECOND)),
        BACKUP
        + """\
1        heard 50 from 192.168.1.102  # the delay begins
2        heard 50 from 192.168.1.102
3        heard 50 from 192.168.1.102
4        heard 50 from 192.168.1.102  # and is over: the timer is not put off any more
5        heard 50 from 192.168.1.102
6.609375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: priority 100, 192.168.1.102 has only 50
""",
    )


def test_preempt_delay_begins_anew_after_a_better_master() -> None:
    machine = play(
        replace(LB1, manners=Manners(preempt_delay=3 * SECOND)),
        BACKUP
        + """\
1        heard 50 from 192.168.1.102
2        heard 150 from 192.168.1.103
4.5      heard 50 from 192.168.1.102
7        heard 50 from 192.168.1.102
""",
    )
    assert machine.deadline() == 7 * SECOND + round(3.609375 * SECOND)


def test_preempt_delay_does_not_delay_the_takeover_from_a_dead_master() -> None:
    play(
        replace(LB1, manners=Manners(preempt_delay=300 * SECOND)),
        BACKUP
        + """\
1        heard 50 from 192.168.1.102
4.609375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.609 s
""",
    )


def test_down_timer_adverts() -> None:
    machine = play(replace(LB1, manners=Manners(down_adverts=5)), BACKUP)
    assert machine.deadline() == 5 * SECOND + (256 - 100) * SECOND // 256


def test_lower_prio_no_advert_only_announces() -> None:
    play(
        replace(LB1, manners=Manners(answers_lower=False)),
        MASTER
        + """\
4        heard 50 from 192.168.1.102
         -> announce 192.168.1.10 x5
         -> lower priority received
""",
    )


def test_higher_prio_send_advert_has_the_last_word() -> None:
    play(
        replace(LB1, manners=Manners(last_word=True)),
        MASTER
        + """\
4        heard 150 from 192.168.1.103
         -> advertise 100 as 192.168.1.101
         -> remove 192.168.1.10
         -> MASTER to BACKUP: received priority 150 from 192.168.1.103, ours is 100
""",
    )


def test_announcements_are_refreshed_for_ever() -> None:
    play(
        replace(
            LB1,
            announcements=Announcements(repeat=2, delay=0, refresh=2 * SECOND, refresh_repeat=3),
        ),
        MASTER.replace("x5", "x2")
        + """\
4.609375 timer
         -> advertise 100 as 192.168.1.101
5.609375 timer
         -> advertise 100 as 192.168.1.101
         -> announce 192.168.1.10 x3
6.609375 timer
         -> advertise 100 as 192.168.1.101
7.609375 timer
         -> advertise 100 as 192.168.1.101
         -> announce 192.168.1.10 x3
""",
    )


def test_announcements_because_of_a_lesser_master_are_counted_apart() -> None:
    play(
        replace(LB1, announcements=Announcements(lower_repeat=1, lower_delay=2 * SECOND)),
        MASTER
        + """\
4        heard 50 from 192.168.1.102
         -> advertise 100 as 192.168.1.101
         -> announce 192.168.1.10 x1
         -> lower priority received
4.609375 timer
         -> advertise 100 as 192.168.1.101
5        timer  # the lesser one must have yielded by now
         -> announce 192.168.1.10 x5
5.609375 timer
         -> advertise 100 as 192.168.1.101
6        timer
         -> announce 192.168.1.10 x1
""",
    )
