"""A configuration as it is in force: definitions put in, defaults and inheritance filled in.

What comes out is the same language, and means the same when it is read again.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from trimaran.conf.schema import Block, Entries, Keyword, Setting
from trimaran.conf.table import FILE
from trimaran.conf.table.file_checks import CHECK_WEIGHT
from trimaran.conf.table.globals import GLOBAL_DEFS
from trimaran.conf.table.services import PROTOCOL, SERVER_SMTP_ALERT
from trimaran.conf.table.vrrp import VRRP_INSTANCE
from trimaran.conf.targets import Mark
from trimaran.conf.tokens import SCRIPT_LIKE, Word
from trimaran.conf.values import seconds
from trimaran.model.config import Config
from trimaran.model.router import VirtualRouter
from trimaran.views.keywords import default_text

_OF_THEIR_OWN = (CHECK_WEIGHT, SERVER_SMTP_ALERT)
"""Words that mean something else in a block around."""
_INDENT = "  "
_BARE = re.compile(r"[^\s{}\"'#!\\$@~]+")


def effective_text(said: Setting[bool], config: Config) -> str:
    """All that a file says and does not say, in the order of the table.

    `config`: what it means; some defaults depend on what else is said.
    """
    return "\n".join(_Effective(said, config).block(FILE, said, "", {})) + "\n"


class _Effective:
    def __init__(self, said: Setting[bool], config: Config) -> None:
        routers = {router.name: router for router in config.virtual_routers}
        self._meant = {
            id(block): _meant(routers[block.value])
            for block in said.all(VRRP_INSTANCE)
            if block.value in routers
        }

    def block(
        self,
        block: Block,
        inside: Setting[Any],
        indent: str,
        outside: Mapping[str, Setting[Any]],
    ) -> Iterator[str]:
        """`outside`: what the blocks around say, by keyword; the innermost."""
        here = {
            keyword.name: setting
            for keyword in block.keywords
            if (setting := inside.last(keyword)) is not None
        }
        for keyword in block.keywords:
            settings = inside.all(keyword)
            if not settings:
                yield from self._unsaid(keyword, block, inside, indent, outside)
            elif keyword is GLOBAL_DEFS:
                whole: Setting[Any] = Setting(inside.word, inside.at, settings[0].words)
                for setting in settings:
                    whole.absorb(setting)
                yield from self._statement(keyword, whole, indent, outside)
            else:
                for setting in settings if keyword.repeats else settings[-1:]:
                    yield from self._statement(keyword, setting, indent, {**outside, **here})

    def _unsaid(
        self,
        keyword: Keyword[Any],
        block: Block,
        inside: Setting[Any],
        indent: str,
        outside: Mapping[str, Setting[Any]],
    ) -> Iterator[str]:
        above = None if keyword in _OF_THEIR_OWN else outside.get(keyword.name)
        meant = self._meant.get(id(inside), {}).get(keyword.name)
        if meant is not None:
            yield f"{indent}{keyword.name} {meant}  # default"
        elif keyword.name in _inherited_inside(block):
            return  # it would become the default of what has another one
        elif above is not None and keyword.block is None:
            yield f"{indent}{_words(keyword.name, above.words[1:])}  # inherited"
        elif keyword is PROTOCOL and isinstance(inside.value, Mark):
            return
        elif keyword.default is not None and keyword.default is not False:
            yield f"{indent}{keyword.name} {default_text(keyword)}  # default"

    def _statement(
        self,
        keyword: Keyword[Any],
        setting: Setting[Any],
        indent: str,
        outside: Mapping[str, Setting[Any]],
    ) -> Iterator[str]:
        line = indent + _words(keyword.name, setting.words[1:])
        match keyword.block:
            case Block() as block:
                yield f"{line} {{"
                yield from self.block(block, setting, indent + _INDENT, outside)
                yield f"{indent}}}"
            case Entries(entry=entry):
                yield f"{line} {{"
                for one in setting.all(entry):
                    yield indent + _INDENT + " ".join(_quoted(word.text) for word in one.words)
                yield f"{indent}}}"
            case None:
                yield line


def _meant(router: VirtualRouter) -> Mapping[str, str]:
    """What a `vrrp_instance` says by not saying it."""
    return {
        "state": router.initial_state.value,
        "priority": str(router.priority),
        "version": str(router.version),
        "garp_master_delay": seconds(router.announcements.delay),
        "garp_master_repeat": str(router.announcements.repeat),
    }


@cache
def _inherited_inside(block: Block) -> frozenset[str]:
    """The keywords that are defaults for blocks within this one."""
    inner = [keyword.block for keyword in block.keywords if isinstance(keyword.block, Block)]
    names = {row.name for one in inner for row in one.keywords if row not in _OF_THEIR_OWN}
    return frozenset(names.union(*map(_inherited_inside, inner)))


def _words(name: str, words: Sequence[Word]) -> str:
    return " ".join([name, *(_quoted(word.text, name in SCRIPT_LIKE) for word in words)])


def _quoted(text: str, script: bool = False) -> str:
    if _BARE.fullmatch(text):
        return text
    if script:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return f'"{text}"'
