"""What becomes of every keyword of keepalived: `docs/keywords.md` is what `coverage` returns.

python -m trimaran.views.keyword_coverage > docs/keywords.md
"""

from collections import Counter
from collections.abc import Iterator

from trimaran.conf.known import judge, keyword_rows
from trimaran.conf.schema import Block, Entries
from trimaran.conf.table import FILE
from trimaran.conf.tokens import Word, source

_HEAD = """\
# Every keyword of keepalived

Made from the table of keepalived's keywords (`src/trimaran/conf/keywords.tsv`) and that of those
that trimaran knows. *works*: it does what it says. *passed over*: with a warning that says why,
since the file means the same without it. *refused*: an error that names it, and says what to do
instead where there is something. What stands in a block that is refused is refused with it, once.
How common a keyword is (core, common, rare) is an estimate from published configurations.
"""


def coverage() -> str:
    """The whole page, in Markdown."""
    blocks = {block.path: block for block in _walk(FILE)}
    lines: list[str] = []
    counts: Counter[str] = Counter()
    place = None
    for path, keyword, common, instead in keyword_rows():
        if path != place:
            place = path
            title = "Top level" if path == FILE.path else path
            lines += ["", f"## {title}", "", "| keyword | | what becomes of it |", "|---|---|---|"]
        fate = _fate(blocks.get(path), keyword, instead)
        counts[f"{fate.partition(':')[0]}, {common}"] += 1
        lines.append(f"| `{keyword}` | {common} | {fate} |".replace("write '|", "write '"))
    summary = [f"| {what} | {number} |" for what, number in sorted(counts.items())]
    return "\n".join([_HEAD, "| | keywords |", "|---|---|", *summary, *lines]) + "\n"


def _fate(block: Block | Entries[object] | None, keyword: str, instead: str | None) -> str:
    if block is None:
        return f"refused: obsolete: {instead}" if instead else "refused: with its block"
    row = block.by_name.get(keyword)
    if row is not None:
        return f"passed over: {row.ignored}" if row.ignored else "works"
    if isinstance(block, Entries) and block.path == "virtual_server_group":
        return "works"  # what an entry begins with is not an option of it
    if isinstance(block, Entries) and keyword.isupper():
        return "works"  # a name for any address
    verdict = judge(Word(keyword, source("", keyword), 1, 1, len(keyword)), block)
    said = ": ".join(filter(None, (verdict.message, verdict.advice)))
    return f"{'passed over' if verdict.harmless else 'refused'}: {said}"


def _walk(block: Block | Entries[object]) -> Iterator[Block | Entries[object]]:
    yield block
    for keyword in block.keywords if isinstance(block, Block) else ():
        if keyword.block is not None:
            yield from _walk(keyword.block)


if __name__ == "__main__":
    print(coverage(), end="")
