"""A plan as an SVG picture: a panel a state, a column a host, a block a VIP, the limit a line.

A block's height is its VIP's share of what the host can carry, so that a column that reaches
the line is a full host.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from xml.sax.saxutils import escape

from trimaran.plan.problem import Plan
from trimaran.plan.wording import after
from trimaran.views.plan_panels import Block, Panel, load_text, panels, percent, share
from trimaran.views.plan_table import question_text

_COLUMN, _GAP, _PANEL_GAP, _MARGIN = 44, 8, 36, 24
_HEIGHT, _HEAD, _FOOT = 180, 80, 76
_NARROWEST, _WIDEST = 720, 1200
_LOWEST_LABELLED = 12
_COLOURS = (
    *("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#edc948"),
    *("#ff9da7", "#9c755f", "#e15759", "#7b6f9c", "#2f8f7f", "#a0a0a0"),
)
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.t{font-size:16px;font-weight:bold}.b{fill:#fff}"
    ".m{text-anchor:middle}.x{fill:#b00}.g{fill:#666}"
)


def plan_svg(plan: Plan) -> str:
    """The picture as a document of its own."""
    shown = panels(plan.demand, plan.weights, plan.lists, plan.evaluation)
    drawing = _Drawing(plan, shown)
    width, height, body = drawing.draw()
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            f"<title>{escape(_title(plan))}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            *body,
            "</svg>\n",
        ]
    )


def _title(plan: Plan) -> str:
    return f"{len(plan.lists)} VIPs on {len(plan.demand.hosts)} hosts"


class _Drawing:
    """Coordinates, in pixels, from the upper left."""

    def __init__(self, plan: Plan, shown: Sequence[Panel]) -> None:
        self._plan = plan
        self._shown = shown
        self._total = sum(plan.weights)
        hosts = plan.demand.hosts
        self._colours = {host.name: _COLOURS[i % len(_COLOURS)] for i, host in enumerate(hosts)}
        self._speeds = {h.name: s for h, s in zip(hosts, plan.demand.speeds, strict=True)}
        found = plan.evaluation
        self._top = self._load(found.peak_host, found.worst[found.peak_host][0])
        if plan.demand.has_totals:
            self._top = max(self._top, plan.demand.max_load)

    def draw(self) -> tuple[int, int, list[str]]:
        """Width, height and elements."""
        panel = len(self._plan.demand.hosts) * (_COLUMN + _GAP) - _GAP
        across = max(1, min(len(self._shown), (_WIDEST - _MARGIN) // (panel + _PANEL_GAP)))
        body = list(self._heading())
        for number, state in enumerate(self._shown):
            left = _MARGIN + number % across * (panel + _PANEL_GAP)
            floor = _HEAD + number // across * (_HEIGHT + _FOOT) + _HEIGHT
            body += self._panel(state, left, floor, panel)
        rows = -(-len(self._shown) // across)
        width = max(across * (panel + _PANEL_GAP) - _PANEL_GAP, _NARROWEST) + 2 * _MARGIN
        return width, _HEAD + rows * (_HEIGHT + _FOOT), body

    def _load(self, host: str, weight: Fraction) -> Fraction:
        """The share of the host's limit, or where none is known the weight over its speed."""
        part = share(self._plan.demand, host, self._total, weight)
        return weight / self._speeds[host] if part is None else part

    def _pixels(self, load: Fraction) -> float:
        return round(float(load / self._top) * _HEIGHT, 1)

    def _heading(self) -> Iterator[str]:
        found = self._plan.evaluation
        weight = found.worst[found.peak_host][0]
        used = percent(share(self._plan.demand, found.peak_host, self._total, weight))
        worst = (
            f"worst peak {load_text(self._plan.demand, self._total, weight)}"
            f"{f' = {used}' if used else ''} on {found.peak_host} {after(found.peak_lost)}"
        )
        yield _text(_MARGIN, 24, _title(self._plan), "t")
        yield _text(_MARGIN, 42, f"{question_text(self._plan.demand.objective)}; {worst}")
        legend = "a block is a VIP, in the colour of its first host, framed where taken over"
        if self._plan.demand.has_totals:
            legend += (
                f"; the dashed line is {percent(self._plan.demand.max_load)} of a host's limit"
            )
        yield _text(_MARGIN, 60, legend, "g")

    def _panel(self, panel: Panel, left: int, floor: int, width: int) -> Iterator[str]:
        for number, (host, stack) in enumerate(panel.stacks.items()):
            x = left + number * (_COLUMN + _GAP)
            middle = x + _COLUMN // 2
            yield _text(middle, floor + 16, host if stack is not None else "lost", _name(stack))
            bottom = float(floor)
            for block in stack or ():
                height = self._pixels(self._load(host, block.weight))
                bottom = round(bottom - height, 1)
                yield self._block(block, x, bottom, height)
            if stack:
                load = self._load(host, sum((b.weight for b in stack), Fraction(0)))
                label = percent(load) if self._plan.demand.has_totals else f"{float(load):.4g}"
                yield _text(middle, floor + 32, label, "m")
        yield _line(left, floor, width, "#222")
        if self._plan.demand.has_totals:
            limit = round(floor - self._pixels(self._plan.demand.max_load), 1)
            yield _line(left, limit, width, "#b00", "4 3")
        yield _text(left + width // 2, floor + 50, panel.title, "m g")

    def _block(self, block: Block, x: int, y: float, height: float) -> str:
        """A VIP in the colour of its first host; one that was taken over has a dark frame."""
        first = self._plan.lists[block.vip - 1][0]
        frame = "#222" if block.moved else "#fff"
        shape = (
            f'<rect x="{x}" y="{y}" width="{_COLUMN}" height="{height}" '
            f'fill="{self._colours[first]}" stroke="{frame}"/>'
        )
        if height < _LOWEST_LABELLED:
            return shape
        return shape + _text(x + _COLUMN // 2, y + height / 2 + 4, str(block.vip), "m b")


def _name(stack: Sequence[Block] | None) -> str:
    return "m" if stack is not None else "m x"


def _text(x: float, y: float, text: str, style: str = "") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:g}" y="{y:g}"{kind}>{escape(text)}</text>'


def _line(x: int, y: float, width: int, colour: str, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="M{x} {y:g}h{width}" stroke="{colour}"{dashed}/>'
