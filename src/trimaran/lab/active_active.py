"""`trimaran lab demo active-active`: what lists of directors are worth, on shaped links.

Of every variant: all directors up, then each loss in turn, healed before the next. As planned,
no loss may cost a datagram after its failover; the others must show the trouble that the planner
foresees, or the demo would prove nothing.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from trimaran.lab import record, report, shaped, shaping
from trimaran.lab.errors import LabError
from trimaran.lab.load import FRAME_BYTES
from trimaran.lab.measurement import Interval, Run, State
from trimaran.lab.meter import INTERVAL
from trimaran.lab.report import Check, Result, Tried
from trimaran.lab.shaped import ADVERTISEMENT_INTERVAL, ShapedLab
from trimaran.lab.story import Story
from trimaran.lab.traces import check_none_left
from trimaran.lab.trial import TRAFFIC, UNIT, Loss, Trial, Variant
from trimaran.model.duration import MILLISECOND, SECOND
from trimaran.plan.priorities import priorities
from trimaran.vrrp.timers import master_down_interval

_MARGIN = ADVERTISEMENT_INTERVAL + 250 * MILLISECOND
"""What may be added to the protocol's bound: an interval when two take over at once, until the
lesser one has yielded; and what the takeover's own work and a busy machine take."""

_NORMAL, _LOST, _HEALED = 4 * SECOND, 4 * SECOND, 2 * SECOND
"""How long the steady part of a state is measured: all up, after a loss, healed."""

_PATIENCE = 3 * SECOND
_OFFERED = 0.015  # how far the load of a state may be from what was meant to be sent

_TOLERANCE = 0.03
"""How far a link's load and a share of datagrams may be from what the lists say."""

_IDLE = 0.01  # less of a link than this is no load
_QUEUING = 0.005  # seconds on the way, mean: a link that is not full delays by 1 or 2 ms


def run(prefix: str, trial: Trial, outputs: Sequence[TextIO], directory: Path) -> bool:
    """Tell, check and measure the trial, and write the page; whether all was as it should be.

    Raises `LabError` if the lab cannot be made or the page not be written.
    """
    begin = time.monotonic()
    story = Story(outputs)
    demo = _Demo(story, trial)
    lab = shaped.up(prefix, trial)
    made = record.read(lab.directory)
    try:
        report.prepare(directory)
        story.title(f"trimaran lab demo active-active: {trial.title}")
        demo.tell(ShapedLab(lab))
    except LabError as error:
        demo.check(False, str(error))
    finally:
        logs = {director.name: director.log for director in lab.directors}
        lab.down()
    check_none_left(story, lab, made)
    seconds = time.monotonic() - begin
    page = report.write(directory, demo.result(seconds), logs)
    story.show([f"The page: {page}", f"The figures: {page.with_suffix('.json')}"])
    story.end(seconds)
    return story.failures == 0


class _Demo:
    def __init__(self, story: Story, trial: Trial) -> None:
        self._story = story
        self._trial = trial
        self._tried: list[Tried] = []
        self._checks: list[Check] = []
        self._begin = datetime.now(UTC)

    def check(self, good: bool, what: str) -> None:
        """Something that must be so, in the story and on the page."""
        self._story.check(good, what)
        self._checks.append(Check(good, what))

    def tell(self, lab: ShapedLab) -> None:
        """Every variant, in order."""
        self._story.say(
            f"Links of {UNIT / 1e6:g} Mbit/s, load {float(TRAFFIC):g} links: UDP datagrams of "
            f"{FRAME_BYTES} bytes. Of each link its load, in brackets what the planner expects."
        )
        for variant in self._trial.variants:
            self._story.step(variant.name)
            for number, order in enumerate(variant.lists):
                self._story.say(f"{shaped.vip(number)}  {' '.join(order)}")
            tried = _measure(lab, variant)
            self._tried.append(tried)
            for state in tried.states:
                self._judge(variant, state)
            if not variant.planned:
                self._judge_trouble(tried)

    def result(self, seconds: float) -> Result:
        """All that the page shows."""
        return Result(
            title=self._trial.title,
            begin=self._begin.isoformat(timespec="seconds"),
            seconds=seconds,
            unit=UNIT,
            traffic=float(TRAFFIC),
            frame=FRAME_BYTES,
            queue=shaping.QUEUE_MILLISECONDS / 1000,
            advertisement_interval=ADVERTISEMENT_INTERVAL / SECOND,
            directors=self._trial.directors,
            variants=self._tried,
            checks=self._checks,
        )

    def _judge(self, variant: Variant, state: State) -> None:
        """Links and losses must be as the lists say."""
        links = ", ".join(
            f"{name} {link.measured:.1%} ({min(link.expected, 1):.1%})"
            for name, link in state.links.items()
        )
        text = f"{state.name}: {links}; {state.missing} of {state.sent} datagrams lost"
        good = all(
            abs(link.measured - min(link.expected, 1)) <= _TOLERANCE
            for link in state.links.values()
        )
        if variant.planned:
            good = good and state.missing == 0
            if state.lost:
                text += f" after the failover, which took {state.takeover:.2f} s"
        else:
            excess = sum(max(0, link.expected - 1) for link in state.links.values())
            share = state.missing / state.sent
            good = good and abs(share - excess / float(TRAFFIC)) <= _TOLERANCE
        self.check(good, text)

    def _judge_trouble(self, tried: Tried) -> None:
        """Where the lists leave a director idle or a link full, that must be seen."""
        foreseen = seen = 0
        for state in tried.states:
            for name, link in state.links.items():
                if link.expected >= 1 or (link.expected == 0 and not state.lost):
                    foreseen += 1
                    seen += _trouble(state, name) is not None
        self.check(
            0 < foreseen == seen,
            f"trouble foreseen {foreseen} times, seen {seen} times: {'; '.join(tried.findings)}",
        )


def _measure(lab: ShapedLab, variant: Variant) -> Tried:
    lab.use(variant.lists)
    load = lab.start_load(len(variant.lists))
    intervals = [_hold(lab, (), time.monotonic_ns(), _MARGIN, _NORMAL)]
    for lost in variant.losses:
        begin = time.monotonic_ns()
        lab.kill(lost)
        intervals.append(_hold(lab, lost, begin, _failover(variant, lost) + _MARGIN, _LOST))
        begin = time.monotonic_ns()
        lab.heal(lost)
        intervals.append(_hold(lab, (), begin, _MARGIN, _HEALED))
    vips = {shaped.vip(number): order for number, order in enumerate(variant.lists)}
    counted = Run(variant, list(vips), intervals, load.finish(), lab.readings())
    states = counted.states()
    return Tried(
        name=variant.name,
        planned=variant.planned,
        vips=vips,
        states=states,
        moments=counted.moments(),
        findings=_findings(states),
    )


def _hold(lab: ShapedLab, lost: Loss, begin: int, unsteady: int, steady: int) -> Interval:
    """Let a state that has just come about last: `unsteady`, then `steady`, and longer if the
    machine kept the clients from sending: until they have made up for it, or `_PATIENCE`."""
    start = time.monotonic_ns() + unsteady
    end = start + steady
    _sleep_until(end)
    while (
        abs(lab.offered(start, end) / TRAFFIC - 1) > _OFFERED and end < start + steady + _PATIENCE
    ):
        end += INTERVAL
        _sleep_until(end)
    return Interval(lost, begin, start, end)


def _sleep_until(instant: int) -> None:
    time.sleep(max(0, instant - time.monotonic_ns()) / SECOND)


def _failover(variant: Variant, lost: Loss) -> int:
    """The protocol's bound: the longest wait of those that have to take over."""
    waits = []
    for order in variant.lists:
        successor = next(name for name in order if name not in lost)
        priority = priorities(order)[successor]
        waits.append(master_down_interval(3, priority, ADVERTISEMENT_INTERVAL))
    return max(waits)


def _trouble(state: State, director: str) -> str | None:
    """What is wrong with a director's load: it idles while all are up, or its link is full."""
    link = state.links[director]
    if link.measured < _IDLE and not state.lost:
        return f"{state.name}: {director} idles"
    if link.measured < 1 - _TOLERANCE or (not link.missing and link.delay < _QUEUING):
        return None
    return (
        f"{state.name}: {director} is full, {link.missing / link.sent:.1%} of its load lost, "
        f"the rest {link.delay * 1000:.0f} ms late"
    )


def _findings(states: Sequence[State]) -> list[str]:
    """Where it hurts, each thing once."""
    told = (_trouble(state, name) for state in states for name in state.links)
    return list(dict.fromkeys(text for text in told if text))
