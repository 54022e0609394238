"""Sync groups: virtual routers of one director that are master together or not at all.

A group has no timer and no clock. After anything has happened to one of its members its shell
calls `settle` with what all of them are now, tells the machines what it returns, and calls it
again until it returns nothing. Then

* all members are master, or none is: one whose master-down timer has expired is a *candidate*
  until all others are, or are master already;
* one that yields to another master takes the rest along, but those that are handing over: each
  serves until it hears its own successor;
* the FAULT of one is that of all, with the reason.

So a group moves only to a director on which all members win. If the priorities of its members
have different orders on two directors, it stays where it is (keepalived does the same).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trimaran.vrrp.actions import State
from trimaran.vrrp.events import Demoted, Event, GroupFault, Promoted


@dataclass(frozen=True, slots=True)
class Member:
    """What a group has to know of a machine.

    `candidate`: it would be master but for its group. `follows`: it has accepted another master.
    `leaving`: it is master, and handing over.
    `fault`: its own reason to be in FAULT, if any; `shared_fault`: what it was told of others'.
    """

    state: State
    candidate: bool = False
    follows: bool = False
    leaving: bool = False
    fault: str | None = None
    shared_fault: str | None = None


class Group:
    """One sync group."""

    def __init__(self) -> None:
        self._masters: frozenset[str] = frozenset()

    def settle(self, members: Mapping[str, Member]) -> list[tuple[str, Event]]:
        """What to tell which members now."""
        orders = list(_share_faults(members))
        if not orders:
            orders = list(self._demote(members)) or list(_promote(members))
        self._masters = frozenset(_in(State.MASTER, members))
        return orders

    def _demote(self, members: Mapping[str, Member]) -> Iterator[tuple[str, Event]]:
        """If one has lost its mastership, or hears a master that it must follow, all yield."""
        lost = [
            name
            for name, member in members.items()
            if member.state is State.BACKUP and (member.follows or name in self._masters)
        ]
        if lost:
            for name in _in(State.MASTER, members):
                if not members[name].leaving:
                    yield name, Demoted(f"{lost[0]} of its sync group is backup")


def group_state(members: Mapping[str, Member]) -> State:
    """The state of a settled group: that of all its members, or what keeps them from it."""
    states = {member.state for member in members.values()}
    for state in (State.FAULT, State.INIT, State.BACKUP, State.MASTER):
        if state in states:
            return state
    return State.STOP


def _share_faults(members: Mapping[str, Member]) -> Iterator[tuple[str, Event]]:
    for name, member in members.items():
        if member.state is State.STOP:
            continue
        shared = next(
            (
                f"{other} of its sync group: {one.fault}"
                for other, one in members.items()
                if other != name and one.fault is not None and one.state is not State.STOP
            ),
            None,
        )
        if shared != member.shared_fault:
            yield name, GroupFault(shared)


def _promote(members: Mapping[str, Member]) -> Iterator[tuple[str, Event]]:
    if all(member.candidate or member.state is State.MASTER for member in members.values()):
        for name, member in members.items():
            if member.candidate:
                yield name, Promoted()


def _in(state: State, members: Mapping[str, Member]) -> Iterator[str]:
    return (name for name, member in members.items() if member.state is state)
