"""Hosts with a sync group of virtual routers, each on a segment of its own; exact time."""

from collections.abc import Sequence
from dataclasses import replace

from vrrp_segment import Segment

from trimaran.model.router import VirtualRouter
from trimaran.vrrp.actions import State
from trimaran.vrrp.group import Group, Member


class Grouped:
    """Host `h` has one virtual router on each segment, and all of them are one group."""

    def __init__(self, base: VirtualRouter, priorities: Sequence[Sequence[int]], seed: int) -> None:
        """`priorities`: for each segment those of the hosts."""
        self.segments = [
            Segment(
                [replace(base, name=f"r{s}", group="g", priority=p) for p in each], seed * 8 + s
            )
            for s, each in enumerate(priorities)
        ]
        self.groups = [Group() for _ in priorities[0]]
        self.split: list[str] = []
        """When members of a host were not together although their group had settled."""

    @property
    def now(self) -> int:
        return self.segments[0].now

    def run(self, duration: int) -> None:
        """Let this much time pass, event by event, on all segments alike."""
        end = self.now + duration
        while True:
            instants = [at for s in self.segments if (at := s.next_event()) is not None]
            instant = min([*instants, end])
            for segment in self.segments:
                segment.run(instant - segment.now)
            self.settle()
            if instant >= end:
                return

    def settle(self) -> None:
        for host, group in enumerate(self.groups):
            while orders := group.settle(self._members(host)):
                for name, event in orders:
                    self.segments[int(name[1:])].tell(host, event)
            states = {member.state for member in self._members(host).values()}
            if len(states) > 1 and State.MASTER in states:
                self.split.append(f"{self.now}: host {host} is {sorted(states)}")

    def each(self, fault: str, host: int) -> None:
        """The same on all segments: start, kill, stop, ..."""
        for segment in self.segments:
            getattr(segment, fault)(host)
        if fault in ("kill", "stop"):
            self.groups[host] = Group()
        self.settle()

    def masters(self) -> list[frozenset[int]]:
        return [segment.masters() for segment in self.segments]

    def _members(self, host: int) -> dict[str, Member]:
        return {
            f"r{s}": segment.machines[host].member()
            for s, segment in enumerate(self.segments)
            if host in segment.machines
        }
