"""From what was counted to what it means: loads, losses and takeovers, state by state.

Instants are nanoseconds of CLOCK_MONOTONIC; bandwidth is told in links (`trial.UNIT`), Ethernet
headers counted.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from trimaran.lab.load import BIN, FRAME_BYTES, Tally
from trimaran.lab.meter import Reading
from trimaran.lab.trial import UNIT, Loss, Variant
from trimaran.model.duration import SECOND


@dataclass(frozen=True, slots=True)
class Interval:
    """A state while it lasted: from the death, or the return, to just before the next one."""

    lost: Loss
    begin: int
    steady: int
    """From here on nothing but the lists decides: elections are over."""
    end: int


class Counts:
    """What was sent to a set of VIPs in bins of time, and received of it, by when it was sent."""

    def __init__(self, sent: Iterable[Tally], received: Iterable[Tally], vips: Iterable[str]):
        self._sent: Counter[int] = Counter()
        self._received: Counter[int] = Counter()
        self._delay: Counter[int] = Counter()
        for vip in vips:
            for tally in sent:
                for number, count in tally.vips[vip].items():
                    self._sent[number] += count.datagrams
            for tally in received:
                for number, count in tally.vips[vip].items():
                    self._received[number] += count.datagrams
                    self._delay[number] += count.delay

    def sent(self, begin: int, end: int) -> int:
        """Datagrams sent in the whole bins between two instants."""
        return sum(self._sent[number] for number in _bins(begin, end))

    def received(self, begin: int, end: int) -> int:
        """The datagrams of these that have been received."""
        return sum(self._received[number] for number in _bins(begin, end))

    def delay(self, begin: int, end: int) -> float:
        """Seconds that those received were on their way, mean; 0 if there are none."""
        total = sum(self._delay[number] for number in _bins(begin, end))
        return total / max(self.received(begin, end), 1) / SECOND

    def last_loss(self, begin: int, end: int) -> int | None:
        """When the last bin ended of which something was lost, between two instants."""
        for number in reversed(_bins(begin, end)):
            if self._sent[number] > self._received[number]:
                return (number + 1) * BIN
        return None


def _bins(begin: int, end: int) -> range:
    return range(-(-begin // BIN), end // BIN)


class Link(msgspec.Struct, frozen=True):
    """A director's link in the steady part of a state."""

    expected: float
    """The load that the lists give it, in links: what exceeds 1 cannot arrive."""
    measured: float
    """What arrived."""
    dropped: int
    """The datagrams a second that the full link dropped."""
    sent: int
    """The datagrams to the VIPs that the lists give it."""
    missing: int
    """Those of them that no real server received."""
    delay: float
    """Seconds that the others were on their way, mean."""


class State(msgspec.Struct, frozen=True):
    """What was measured in a state. Times in seconds from the beginning of the load."""

    lost: Loss
    begin: float
    steady: float
    end: float
    links: dict[str, Link]
    takeover: float
    """Seconds from the beginning of the state to the end of its last loss of datagrams; 0: none."""

    @property
    def sent(self) -> int:
        return sum(link.sent for link in self.links.values())

    @property
    def missing(self) -> int:
        return sum(link.missing for link in self.links.values())

    @property
    def name(self) -> str:
        return f"{' and '.join(self.lost)} dead" if self.lost else "all up"


class Moment(msgspec.Struct, frozen=True):
    """What was measured between two readings of the meter."""

    at: float
    """Seconds from the beginning of the load to the middle of it."""
    throughput: dict[str, float]
    """Of each director, in links."""
    drops: dict[str, float]
    """Of each director, in datagrams a second."""
    offered: float
    goodput: dict[str, float]
    """What the real servers received of each VIP, in links, by when it was sent."""


class Run:
    """All that was counted while a variant was tried."""

    def __init__(
        self,
        variant: Variant,
        vips: Sequence[str],
        intervals: Sequence[Interval],
        tallies: tuple[Sequence[Tally], Sequence[Tally]],
        readings: Sequence[Reading],
    ) -> None:
        self._variant = variant
        self._vips = dict(zip(vips, variant.lists, strict=True))
        self._intervals = intervals
        self._tallies = tallies
        self._counts = Counts(*tallies, vips)
        begin, end = intervals[0].begin, intervals[-1].end
        self._readings = [reading for reading in readings if begin <= reading.at <= end]

    def states(self) -> list[State]:
        """What was measured in each interval."""
        begin = self._intervals[0].begin
        found = []
        for interval in self._intervals:
            last = self._counts.last_loss(interval.begin, interval.end)
            found.append(
                State(
                    lost=interval.lost,
                    begin=(interval.begin - begin) / SECOND,
                    steady=(interval.steady - begin) / SECOND,
                    end=(interval.end - begin) / SECOND,
                    links=self._links(interval),
                    takeover=(last - interval.begin) / SECOND if last else 0.0,
                )
            )
        return found

    def moments(self) -> list[Moment]:
        """The course of things, from reading to reading."""
        begin = self._intervals[0].begin
        by_vip = {vip: Counts(*self._tallies, [vip]) for vip in self._vips}
        found = []
        for a, b in pairwise(self._readings):
            links = FRAME_BYTES * 8 * SECOND / (len(_bins(a.at, b.at)) * BIN) / UNIT
            found.append(
                Moment(
                    at=((a.at + b.at) // 2 - begin) / SECOND,
                    throughput={name: _throughput(a, b, name) for name in a.ports},
                    drops={name: _drops(a, b, name) for name in a.ports},
                    offered=self._counts.sent(a.at, b.at) * links,
                    goodput={vip: c.received(a.at, b.at) * links for vip, c in by_vip.items()},
                )
            )
        return found

    def _links(self, interval: Interval) -> dict[str, Link]:
        first, *_, last = (r for r in self._readings if interval.steady <= r.at <= interval.end)
        steady = (interval.steady, interval.end)
        found = {}
        for name, expected in self._variant.expected(interval.lost).items():
            held = [vip for vip, order in self._vips.items() if _holder(order, interval) == name]
            counts = Counts(*self._tallies, held)
            sent = counts.sent(*steady)
            found[name] = Link(
                expected=float(expected),
                measured=_throughput(first, last, name),
                dropped=round(_drops(first, last, name)),
                sent=sent,
                missing=sent - counts.received(*steady),
                delay=counts.delay(*steady),
            )
        return found


def _holder(order: Sequence[str], interval: Interval) -> str:
    return next(name for name in order if name not in interval.lost)


def _throughput(a: Reading, b: Reading, port: str) -> float:
    return (b.ports[port].bytes - a.ports[port].bytes) * 8 * SECOND / (b.at - a.at) / UNIT


def _drops(a: Reading, b: Reading, port: str) -> float:
    return (b.ports[port].drops - a.ports[port].drops) * SECOND / (b.at - a.at)
