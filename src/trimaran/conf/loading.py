"""From a file's bytes to its meaning, or to all that is wrong with it. No file is opened."""

from dataclasses import dataclass
from typing import Any

from trimaran.conf import table
from trimaran.conf.diagnostics import Diagnostic, Severity, Span
from trimaran.conf.reading import read
from trimaran.conf.report import Report, TooManyErrorsError
from trimaran.conf.routers import report_absent_interfaces, virtual_routers
from trimaran.conf.schema import Setting
from trimaran.conf.services import virtual_services
from trimaran.conf.tokens import Source, Word, source, words_by_line
from trimaran.conf.tree import parse
from trimaran.model.config import Config


@dataclass(frozen=True, slots=True)
class Result:
    """What a file means, and what there is to say about it, in file order.

    `config` is None if there is any error.
    """

    config: Config | None
    diagnostics: tuple[Diagnostic, ...]


def refused(file: str, message: str, advice: str | None = None) -> Result:
    """The result for a file that cannot be judged line by line."""
    return Result(None, (Diagnostic(Severity.ERROR, Span(file), message, advice),))


def load(text: bytes, file: str, interfaces: frozenset[str] | None = None) -> Result:
    """Read a configuration. `file` is the name for diagnostics. Never raises.

    `interfaces`: those of the machine that it is for; None if that is not known or not asked.
    """
    if b"\0" in text:
        return refused(
            file, "this is a binary file", "write a text file in keepalived.conf's language"
        )
    report = Report()
    try:
        lines = source(file, text.decode("utf-8"))
    except UnicodeDecodeError as error:
        _report_encoding(source(file, text.decode("utf-8", "replace")), text[: error.start], report)
        return Result(None, report.in_file_order())
    try:
        config = _config(lines, interfaces, report)
    except TooManyErrorsError:
        config = None
    if config is None and not report.errors:
        empty = refused(file, "nothing is configured", "write a vrrp_instance or a virtual_server")
        return Result(None, empty.diagnostics + report.in_file_order())
    return Result(config, report.in_file_order())


def _config(lines: Source, interfaces: frozenset[str] | None, report: Report) -> Config | None:
    start = Word("", lines, 1, 1, 1)
    file: Setting[bool] = Setting(start, start, "the file")
    read(parse(words_by_line(lines), report), table.FILE, file, report)
    global_defs: Setting[Any] = Setting(start, start, "global_defs")
    for block in file.all(table.GLOBAL_DEFS):
        global_defs.absorb(block)
    routers = virtual_routers(file.all(table.VRRP_INSTANCE), global_defs, report)
    if interfaces is not None:
        report_absent_interfaces(file.all(table.VRRP_INSTANCE), interfaces, report)
    services = virtual_services(file.all(table.VIRTUAL_SERVER), report)
    if report.errors:
        return None
    if not file.all(table.VRRP_INSTANCE) and not file.all(table.VIRTUAL_SERVER):
        return None
    return Config(global_defs.get(table.ROUTER_ID), routers, services)


def _report_encoding(lines: Source, before: bytes, report: Report) -> None:
    """`before`: the bytes up to the first that is not UTF-8."""
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8").removeprefix("\ufeff")) + 1
    word = Word("", lines, line, column, 1)
    report.error(word, "this is not UTF-8 text", "save the file as UTF-8")
