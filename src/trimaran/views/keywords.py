"""The table of keywords as documentation: `docs/configuration.md` is what `reference` returns.

python -m trimaran.views.keywords > docs/configuration.md
"""

from collections.abc import Iterator
from typing import Any

from trimaran.conf.schema import Block, Entries, Keyword
from trimaran.conf.table import FILE
from trimaran.conf.values import Seconds, seconds

_HEAD = """\
# Configuration

trimaran reads keepalived.conf. This page lists what of the language it supports; it is made
from the table that the reader itself uses (`src/trimaran/conf/table/`). Any other keyword of
keepalived is refused by name, never silently ignored. `trimaran check FILE` tells.

A line is a keyword and its arguments, divided by blanks; `{` and `}` enclose a block; `"..."`
is one word; `#` and `!` start a comment outside double quotes, `\\#` and `\\!` do not.
Times are decimal seconds.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *_block(FILE, "Top level")]) + "\n"


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
    if isinstance(keyword.argument, Seconds):
        return seconds(keyword.default)
    return str(keyword.default)


if __name__ == "__main__":
    print(reference(), end="")
