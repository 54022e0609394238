"""A simulated Ethernet segment with VRRP machines on it: exact time, chosen faults.

Packets really pass through the codec. Nothing here sleeps: an hour takes milliseconds.
"""

import heapq
import random
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address

from trimaran.model.duration import MICROSECOND, MILLISECOND
from trimaran.model.router import VirtualRouter
from trimaran.model.transport import GROUP, PROTOCOL
from trimaran.vrrp.actions import SendAdvertisement, State
from trimaran.vrrp.events import Event, InterfaceDown, InterfaceUp, Shutdown, Started, TimerExpired
from trimaran.vrrp.machine import Machine
from trimaran.vrrp.packet import Received, decode, encode

LATENCY = (50 * MICROSECOND, 2 * MILLISECOND)


class Segment:
    """Hosts are numbered from 0; their addresses rise with the number."""

    def __init__(self, routers: Sequence[VirtualRouter], seed: int = 0) -> None:
        self.routers = list(routers)
        self.machines: dict[int, Machine] = {}
        self.now = 0
        self.loss = 0.0
        self.unplugged: set[int] = set()
        self.island: set[int] = set()
        """Hosts that only hear each other, though all their links are up."""
        self.history: list[tuple[int, frozenset[int]]] = [(0, frozenset())]
        """Who were masters, from which instant on."""
        self._random = random.Random(seed)
        self._in_flight: list[tuple[int, int, int, bytes]] = []
        self._sent = 0
        self._last_arrival: dict[tuple[int, int], int] = {}

    @staticmethod
    def address(host: int) -> IPv4Address:
        return IPv4Address("192.168.1.101") + host

    def start(self, host: int) -> None:
        """Boot a host and its director, if it is not running."""
        if host not in self.machines:
            self.machines[host] = Machine(self.routers[host])
            if host not in self.unplugged:
                self.tell(host, InterfaceUp(self.address(host)))
            self.tell(host, Started())

    def start_all(self) -> None:
        for host in range(len(self.routers)):
            self.start(host)

    def kill(self, host: int) -> None:
        """Lose a host without a word."""
        self.machines.pop(host, None)
        self._note_masters()

    def stop(self, host: int) -> None:
        """Shut a host's director down at once, in order."""
        if host in self.machines:
            self.tell(host, Shutdown())

    def leave(self, host: int) -> None:
        """Shut a host's director down as an operator does: it hands over first."""
        if host in self.machines:
            self.tell(host, Shutdown(hand_over=True))

    def unplug(self, host: int) -> None:
        self.unplugged.add(host)
        if host in self.machines:
            self.tell(host, InterfaceDown("no carrier"))

    def plug(self, host: int) -> None:
        self.unplugged.discard(host)
        if host in self.machines:
            self.tell(host, InterfaceUp(self.address(host)))

    def run(self, duration: int) -> None:
        """Let this much time pass."""
        end = self.now + duration
        while True:
            deadlines = [
                (at, host)
                for host, machine in self.machines.items()
                if (at := machine.deadline()) is not None
            ]
            due, host = min(deadlines, default=(end + 1, -1))
            arrival = self._in_flight[0][0] if self._in_flight else end + 1
            if min(due, arrival) > end:
                break
            self.now = min(due, arrival)
            if arrival <= due:
                _, _, receiver, datagram = heapq.heappop(self._in_flight)
                self._deliver(receiver, datagram)
            else:
                self.tell(host, TimerExpired())
        self.now = end

    def next_event(self) -> int | None:
        """When something happens next, if nothing is done to the segment."""
        arrivals = [flying[0] for flying in self._in_flight[:1]]
        deadlines = (machine.deadline() for machine in self.machines.values())
        return min([*arrivals, *(at for at in deadlines if at is not None)], default=None)

    def masters(self) -> frozenset[int]:
        return self.history[-1][1]

    def tell(self, host: int, event: Event) -> None:
        for action in self.machines[host].handle(event, self.now):
            if isinstance(action, SendAdvertisement) and host not in self.unplugged:
                self._multicast(host, encode(action.advertisement, action.source))
        self._note_masters()
        if self.machines[host].view().state is State.STOP:
            del self.machines[host]

    def _multicast(self, sender: int, payload: bytes) -> None:
        length = 20 + len(payload)
        header = struct.pack("!BBHHHBBH", 0x45, 0xC0, length, 0, 0, 255, PROTOCOL, 0)
        datagram = header + self.address(sender).packed + GROUP.packed + payload
        for host in range(len(self.routers)):
            reached = (host in self.island) == (sender in self.island)
            if host != sender and reached and self._random.random() >= self.loss:
                # What one host sends, Ethernet keeps in order.
                arrival = max(
                    self.now + self._random.randint(*LATENCY),
                    self._last_arrival.get((sender, host), 0),
                )
                self._last_arrival[sender, host] = arrival
                self._sent += 1
                heapq.heappush(self._in_flight, (arrival, self._sent, host, datagram))

    def _deliver(self, host: int, datagram: bytes) -> None:
        if host in self.machines and host not in self.unplugged:
            received = decode(datagram)
            assert isinstance(received, Received)
            self.tell(host, received)

    def _note_masters(self) -> None:
        masters = frozenset(
            host for host, m in self.machines.items() if m.view().state is State.MASTER
        )
        if masters != self.history[-1][1]:
            self.history.append((self.now, masters))
