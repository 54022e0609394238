"""The table of keywords as documentation: `docs/configuration.md` is what `reference` returns.

python -m trimaran.views.keywords > docs/configuration.md
"""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from trimaran.conf.known import known_keywords
from trimaran.conf.schema import Block, Entries, Keyword
from trimaran.conf.table import FILE
from trimaran.conf.targets import MethodName
from trimaran.conf.values import Choice, Seconds, seconds
from trimaran.conf.values_bfd import Milliseconds, milliseconds
from trimaran.model.service import Forwarding

_METHODS = {Forwarding.MASQUERADING: "NAT", Forwarding.DIRECT_ROUTING: "DR"}


def reference() -> str:
    """The whole page, in Markdown."""
    head = files("trimaran.views").joinpath("configuration_head.md").read_text(encoding="utf-8")
    return "\n".join([head, *_block(FILE, "Top level")]) + "\n"


def _block(block: Block, title: str) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| keyword | meaning | default |"
    yield "|---|---|---|"
    for keyword in block.keywords:
        yield _row(keyword, "")
        if isinstance(keyword.block, Entries):
            yield _row(keyword.block.entry, "... ")
            yield from (_row(option, "... ... ") for option in keyword.block.options)
    yield ""
    for keyword in block.keywords:
        if isinstance(keyword.block, Block):
            yield from _block(keyword.block, keyword.name)


def _row(keyword: Keyword[Any], depth: str) -> str:
    name = "" if keyword.name == "entry" else " or ".join(keyword.names)
    form = keyword.form(name).replace("|", "\\|")
    meaning = f"{keyword.about} ({keyword.ignored}.)" if keyword.ignored else keyword.about
    return f"| {depth}`{form}` | {meaning} | {_default(keyword)} |"


def _default(keyword: Keyword[Any]) -> str:
    if keyword.required:
        return "required"
    if keyword.default is None or keyword.default is False:
        return ""
    return default_text(keyword)


def default_text(keyword: Keyword[Any]) -> str:
    """A keyword's default as one would write it."""
    argument: object = keyword.argument
    value: Any = keyword.default
    match argument:
        case Seconds():
            return seconds(value)
        case Milliseconds():
            return milliseconds(value)
        case Choice():
            return next(text for text, meaning in argument.values.items() if meaning == value)
        case MethodName():
            return _METHODS[value.forwarding]
    return str(value)


def explain(name: str) -> str | None:
    """What the table says of a keyword, in each block that has it; None if keepalived has none.

    Where a keyword is not supported, or obsolete, that is said.
    """
    rows = [(path, keyword) for path, keyword in _rows(FILE) if name in keyword.names]
    said = [_explained(name, path, keyword) for path, keyword in rows]
    others: dict[str, list[str]] = {}
    for path, keywords in known_keywords().items():
        if name in keywords and path not in {path for path, _ in rows}:
            instead = keywords[name]
            verdict = f"obsolete: {instead}" if instead else "not supported"
            others.setdefault(verdict, []).append(_place(path))
    said += [f"{name}   {verdict}\n    in {', '.join(at)}\n" for verdict, at in others.items()]
    return "\n".join(said) or None


def _explained(name: str, path: str, keyword: Keyword[Any]) -> str:
    lines = [f"{keyword.form(name)}   in {_place(path)}", f"    {keyword.about}"]
    if keyword.ignored:
        lines.append(f"    {keyword.ignored}")
    if others := [other for other in keyword.names if other != name]:
        lines.append(f"    The same as {' and '.join(others)}.")
    if default := _default(keyword):
        lines.append("    Required." if keyword.required else f"    Default: {default}")
    if isinstance(keyword.block, Block):
        inside = " ".join(row.name for row in keyword.block.keywords)
        lines.append(f"    Inside: {inside}")
    return "\n".join(lines) + "\n"


def _rows(block: Block | Entries[Any]) -> Iterator[tuple[str, Keyword[Any]]]:
    for keyword in block.keywords if isinstance(block, Block) else block.options:
        yield block.path, keyword
        if keyword.block is not None:
            yield from _rows(keyword.block)


def _place(path: str) -> str:
    return "(top level)" if path == FILE.path else path


if __name__ == "__main__":
    print(reference(), end="")
