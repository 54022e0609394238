"""The table of keywords against keepalived's, and against the documentation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trimaran.conf.known import known_keywords
from trimaran.conf.schema import Block, Entries, Keyword
from trimaran.conf.table import FILE
from trimaran.conf.table.http_checks import OWN
from trimaran.views.keywords import reference


def rows(block: Block | Entries[Any]) -> Iterator[tuple[str, Keyword[Any]]]:
    for keyword in block.keywords if isinstance(block, Block) else block.options:
        yield block.path, keyword
        if keyword.block is not None:
            yield from rows(keyword.block)


def test_every_keyword_is_one_of_keepalived_in_its_block() -> None:
    for block, keyword in rows(FILE):
        if keyword in OWN:
            continue
        for name in keyword.names:
            assert name in known_keywords()[block], f"{name} in {block}"


def test_every_keyword_is_explained() -> None:
    for _, keyword in rows(FILE):
        assert keyword.about.endswith(".")


def test_the_documentation_is_that_of_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    assert page.read_text() == reference(), (
        "make it anew: .venv/bin/python -m trimaran.views.keywords > docs/configuration.md"
    )
