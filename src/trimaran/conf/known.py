"""What to say of a keyword that the table does not have where it stands.

`keywords.tsv` lists every keyword of keepalived with its block, how common it is, and for
obsolete ones what to write instead. So a keyword can be called not supported, obsolete or
misplaced instead of unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from trimaran.conf.schema import Block, Entries
from trimaran.conf.suggest import nearest_name
from trimaran.conf.tokens import Word
from trimaran.conf.unsupported import WHY

_TOP = "(top)"
_MOST_PLACES = 3
_REMOVE = "remove it"
_TYPING_ERROR = 0.9
"""So alike that a typing error is likelier than a wrong place: `interfaces` and `interface`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a keyword. `meant`: the keyword of the table that it may stand for.

    `harmless`: the file means the same without it.
    """

    message: str
    advice: str | None = None
    meant: str | None = None
    harmless: bool = False


@cache
def keyword_rows() -> tuple[tuple[str, str, str, str | None], ...]:
    """keepalived's keywords: block, keyword, how common it is, what to write if it is obsolete."""
    table = files("trimaran.conf").joinpath("keywords.tsv").read_text(encoding="utf-8")
    rows = (row.split("\t") for row in table.splitlines()[1:])
    return tuple(
        (block, keyword, common, instead or None) for block, keyword, common, instead in rows
    )


@cache
def known_keywords() -> Mapping[str, Mapping[str, str | None]]:
    """keepalived's keywords: block → keyword → None, or what to write if it is obsolete."""
    blocks: dict[str, dict[str, str | None]] = {}
    for block, keyword, _, instead in keyword_rows():
        blocks.setdefault(block, {})[keyword] = instead
    return blocks


def judge(word: Word, block: Block | Entries[object]) -> Verdict:
    """Say why a keyword is not one of this block's."""
    text = word.text
    here = known_keywords().get(block.path, {})
    if text in here:
        if instead := here[text]:
            if instead.startswith(_REMOVE):
                return Verdict(f"'{text}' is obsolete, ignored", instead, harmless=True)
            return Verdict(f"'{text}' is obsolete", instead)
        return Verdict(f"not supported: '{text}'", WHY.get((block.path, text)))
    names = (*here, *block.by_name)
    places = _places(text)
    if places and not nearest_name(text, names, _TYPING_ERROR):
        where = "at the top level" if block.path == _TOP else f"in {_last(block.path)}"
        return Verdict(f"'{text}' does not belong {where}", f"it belongs {' or '.join(places)}")
    near = nearest_name(text, names)
    advice = f"did you mean '{near}'?" if near else None
    if isinstance(block, Entries):
        options = ", ".join(option.form(option.name) for option in block.options)
        entry = f"write one entry a line; its options are: {options}"
        return Verdict(f"unknown option '{text}'", advice or entry)
    meant = near if near in block.by_name else None
    return Verdict(f"unknown keyword '{text}'", advice, meant)


def _places(text: str) -> list[str]:
    """Where keepalived has this keyword, the most usual first."""
    blocks = [block for block, words in known_keywords().items() if words.get(text, "") is None]
    places = ["at the top level" if block == _TOP else f"in {_last(block)}" for block in blocks]
    return list(dict.fromkeys(places))[:_MOST_PLACES]


def _last(path: str) -> str:
    return path.rpartition("/")[2]
