"""A plan as a picture for terminals: a column a host, a block a VIP, a panel a state."""

from collections.abc import Sequence

from trimaran.views.plan_panels import Block, Panel

_WIDTH = 100
_TALLEST = 16
_MOST_PANELS = 16


def picture(panels: Sequence[Panel]) -> list[str]:
    """Lines of at most 100 columns; none where VIPs or hosts are too many to be drawn."""
    if not _fits(panels):
        return []
    widths = [_width(panel) for panel in panels]
    lines: list[str] = []
    row: list[Panel] = []
    used = 0
    for panel, width in zip(panels, widths, strict=True):
        if row and used + width > _WIDTH:
            lines += [*_row(row), ""]
            row, used = [], 0
        row.append(panel)
        used += width + 4
    lines += _row(row)
    return [*lines, "", "[n] VIP n on its first host, (n) taken over, x lost"]


def _fits(panels: Sequence[Panel]) -> bool:
    tallest = max(len(stack or ()) for panel in panels for stack in panel.stacks.values())
    widest = max(map(_width, panels))
    return tallest <= _TALLEST and widest <= _WIDTH and len(panels) <= _MOST_PANELS


def _column(panel: Panel) -> int:
    blocks = [str(block.vip) for stack in panel.stacks.values() for block in stack or ()]
    return max([2 + len(number) for number in blocks] + [len(host) for host in panel.stacks])


def _width(panel: Panel) -> int:
    return max(len(panel.title), (_column(panel) + 1) * len(panel.stacks) - 1)


def _row(row: Sequence[Panel]) -> list[str]:
    """Panels beside one another, their floors on one line."""
    height = max(len(stack or ()) for panel in row for stack in panel.stacks.values())
    drawn = [_draw(panel, height) for panel in row]
    return ["    ".join(parts).rstrip() for parts in zip(*drawn, strict=True)]


def _draw(panel: Panel, height: int) -> list[str]:
    column, width = _column(panel), _width(panel)
    stacks = list(panel.stacks.values())

    def cell(stack: Sequence[Block] | None, level: int) -> str:
        if stack is None or level >= len(stack):
            return ""
        block = stack[level]
        return f"({block.vip})" if block.moved else f"[{block.vip}]"

    lines = [
        " ".join(cell(stack, level).center(column) for stack in stacks)
        for level in reversed(range(height))
    ]
    lines += [" ".join("-" * column for _ in stacks)]
    names = [name if stack is not None else "x" for name, stack in panel.stacks.items()]
    lines += [" ".join(name.center(column) for name in names), panel.title]
    return [line.ljust(width) for line in lines]
