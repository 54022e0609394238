"""What a trial of active-active directors found: a page that needs nothing else, and its JSON."""

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

import msgspec

from trimaran.lab import picture
from trimaran.lab.errors import LabError
from trimaran.lab.measurement import Moment, State

_PAGE, _JSON = "active-active.html", "active-active.json"


class Check(msgspec.Struct, frozen=True):
    """Something that had to be so, told with the figures measured."""

    good: bool
    what: str


class Tried(msgspec.Struct, frozen=True):
    """A variant and what was measured of it."""

    name: str
    planned: bool
    vips: dict[str, tuple[str, ...]]
    """Address → the order of directors."""
    states: list[State]
    moments: list[Moment]
    findings: list[str]
    """Where it idles and where it is full."""


class Result(msgspec.Struct, frozen=True):
    """A trial. Times in seconds, `unit` in bit/s, `traffic` in links, `frame` in bytes."""

    title: str
    begin: str
    seconds: float
    unit: int
    traffic: float
    frame: int
    queue: float
    advertisement_interval: float
    directors: tuple[str, ...]
    variants: list[Tried]
    checks: list[Check]

    @property
    def passed(self) -> bool:
        return all(check.good for check in self.checks)


def prepare(directory: Path) -> None:
    """Make the directory for the page. Raises `LabError` if nothing can be written there."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in (_PAGE, _JSON):
            (directory / name).unlink(missing_ok=True)
    except OSError as error:
        raise LabError(f"{directory}: the page cannot be written: {error.strerror}") from None


def write(directory: Path, result: Result, logs: dict[str, str]) -> Path:
    """Write the page, its figures and the directors' logs; the page's path."""
    text = msgspec.json.format(msgspec.json.encode(result))
    try:
        (directory / _JSON).write_bytes(text + b"\n")
        for name, log in logs.items():
            (directory / f"{name}.log").write_text(log)
        (directory / _PAGE).write_text(page(result))
    except OSError as error:
        raise LabError(f"{directory}: the page cannot be written: {error.strerror}") from None
    return directory / _PAGE


def page(result: Result) -> str:
    """The page as HTML: it needs no other file, and no network."""
    verdict = "PASS" if result.passed else "FAIL"
    body = [
        "<header><h1>Active-active: how many VIPs, and in which order</h1>",
        f"<p>{escape(result.title.capitalize())}. <b class={verdict.lower()}>{verdict}</b></p>",
        "</header>",
        _introduction(result),
        _legend(result),
        _overview(result) if result.variants else "",
        *(part for tried in result.variants for part in _variant(result, tried)),
        "<section><h2>What was checked</h2><ul class=checks>",
        *(f"<li class={_kind(check)}>{escape(check.what)}</li>" for check in result.checks),
        "</ul></section>",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>trimaran: active-active, {verdict}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _introduction(result: Result) -> str:
    return (
        f"<p>Real packets: trimaran daemons with the XDP dataplane in network namespaces, on "
        f"{escape(result.begin)}, {result.seconds:.0f} s in all. Each director has a link of "
        f"{result.unit / 1e6:g} Mbit/s (htb at the switch's port to it, with room for "
        f"{result.queue * 1000:.0f} ms of waiting load); clients send {result.traffic:g} links of "
        f"UDP datagrams ({result.frame} bytes on the wire) to the VIPs at random instants; real "
        f"servers count what arrives. Direct routing: the answers would not cross the directors. "
        f"VRRP version 3, an advertisement every {result.advertisement_interval * 1000:.0f} ms, "
        f"first in the queue of every link.</p>"
    )


def _legend(result: Result) -> str:
    names = (
        f'<span class="key d{number}"></span>{escape(name)}'
        for number, name in enumerate(result.directors)
    )
    return (
        f"<p>{' '.join(names)} <span class='key lost'></span>lost. Bars are what was measured, "
        "black marks what the planner expects; the dashed line is a full link.</p>"
    )


def _overview(result: Result) -> str:
    """A row a variant, a column a state; only the first of the healed states is shown."""
    columns = [state.name for state in _distinct(result.variants[-1])]
    rows = []
    for tried in result.variants:
        cells = {state.name: _cell(result, state) for state in _distinct(tried)}
        rows.append(
            f"<tr class={'planned' if tried.planned else 'other'}><th>{escape(tried.name)}</th>"
            + "".join(f"<td>{cells.get(column, '')}</td>" for column in columns)
            + "</tr>"
        )
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    return (
        "<section><h2>Side by side</h2><div class=wide><table>"
        f"<tr><th></th>{head}</tr>{''.join(rows)}</table></div></section>"
    )


def _distinct(tried: Tried) -> list[State]:
    return [state for state in tried.states if state.lost or state is tried.states[0]]


def _cell(result: Result, state: State) -> str:
    links = result.frame * 8 / result.unit
    drops = {name: link.dropped * links for name, link in state.links.items()}
    loss = state.missing / state.sent
    late = max(link.delay for link in state.links.values())
    said = "none lost" if not state.missing else f"<b class=fail>{loss:.1%} lost</b>"
    return (
        f"{picture.bars(state, result.directors, drops)}<br>{said}"
        f"<br><small>at most {late * 1000:.0f} ms late</small>"
    )


def _variant(result: Result, tried: Tried) -> Iterator[str]:
    yield f"<section><h2>{escape(tried.name)}</h2>"
    if tried.findings:
        yield "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in tried.findings) + "</ul>"
    else:
        yield "<p>No director idles, no link is full, nothing is lost after a failover.</p>"
    yield f"<div class=wide>{picture.course(tried.states, tried.moments, result.directors)}</div>"
    yield (
        "<p>Above the load of each link, below what clients sent, in links: grey what servers "
        "received, red what was lost. Shaded: directors are dead, then start again.</p>"
    )
    yield "<details><summary>Lists and figures</summary><div class=wide><table>"
    yield _row("th", ["VIP", "directors, first the one that holds it"])
    yield from (_row("td", [vip, " ".join(order)]) for vip, order in tried.vips.items())
    yield "</table><table>"
    heads = [f"{name} (expected), delay" for name in result.directors]
    yield _row("th", ["from", "state", *heads, "lost", "of", "last loss after"])
    yield from (_row("td", _figures(result, state)) for state in tried.states)
    yield "</table></div></details></section>"


def _figures(result: Result, state: State) -> list[str]:
    links = [
        f"{link.measured:.1%} ({link.expected:.1%}), {link.delay * 1000:.1f} ms" if link else "dead"
        for link in map(state.links.get, result.directors)
    ]
    return [
        f"{state.begin:.1f} s",
        state.name,
        *links,
        str(state.missing),
        str(state.sent),
        f"{state.takeover:.2f} s",
    ]


def _row(cell: str, texts: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{cell}>{escape(text)}</{cell}>" for text in texts) + "</tr>"


def _kind(check: Check) -> str:
    return "pass" if check.good else "fail"


_STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1c2126, #e6e8ea);
 --paper: light-dark(#fff, #15181b); --faint: light-dark(#d5d9dd, #3a4046);
 --gone: light-dark(#f1e4e2, #33221f); --lost: #cf3a2e; --good: light-dark(#8a949e, #69737d); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
 max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 1rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; vertical-align: bottom;
 border-bottom: 1px solid var(--faint); font-weight: normal; }
th { font-size: .85rem; } .planned th:first-child { font-weight: bold; }
small { opacity: .75; }
svg { display: block; } svg text { font-size: 11px; fill: var(--ink); }
svg .scale { text-anchor: end; } svg .dead { text-anchor: middle; fill: var(--lost); }
.line { fill: none; stroke-width: 1.6; }
.grid { stroke: var(--faint); stroke-width: .8; }
.full { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 4 3; }
.mark { stroke: var(--ink); stroke-width: 2; }
.gone { fill: var(--gone); } .back { fill: var(--gone); opacity: .45; } .good { fill: var(--good); }
.lost { fill: var(--lost); background: var(--lost); }
rect.d0 { fill: #3b6fb6; } rect.d1 { fill: #d98324; } rect.d2 { fill: #35936a; }
rect.d3 { fill: #8a63b8; }
polyline.d0 { stroke: #3b6fb6; } polyline.d1 { stroke: #d98324; }
polyline.d2 { stroke: #35936a; } polyline.d3 { stroke: #8a63b8; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 .8em; }
.key.d0 { background: #3b6fb6; } .key.d1 { background: #d98324; } .key.d2 { background: #35936a; }
.key.d3 { background: #8a63b8; }
b.pass { color: #2f8f5b; } b.fail, li.fail { color: var(--lost); }
.checks { font-size: .85rem; }
"""
