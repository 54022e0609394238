"""The pictures of a report: SVG text without scripts, fonts or files from elsewhere.

Colours are classes of the page's style sheet: d0, d1, ... for directors, `lost` for what is lost.
"""

from collections.abc import Callable, Iterable, Sequence
from html import escape

from trimaran.lab.measurement import Moment, State

Point = tuple[float, float]

_BAR, _GAP, _LINK_HEIGHT = 16, 6, 56  # pixels; the height is that of one full link
_TOP = 1.6  # links: more than the load

_WIDTH, _LEFT = 960, 56
_UPPER, _LOWER = 130, 70  # heights of the two panels of a course
_LABELS = 18


def bars(state: State, directors: Sequence[str], drops: dict[str, float]) -> str:
    """A state at a glance: each link's load, what it dropped on top, a mark where expected.

    `drops` are in links.
    """
    width = _GAP + len(directors) * (_BAR + _GAP)
    height = _LINK_HEIGHT * _TOP

    def y(links: float) -> float:
        return height - min(links, _TOP) * _LINK_HEIGHT

    parts = [_line("full", [(0, y(1)), (width, y(1))])]
    told = []
    for number, name in enumerate(directors):
        x = _GAP + number * (_BAR + _GAP)
        if name not in state.links:
            cross = y(0) - 6
            parts.append(f'<text class="dead" x="{x + _BAR / 2}" y="{cross:.1f}">&#10013;</text>')
            told.append(f"{name} dead")
            continue
        link = state.links[name]
        parts.append(_rectangle(f"d{number}", x, y(link.measured), _BAR, y(0) - y(link.measured)))
        top = link.measured + drops[name]
        parts.append(_rectangle("lost", x, y(top), _BAR, y(link.measured) - y(top)))
        parts.append(_line("mark", [(x - 2, y(link.expected)), (x + _BAR + 2, y(link.expected))]))
        told.append(f"{name} {link.measured:.1%} of its link, expected {link.expected:.1%}")
    return _svg(width, height + 1, ", ".join(told), parts)


def course(states: Sequence[State], moments: Sequence[Moment], directors: Sequence[str]) -> str:
    """A variant's course: above each link's load, below what was sent and what arrived of it."""
    end = states[-1].end
    bottom = _LABELS + _UPPER + 14

    def x(seconds: float) -> float:
        return _LEFT + seconds / end * (_WIDTH - _LEFT - 8)

    def upper(links: float) -> float:
        return _LABELS + _UPPER * (1 - links / 1.1)

    def lower(links: float) -> float:
        return bottom + _LOWER * (1 - links / _TOP)

    parts = []
    for state in states:
        if state is not states[0]:
            kind, until = ("gone", state.end) if state.lost else ("back", state.steady)
            begin, width = x(state.begin), x(until) - x(state.begin)
            parts.append(_rectangle(kind, begin, _LABELS, width, bottom + _LOWER - _LABELS))
            text = state.name if state.lost else "back"
            parts.append(f'<text x="{begin + 3:.1f}" y="12">{escape(text)}</text>')
    for share in (0, 0.5, 0.75, 1):
        kind = "full" if share == 1 else "grid"
        parts.append(_line(kind, [(_LEFT, upper(share)), (_WIDTH - 8, upper(share))]))
        parts.append(_scale(upper(share), f"{share:.0%}"))
    for number, name in enumerate(directors):
        at = [(x(m.at), upper(min(m.throughput[name], 1.1))) for m in moments]
        parts.append(_line(f"d{number}", at))
    for links in (0.0, 0.5, 1.0, 1.5):
        parts.append(_scale(lower(links), f"{links:g}"))
    offered = [(m.at, m.offered) for m in moments]
    good = [(m.at, sum(m.goodput.values())) for m in moments]
    parts.append(_area("lost", offered, x, lower))
    parts.append(_area("good", good, x, lower))
    text = f"Load of {', '.join(directors)} in shares of a link, and goodput, over {end:.0f} s"
    return _svg(_WIDTH, bottom + _LOWER + 4, text, parts)


def _area(
    kind: str, values: Iterable[Point], x: Callable[[float], float], y: Callable[[float], float]
) -> str:
    edge = [(x(at), y(value)) for at, value in values]
    points = [(edge[0][0], y(0)), *edge, (edge[-1][0], y(0))]
    return f'<polygon class="{kind}" points="{_points(points)}"/>'


def _line(kind: str, points: Iterable[Point]) -> str:
    return f'<polyline class="line {kind}" points="{_points(points)}"/>'


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _rectangle(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    )


def _scale(y: float, text: str) -> str:
    return f'<text class="scale" x="{_LEFT - 6}" y="{y + 4:.1f}">{text}</text>'


def _svg(width: float, height: float, text: str, parts: Iterable[str]) -> str:
    return (
        f'<svg role="img" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
        f"<title>{escape(text)}</title>{''.join(parts)}</svg>"
    )
