"""What an advertisement that is meant for a virtual router means for it."""

from enum import Enum, auto

from trimaran.model.ip import IPAddress
from trimaran.vrrp.packet import Advertisement
from trimaran.vrrp.situation import Situation


class Verdict(Enum):
    """What to do about it."""

    FOLLOW = auto()
    """The sender is master: wait for its next advertisement, as a backup."""
    SUCCEED = auto()
    """The master has left: take its place soon."""
    PREEMPT = auto()
    """The master is a lesser one: wait no longer for its sake."""
    INSIST = auto()
    """The sender takes itself for master, wrongly: tell it."""


def as_backup(situation: Situation, heard: Advertisement) -> Verdict:
    """RFC 9568, 6.4.2, (420) to (465)."""
    if heard.priority == 0:
        return Verdict.SUCCEED
    if heard.priority >= situation.priority or not situation.preempts:
        return Verdict.FOLLOW
    return Verdict.PREEMPT


def as_master(situation: Situation, heard: Advertisement, sender: IPAddress) -> Verdict:
    """RFC 9568, 6.4.3, (700) to (760): of equal priorities the higher primary address wins."""
    assert situation.primary is not None, "only a router with an address is ever master"
    mine = situation.priority, int(situation.primary)
    return Verdict.FOLLOW if (heard.priority, int(sender)) > mine else Verdict.INSIST
