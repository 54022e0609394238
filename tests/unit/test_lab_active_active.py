"""From counts to figures and a page, without packets."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from trimaran.lab import report
from trimaran.lab.load import BIN, FRAME_BYTES, Bin, Tally
from trimaran.lab.measurement import Interval, Run
from trimaran.lab.meter import Count, Reading
from trimaran.lab.report import Check, Result, Tried
from trimaran.lab.trial import UNIT, Trial, Variant, one_death, rack_death, two_deaths
from trimaran.model.duration import MILLISECOND, SECOND

VIPS = ("10.66.0.51", "10.66.0.52")
LISTS = (("lb1", "lb2"), ("lb2", "lb1"))
VARIANT = Variant("2 VIPs", LISTS, (("lb1",),))


def per_second(links: float) -> int:
    """Datagrams that fill so many links."""
    return round(links * UNIT / 8 / FRAME_BYTES)


def run() -> Run:
    """Two seconds all up, then lb1 dies: VIP 1 is away for 300 ms, and lb2 drops the excess."""
    bins = range(4 * SECOND // BIN)
    each = 26  # datagrams in a bin to each VIP: 1300 a second, three quarters of a link
    sent = Tally({vip: {number: Bin(each) for number in bins} for vip in VIPS})
    received = Tally({vip: {} for vip in VIPS})
    away = range(2 * SECOND // BIN, (2 * SECOND + 300 * MILLISECOND) // BIN)
    for vip in VIPS:
        for number in bins:
            if vip == VIPS[0] and number in away:
                continue
            late = number >= away.stop
            arrived = 17 if late else each
            received.vips[vip][number] = Bin(arrived, arrived * (40 if late else 1) * MILLISECOND)
    readings = []
    for half in range(9):
        at = half * SECOND // 2
        before, after = min(half, 4) / 2, max(half - 4, 0) / 2
        frames = {"lb1": per_second(0.75) * before, "lb2": per_second(0.75) * before}
        frames["lb2"] += per_second(1) * after
        ports = {name: Count(int(n * FRAME_BYTES), 0) for name, n in frames.items()}
        ports["lb2"] = Count(ports["lb2"].bytes, int(per_second(0.5) * after))
        readings.append(Reading(at, ports, 0))
    intervals = [
        Interval((), 0, 0, 2 * SECOND),
        Interval(("lb1",), 2 * SECOND, 2 * SECOND + 500 * MILLISECOND, 4 * SECOND),
    ]
    return Run(VARIANT, VIPS, intervals, ([sent], [received]), readings)


def test_loads_losses_and_delays_of_a_state() -> None:
    before, dead = run().states()
    assert before.missing == 0
    assert before.takeover == 0
    assert {name: link.measured for name, link in before.links.items()} == {
        "lb1": pytest.approx(0.75, abs=0.001),
        "lb2": pytest.approx(0.75, abs=0.001),
    }
    assert dead.name == "lb1 dead"
    [(name, link)] = dead.links.items()
    assert (name, link.expected) == ("lb2", 1.5)
    assert link.measured == pytest.approx(1, abs=0.001)
    assert link.dropped == pytest.approx(per_second(0.5), abs=1)
    assert link.missing / link.sent == 9 / 26
    assert link.delay == pytest.approx(0.040)
    assert dead.takeover == 2  # until the end of the state: the losses go on


def test_the_course_shows_the_gap() -> None:
    moments = run().moments()
    assert [moment.at for moment in moments] == [0.25 + 0.5 * n for n in range(8)]
    assert all(moment.offered == pytest.approx(1.5, abs=0.01) for moment in moments)
    assert sum(moments[0].goodput.values()) == pytest.approx(1.5, abs=0.01)
    assert moments[4].goodput[VIPS[0]] == pytest.approx(0.2, abs=0.01)
    assert moments[4].drops["lb2"] == pytest.approx(per_second(0.5), rel=0.01)


def test_the_page_needs_nothing_else_and_tells_all() -> None:
    tried = Tried(
        name="<2 & VIPs>",
        planned=False,
        vips=dict(zip(VIPS, LISTS, strict=True)),
        states=run().states(),
        moments=run().moments(),
        findings=["lb1 dead: lb2 is full"],
    )
    result = Result(
        title="two directors",
        begin="2026-01-01T00:00:00+00:00",
        seconds=4,
        unit=UNIT,
        traffic=1.5,
        frame=FRAME_BYTES,
        queue=0.04,
        advertisement_interval=0.1,
        directors=("lb1", "lb2"),
        variants=[tried],
        checks=[Check(True, "one"), Check(False, "two")],
    )
    page = report.page(result)
    assert "http" not in page
    assert "src=" not in page
    assert "url(" not in page
    assert "&lt;2 &amp; VIPs&gt;" in page
    assert ">FAIL<" in page
    assert "34.6% lost" in page
    assert page.count("<svg") == page.count("</svg>") == 3


@pytest.mark.parametrize("make", [one_death, two_deaths, rack_death])
def test_planned_lists_keep_every_link_at_three_quarters_and_others_do_not(
    make: Callable[[], Trial],
) -> None:
    *others, planned = make().variants
    assert planned.planned
    loads = [planned.expected(lost).values() for lost in ((), *planned.losses)]
    assert max(max(each) for each in loads) == Fraction(3, 4)
    assert all(len(set(each)) == 1 for each in loads)
    assert not any(other.planned for other in others)
    for other in others:
        every = [other.expected(lost) for lost in ((), *other.losses)]
        assert max(max(each.values()) for each in every) >= 1 or 0 in every[0].values()
