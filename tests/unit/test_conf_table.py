"""The table of keywords against keepalived's, and against the documentation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trimaran.conf.known import judge, known_keywords
from trimaran.conf.schema import Block, Entries, Keyword
from trimaran.conf.table import FILE
from trimaran.conf.table.http_checks import OWN as OWN_OF_HTTP
from trimaran.conf.table.services import DRAIN_TIMEOUT
from trimaran.conf.tokens import Word, source
from trimaran.conf.unsupported import WHY
from trimaran.views.keyword_coverage import coverage
from trimaran.views.keywords import reference

OWN = (*OWN_OF_HTTP, DRAIN_TIMEOUT)


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


def test_every_other_keyword_of_keepalived_is_refused_by_its_name() -> None:
    """Or, if the file means the same without it, passed over with a warning."""
    blocks = {block.path: block for block in walk(FILE)}
    supported = {(path, name) for path, keyword in rows(FILE) for name in keyword.names}
    for path, keywords in known_keywords().items():
        for keyword, instead in keywords.items():
            if (path, keyword) in supported or path not in blocks:
                continue
            verdict = judge(Word(keyword, source("f", keyword), 1, 1, 1), blocks[path])
            assert f"'{keyword}'" in verdict.message
            assert verdict.message.startswith(
                "not supported" if instead is None else f"'{keyword}'"
            )
            assert verdict.advice == (instead or WHY.get((path, keyword)))


def test_what_is_said_of_unsupported_keywords_is_about_keywords() -> None:
    for path, keyword in WHY:
        assert known_keywords()[path][keyword] is None


def test_each_keyword_of_keepalived_works_or_is_refused_by_name() -> None:
    """The page docs/keywords.md is that of this table, whole: every block and keyword is in it."""
    page = Path(__file__).parents[2] / "docs" / "keywords.md"
    assert page.read_text() == coverage(), (
        "make it anew: .venv/bin/python -m trimaran.views.keyword_coverage > docs/keywords.md"
    )
    rows_of_page = [line for line in coverage().splitlines() if line.startswith("| `")]
    assert len(rows_of_page) == sum(len(keywords) for keywords in known_keywords().values())


def walk(block: Block | Entries[Any]) -> Iterator[Block | Entries[Any]]:
    yield block
    for keyword in block.keywords if isinstance(block, Block) else ():
        if keyword.block is not None:
            yield from walk(keyword.block)
