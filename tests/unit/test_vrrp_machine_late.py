"""A master that did nothing for too long, and others that use its VRID."""

from dataclasses import replace
from ipaddress import IPv4Address

from vrrp_transcript import LB1, MASTER, play

from trimaran.daemon.timerfd import Suspension
from trimaran.model.duration import SECOND
from trimaran.model.router import Manners
from trimaran.vrrp.actions import State
from trimaran.vrrp.events import Reconfigured
from trimaran.vrrp.machine import Machine
from trimaran.vrrp.packet import Advertisement, Reason, Received

PASSIVE = replace(LB1, preempt=False)


def test_whoever_took_over_from_a_stalled_master_is_left_alone_without_preemption() -> None:
    """The advertisement of 4.609 was due; what came in meanwhile is heard first."""
    play(
        PASSIVE,
        MASTER
        + """\
8        heard 50 from 192.168.1.102
         -> remove 192.168.1.10
         -> MASTER to BACKUP: was late by 3.391 s, and 192.168.1.102 has taken over
8        heard 50 from 192.168.1.102
9        heard 50 from 192.168.1.102
""",
    )


def test_a_better_one_takes_its_place_back_in_order() -> None:
    play(
        LB1,
        MASTER
        + """\
8        heard 50 from 192.168.1.102
         -> remove 192.168.1.10
         -> MASTER to BACKUP: was late by 3.391 s, and 192.168.1.102 has taken over
9        heard 50 from 192.168.1.102
11.609375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: priority 100, 192.168.1.102 has only 50
""",
    )


def test_lateness_that_no_backup_can_have_noticed_matters_to_nobody() -> None:
    play(
        LB1,
        MASTER
        + """\
6.6      heard 50 from 192.168.1.102
         -> advertise 100 as 192.168.1.101
         -> announce 192.168.1.10 x5
         -> lower priority received
""",
    )


def test_a_stalled_master_that_nobody_succeeded_goes_on() -> None:
    play(
        LB1,
        MASTER
        + """\
9        late timer
         -> advertise 100 as 192.168.1.101
         -> announce 192.168.1.10 x5
""",
    )


def test_after_a_suspension_a_master_listens_first() -> None:
    """Nobody has heard what came in meanwhile."""
    play(
        LB1,
        MASTER
        + """\
4        suspended 1.9
500      suspended 495.5
         -> remove 192.168.1.10
         -> MASTER to BACKUP: was suspended for 495.500 s
503.609375 timer
         -> advertise 100 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> BACKUP to MASTER: no advertisement for 3.609 s
""",
    )


def test_a_suspension_is_what_one_clock_has_slept_through() -> None:
    clocks = {"boot": 100 * SECOND, "awake": 90 * SECOND}
    suspension = Suspension(lambda: clocks["boot"], lambda: clocks["awake"])
    clocks |= {"boot": 105 * SECOND, "awake": 95 * SECOND}
    assert suspension.ended() == 0
    clocks |= {"boot": 165 * SECOND, "awake": 96 * SECOND}
    assert suspension.ended() == 59 * SECOND
    assert suspension.ended() == 0


def test_an_owner_may_ignore_all_others() -> None:
    play(
        replace(LB1, priority=255, manners=Manners(owner_alone=True)),
        """
0        up 192.168.1.101
0        start
         -> advertise 255 as 192.168.1.101
         -> add 192.168.1.10
         -> announce 192.168.1.10 x5
         -> INIT to MASTER: started, owner of the addresses (priority 255)
1        heard 255 from 192.168.1.102
1        heard 50 from 192.168.1.99
""",
    )


def heard(sender: str, *addresses: str, password: bytes | None = None) -> Received:
    said = tuple(IPv4Address(address) for address in addresses)
    return Received(Advertisement(2, 1, 50, SECOND, said, password), IPv4Address(sender))


def test_others_that_use_the_vrid_are_named() -> None:
    machine = play(LB1, MASTER)
    machine.handle(heard("192.168.1.77", "10.9.9.9"), 4 * SECOND)
    machine.handle(heard("192.168.1.78", "192.168.1.10", password=b"theirs"), 5 * SECOND)
    machine.handle(heard("192.168.1.102", "192.168.1.10"), 6 * SECOND)
    assert [(str(s.address), s.complaint, s.heard) for s in machine.view().strangers] == [
        ("192.168.1.77", "advertises other addresses than ours: 10.9.9.9", 4 * SECOND),
        ("192.168.1.78", "no authentication expected", 5 * SECOND),
    ]
    machine.handle(heard("192.168.1.77", "192.168.1.10"), 7 * SECOND)
    assert len(machine.view().strangers) == 1, "that one was a peer with an older configuration"


def test_a_flood_of_strangers_fills_nothing() -> None:
    machine = play(LB1, MASTER)
    for number in range(1, 251):
        machine.handle(heard(f"10.7.7.{number}", "10.9.9.9"), 4 * SECOND)
    assert len(machine.view().strangers) == 8
    assert str(machine.view().strangers[-1].address) == "10.7.7.250"
    assert machine.view().discarded.get(Reason.TTL.value, 0) == 0
    assert machine.state is State.MASTER


def test_a_new_configuration_forgets_them() -> None:
    machine: Machine = play(LB1, MASTER)
    machine.handle(heard("192.168.1.77", "10.9.9.9"), 4 * SECOND)
    machine.handle(Reconfigured(replace(LB1, priority=90)), 5 * SECOND)
    assert machine.view().strangers == ()
